"""The dashboard: ``streamlit run app.py``."""

from calmscore.dashboard.navigation import show

show()
