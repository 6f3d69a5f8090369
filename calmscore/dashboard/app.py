"""What ``calmscore dashboard`` runs; ``app.py`` of the checkout does the same."""

import streamlit as st
from starlette.middleware import Middleware

from calmscore.connections import bound_connections
from calmscore.dashboard.door import Door
from calmscore.dashboard.kept_files import KeptFiles
from calmscore.dashboard.lasting import load_for_pages
from calmscore.dashboard.navigation import show
from calmscore.dashboard.page_files import PAGES_FOLDER

if __name__ == "__main__":
    show()  # a page, each time that it is drawn
else:  # the server, once
    bound_connections()
    load_for_pages(PAGES_FOLDER)
    app = st.App(__file__, middleware=[Middleware(Door), Middleware(KeptFiles)])
