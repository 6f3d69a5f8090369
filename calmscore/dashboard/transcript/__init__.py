"""The words of a call on its page."""
