"""What ``calmscore dashboard`` runs; ``app.py`` of the checkout does the same."""

from calmscore.dashboard.navigation import show

show()
