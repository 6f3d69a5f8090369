"""Corpora of acted emotional speech: file name to speaker, emotion, intensity."""
