"""What every page of the desk shares: the store, and who is sitting at it."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from store import Store
from store.keys import Role


@dataclass(frozen=True, kw_only=True)
class User:
    """Who uses the page, by name for the audit, and what they may do."""

    name: str
    role: Role


@st.cache_resource(show_spinner=False)
def open_store() -> Store:
    """Return the one store of this installation."""
    return Store.from_environment()


def current_user() -> User:
    """Return who uses the page; without sign-in, whoever sits at this machine."""
    return User(name="local user", role="admin")
