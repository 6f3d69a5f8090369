"""Recordings on their way into the store."""
