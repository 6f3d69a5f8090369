"""Whose sound a media address is: Streamlit itself hands it to whoever knows the address."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from typing import Any

from streamlit import runtime
from streamlit.runtime.media_file_storage import MediaFileKind

from calmscore.dashboard.sign_in import SIGN_IN_HOLDS_FOR

_SIGN_IN_COOKIE = "_streamlit_user"
# While a page is drawn again, its session holds nothing for a moment.
_PATIENCE_SECONDS, _LOOK_EVERY_SECONDS = 2.0, 0.1

# The signed cookies of one sign-in; empty where nobody signs in.
_SignIn = tuple[tuple[str, str], ...]


def sign_in_of(cookies: Mapping[str, str]) -> _SignIn:
    """Return what tells one sign-in from another in the cookies of a request."""
    return tuple(
        sorted((name, value) for name, value in cookies.items() if name.startswith(_SIGN_IN_COOKIE))
    )


class MediaAccess:
    """Which sign-in may fetch which media file: the one whose page shows it."""

    def __init__(self) -> None:
        self._sign_ins: dict[str, tuple[_SignIn, float]] = {}
        self._granted: dict[tuple[str, _SignIn], float] = {}
        self._lock = threading.Lock()

    def note(self, session_id: str, cookies: Mapping[str, str]) -> None:
        """Remember by which sign-in a session came in."""
        now = time.monotonic()
        with self._lock:
            held = _held_files()
            # A page that shows nothing may be half drawn: whose it is stays known for a time.
            self._sign_ins = {
                key: one for key, one in self._sign_ins.items() if key in held or one[1] > now
            }
            until = now + SIGN_IN_HOLDS_FOR.total_seconds()
            self._sign_ins[session_id] = (sign_in_of(cookies), until)

    async def allows(self, file_id: str, cookies: Mapping[str, str]) -> bool:
        """Tell whether the sign-in of a request has a page that shows this file, or had one.

        Parameters
        ----------
        file_id : str
            Name of the file without what follows its dot.
        """
        sign_in = sign_in_of(cookies)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._grant(file_id, sign_in):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
        return True

    def _grant(self, file_id: str, sign_in: _SignIn) -> bool:
        now = time.monotonic()
        with self._lock:
            self._granted = {key: until for key, until in self._granted.items() if until > now}
            held = _held_files()
            sessions = {session for session, files in held.items() if file_id in files}
            sessions = sessions or _offering_what_is_made(file_id)
            if any(self._sign_in_of_session(session) == sign_in for session in sessions):
                self._granted[file_id, sign_in] = now + SIGN_IN_HOLDS_FOR.total_seconds()
            return (file_id, sign_in) in self._granted

    def _sign_in_of_session(self, session_id: str) -> _SignIn | None:
        noted = self._sign_ins.get(session_id)
        return None if noted is None else noted[0]


media_access = MediaAccess()


def _manager() -> Any:
    """Return what holds Streamlit's media files, None outside of a dashboard."""
    return runtime.get_instance().media_file_mgr if runtime.exists() else None


def _held_files() -> dict[str, set[str]]:
    """Return the files that each session's page shows."""
    held = getattr(_manager(), "_files_by_session_and_coord", {})
    return {session: set(tuple(files.values())) for session, files in tuple(held.items())}


def _offering_what_is_made(file_id: str) -> set[str]:
    """Return whose pages offer files that are made on the click, where this is such a file.

    Streamlit does not say which page one was made for, and its address is told to that alone.
    """
    manager = _manager()
    made = getattr(manager, "_file_metadata", {}).get(file_id)
    if made is None or made.kind is not MediaFileKind.DOWNLOADABLE:
        return set()
    return set(getattr(manager, "_deferred_ids_by_session", ()))
