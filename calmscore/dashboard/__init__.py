"""The dashboard's pages: one file each, and one for the charts."""
