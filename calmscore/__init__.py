"""Calmscore: how a customer's distress moves during a call, with evidence."""

# TensorFlow brings a SQLite of its own, without full-text search, and whatever asks for SQLite
# after it gets that one. So Python's comes first.
import sqlite3  # noqa: F401
