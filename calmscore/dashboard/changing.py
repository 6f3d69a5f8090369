"""What a press of a button changes in the store: done, or refused in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from sqlalchemy.orm import Session

from calmscore.dashboard.plain_text import plain
from calmscore.errors import CalmscoreError
from calmscore.store import Store


@contextmanager
def done_or_told() -> Iterator[None]:
    """Draw the page anew once something is done; where it is refused, say why instead."""
    try:
        yield
    except CalmscoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.rerun()


@contextmanager
def changing(store: Store) -> Iterator[Session]:
    """Write to the store, and draw the page anew; where it is refused, say why instead."""
    with done_or_told(), store.database.writing() as session:
        yield session
