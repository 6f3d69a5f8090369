"""What ``calmscore dashboard`` runs; ``app.py`` of the checkout does the same."""

import streamlit as st
from starlette.middleware import Middleware

from calmscore.connections import bound_connections
from calmscore.dashboard.door import Door
from calmscore.dashboard.navigation import show

if __name__ == "__main__":
    show()  # a page, each time that it is drawn
else:
    bound_connections()
    app = st.App(__file__, middleware=[Middleware(Door)])  # the server, once
