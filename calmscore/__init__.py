"""Calmscore: how a customer's distress moves during a call, with evidence."""
