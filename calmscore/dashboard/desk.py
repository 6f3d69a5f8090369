"""What every page of the desk shares: the store, and who is sitting at it."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError
from streamlit.runtime.scriptrunner import get_script_run_ctx

from calmscore.dashboard.door import admitted_sessions
from calmscore.dashboard.media_access import media_access
from calmscore.dashboard.plain_text import plain
from calmscore.dashboard.sign_in import (
    SIGN_IN_HOLDS_FOR,
    SignInRules,
    agent_of,
    is_fresh,
    is_local,
    name_of,
    read_rules,
    role_of,
)
from calmscore.errors import ParameterError
from calmscore.store import Store
from calmscore.store.keys import Role, allows
from calmscore.store.own_coaching import OwnCoaching

_LOCAL_USER = "local user"


@dataclass(frozen=True, kw_only=True)
class User:
    """Who uses the page, by name for the audit, and what they may do.

    ``agent`` is how calls name somebody of the role agent.
    """

    name: str
    role: Role
    agent: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Refusal:
    """Why somebody is not let in, and what they may do instead."""

    title: str
    why: str
    button: Literal["sign in", "sign out"] | None = None


@st.cache_resource(show_spinner=False)
def _installed_store() -> Store:
    return Store.from_environment()


def open_store() -> Store:
    """Return the one store of this installation; stop with a plain page for an agent.

    Whatever page an agent finds, this is where it ends: they have `own_coaching` alone.
    """
    keep_agents_out()
    return _installed_store()


def keep_agents_out() -> None:
    """Stop with a plain page for an agent."""
    if not allows(current_user().role, "viewer"):
        _show_refusal(
            _Refusal(
                title="Not for you", why="This page is for supervisors. Yours is “My coaching”."
            )
        )


def own_coaching() -> OwnCoaching:
    """Return what was shared with the agent who uses the page; stop for anybody else."""
    user = current_user()
    if user.agent is None:
        _show_refusal(
            _Refusal(title="My coaching", why="This page is for agents who sign in themselves.")
        )
    return OwnCoaching(_installed_store(), agent=user.agent, person=user.name)


def admit() -> None:
    """Let nobody past who may not use the desk; to be called before any page.

    Whoever is signed in finds their name above the page, and under it the way out.
    """
    user = None
    try:
        user = current_user()
    finally:
        _tell_the_door(admitted=user is not None and allows(user.role, "viewer"))
    if is_shared():
        with (
            st.container(horizontal=True, horizontal_alignment="right"),
            st.popover(plain(user.name), icon=":material/account_circle:", type="tertiary"),
        ):
            as_whom = "" if user.agent is None else f", {plain(user.agent)}"
            st.markdown(f"You are signed in as {user.role}{as_whom}.")
            st.button("Sign out", icon=":material/logout:", on_click=st.logout)


def _tell_the_door(*, admitted: bool) -> None:
    """Say whether this session may upload, and whose it is; Streamlit itself asks nobody."""
    context = get_script_run_ctx()
    if context is not None:
        admitted_sessions.mark(context.session_id, admitted=admitted)
        media_access.note(context.session_id, st.context.cookies)


def current_user() -> User:
    """Return who uses the page; stop with a plain page where nobody may.

    Without sign-in this is whoever sits at this machine, who may do everything.
    """
    found = _user_or_refusal()
    if isinstance(found, _Refusal):
        _show_refusal(found)
    return found


def role_here() -> Role | None:
    """Return the role of who uses the page, None where nobody may; it draws nothing."""
    found = _user_or_refusal()
    return None if isinstance(found, _Refusal) else found.role


def sign_in_is_set_up() -> bool:
    """Tell whether people come in by sign-in here."""
    return read_rules(_secrets()) is not None


def agents_who_sign_in() -> frozenset[str]:
    """Return the names of agents whose account is known, as calls have them."""
    rules = read_rules(_secrets())
    return frozenset(() if rules is None else rules.agents.values())


def is_shared() -> bool:
    """Tell whether several people sign in here, rather than whoever sits at this machine."""
    return current_user().name != _LOCAL_USER


def _secrets() -> Mapping[str, Any]:
    try:
        return st.secrets.to_dict()
    except StreamlitSecretNotFoundError as error:
        # A file that cannot be read may be the one that asks for sign-in.
        if any(Path(file).exists() for file in st.get_option("secrets.files")):
            raise ParameterError("Streamlit's secrets cannot be read") from error
        return {}


def _user_or_refusal() -> User | _Refusal:
    try:
        rules = read_rules(_secrets())
    except ParameterError as error:
        return _Refusal(
            title="Sign-in is not set up",
            why=f"{plain(str(error))}. Nobody is let in until this is put right.",
        )
    if rules is not None:
        return _signed_in(rules)
    if not is_local(st.context.ip_address, st.context.headers):
        return _Refusal(
            title="Only from this machine",
            why="Sign-in is not set up here, and without it there is no remote access. Open this "
            "page on the machine that runs Calmscore, or ask whoever looks after it to set up "
            "sign-in.",
        )
    return User(name=_LOCAL_USER, role="admin")


def _signed_in(rules: SignInRules) -> User | _Refusal:
    if importlib.util.find_spec("authlib") is None:
        return _Refusal(
            title="Sign-in is not set up",
            why="Install the packages that it needs: 'calmscore[sign-in]'.",
        )
    claims = st.user.to_dict()
    if claims.get("is_logged_in") is not True:
        return _asked_to_sign_in("Sign in to listen to your team's calls and coach with them.")
    if not is_fresh(claims):
        hours = int(SIGN_IN_HOLDS_FOR.total_seconds() // 3600)
        return _asked_to_sign_in(
            f"You signed in more than {hours} hours ago. Please sign in again."
        )
    name = name_of(claims)
    role = role_of(claims, rules.group_roles, claim=rules.claim)
    if role is None:
        return _no_access(
            f"You are signed in as {plain(name)}, but none of your groups may use Calmscore. "
            "Ask whoever looks after it to add you to one, then sign in again."
        )
    if role != "agent":
        return User(name=name, role=role)
    agent = agent_of(claims, rules.agents)
    if agent is None:
        return _no_access(
            f"You are signed in as {plain(name)}, but it is not said here which agent you are. "
            "Ask whoever looks after Calmscore to name you, then sign in again."
        )
    return User(name=name, role=role, agent=agent)


def _asked_to_sign_in(why: str) -> _Refusal:
    return _Refusal(title="Calmscore", why=why, button="sign in")


def _no_access(why: str) -> _Refusal:
    return _Refusal(title="No access yet", why=why, button="sign out")


def _show_refusal(refusal: _Refusal) -> NoReturn:
    st.title(refusal.title)
    if refusal.button == "sign in":
        st.markdown(refusal.why)
        st.button("Sign in", type="primary", icon=":material/login:", on_click=st.login)
    else:
        st.info(refusal.why)
    if refusal.button == "sign out":
        st.button("Sign out", icon=":material/logout:", on_click=st.logout)
    st.stop()
