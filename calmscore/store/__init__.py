"""Stored calls: reports, agents, notes, settings, audit; SQLite or PostgreSQL."""

from calmscore.store.store import Store

__all__ = ["Store"]
