"""The console: one call to look at and to listen to, in one component."""
