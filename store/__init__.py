"""Stored calls: reports, agents, notes, settings, audit; SQLite or PostgreSQL."""

from store.store import Store

__all__ = ["Store"]
