"""Roles, and the keys of the HTTP service; only their hashes are stored."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from calmscore.errors import NotStoredError, ParameterError
from calmscore.store.schema import NAME_LENGTH, ApiKey

KeyRole = Literal["viewer", "supervisor", "admin"]
KEY_ROLES: tuple[KeyRole, ...] = get_args(KeyRole)
# An agent sees what was shared with them on the page, and has no key.
Role = Literal["agent", "viewer", "supervisor", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
_PREFIX = "calm_"
_MOST_DAYS = 3650


@dataclass(frozen=True, kw_only=True)
class KeyRow:
    """A key as lists show it."""

    id: int
    name: str
    role: KeyRole
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    expires_at: datetime | None = None

    def is_over(self, *, now: datetime | None = None) -> bool:
        """Tell whether the key has come to its end."""
        return self.expires_at is not None and self.expires_at <= (now or datetime.now(UTC))


def allows(role: Role, needed: Role) -> bool:
    """Tell whether a role may do what another one may: agent < viewer < supervisor < admin."""
    return ROLES.index(role) >= ROLES.index(needed)


def create_key(session: Session, *, name: str, role: KeyRole, days: int | None = None) -> str:
    """Make a key and return it; it cannot be read again.

    Parameters
    ----------
    name : str
        What the key is for.
    role : {"viewer", "supervisor", "admin"}
        What it may do.
    days : int, optional
        How long it opens anything, 1–3650; without an end by default.

    Raises
    ------
    ParameterError
        If the name is empty or longer than 200 characters, the role none of the three, or
        the days cannot be.
    """
    if role not in KEY_ROLES:
        raise ParameterError(f"role is {role!r}; choose one of {', '.join(KEY_ROLES)}")
    if not name.strip():
        raise ParameterError("a key needs a name that says what it is for")
    if len(name.strip()) > NAME_LENGTH:
        raise ParameterError(f"the name {name.strip()!r} is longer than {NAME_LENGTH} characters")
    if days is not None and not 1 <= days <= _MOST_DAYS:
        raise ParameterError(f"days is {days}; choose 1 to {_MOST_DAYS}, or none")
    now = datetime.now(UTC)
    key = _PREFIX + secrets.token_urlsafe(32)
    session.add(
        ApiKey(
            name=name.strip(),
            role=role,
            digest=_digest(key),
            created_at=now,
            expires_at=None if days is None else now + timedelta(days=days),
        )
    )
    return key


def find_key(session: Session, key: str) -> KeyRow | None:
    """Return the key that a caller showed, also one that is over; None if unknown or revoked."""
    # The digest of 256 random bits needs no salt, and can be looked up.
    stored = session.scalar(
        select(ApiKey).where(ApiKey.digest == _digest(key), ApiKey.revoked_at.is_(None))
    )
    return None if stored is None else _row(stored)


def note_use(session: Session, key_id: int) -> None:
    """Remember that a key was used now."""
    stored = session.get(ApiKey, key_id)
    if stored is not None:
        stored.last_used_at = datetime.now(UTC)


def list_keys(session: Session) -> list[KeyRow]:
    """Return all keys, revoked ones too, in the order in which they were made."""
    return [_row(stored) for stored in session.scalars(select(ApiKey).order_by(ApiKey.id))]


def revoke_key(session: Session, key_id: int) -> None:
    """Make a key useless.

    Raises
    ------
    NotStoredError
        If there is no such key.
    """
    stored = session.get(ApiKey, key_id)
    if stored is None:
        raise NotStoredError(f"there is no key {key_id}")
    stored.revoked_at = stored.revoked_at or datetime.now(UTC)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


def _row(stored: ApiKey) -> KeyRow:
    role: KeyRole = stored.role  # type: ignore[assignment]
    return KeyRow(
        id=stored.id, name=stored.name, role=role, created_at=stored.created_at,
        last_used_at=stored.last_used_at, revoked_at=stored.revoked_at,
        expires_at=stored.expires_at,
    )  # fmt: skip
