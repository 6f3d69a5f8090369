"""Keys of the HTTP service: never stored themselves, and useless once revoked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import inspect, text

from calmscore.errors import NotStoredError, ParameterError
from calmscore.store import keys


@pytest.fixture
def session(store):
    with store.database.writing() as session:
        yield session


def stored_text(session) -> str:
    tables = inspect(session.connection()).get_table_names()
    rows = [row for table in tables for row in session.execute(text(f"SELECT * FROM {table}"))]
    return "\n".join(map(str, rows))


def test_a_key_is_found_by_itself_and_by_nothing_else(session):
    key = keys.create_key(session, name=" telephone system ", role="supervisor")
    session.flush()
    row = keys.find_key(session, key)
    assert (row.name, row.role) == ("telephone system", "supervisor")
    assert (row.last_used_at, row.revoked_at) == (None, None)
    for other in ("", key[:-1], key + "x", key.upper(), "calm_", "\ud800"):
        assert keys.find_key(session, other) is None


def test_only_the_hash_of_a_key_is_stored(session):
    key = keys.create_key(session, name="batch", role="admin")
    session.flush()
    assert "batch" in stored_text(session)
    assert key not in stored_text(session)
    assert key.removeprefix("calm_") not in stored_text(session)


def test_every_key_is_another_one(session):
    assert len({keys.create_key(session, name="n", role="viewer") for _ in range(20)}) == 20


def test_a_revoked_key_opens_nothing_and_stays_listed(session):
    key = keys.create_key(session, name="old", role="viewer")
    kept = keys.create_key(session, name="kept", role="viewer")
    session.flush()
    key_id = keys.find_key(session, key).id
    keys.revoke_key(session, key_id)
    session.flush()
    assert keys.find_key(session, key) is None
    assert keys.find_key(session, kept) is not None
    first, second = keys.list_keys(session)
    assert (first.name, second.name) == ("old", "kept")
    assert first.revoked_at is not None and second.revoked_at is None
    keys.revoke_key(session, key_id)
    session.flush()
    assert keys.list_keys(session)[0].revoked_at == first.revoked_at


def test_the_last_use_is_remembered(session):
    key = keys.create_key(session, name="batch", role="viewer")
    session.flush()
    keys.note_use(session, keys.find_key(session, key).id)
    keys.note_use(session, 4711)
    session.flush()
    assert keys.find_key(session, key).last_used_at is not None


def test_a_key_ends_after_its_days_and_only_then(session):
    key = keys.create_key(session, name="n", role="viewer", days=30)
    endless = keys.create_key(session, name="n", role="viewer")
    session.flush()
    row, now = keys.find_key(session, key), datetime.now(UTC)
    assert not row.is_over()
    assert not row.is_over(now=now + timedelta(days=29))
    assert row.is_over(now=now + timedelta(days=31))
    assert not keys.find_key(session, endless).is_over(now=now + timedelta(days=9999))


def test_what_cannot_be_is_refused(session):
    with pytest.raises(ParameterError, match="'boss'; choose one of viewer"):
        keys.create_key(session, name="n", role="boss")
    with pytest.raises(ParameterError, match="needs a name"):
        keys.create_key(session, name=" ", role="viewer")
    with pytest.raises(ParameterError, match="longer than 200"):
        keys.create_key(session, name="n" * 201, role="viewer")
    for days in (0, 3651):
        with pytest.raises(ParameterError, match=f"days is {days}"):
            keys.create_key(session, name="n", role="viewer", days=days)
    with pytest.raises(NotStoredError, match="4711"):
        keys.revoke_key(session, 4711)


def test_each_role_may_do_what_the_lower_ones_may():
    allowed = {
        role: [needed for needed in keys.ROLES if keys.allows(role, needed)] for role in keys.ROLES
    }
    assert allowed == {
        "agent": ["agent"],
        "viewer": ["agent", "viewer"],
        "supervisor": ["agent", "viewer", "supervisor"],
        "admin": ["agent", "viewer", "supervisor", "admin"],
    }


def test_an_agent_has_no_key(session):
    with pytest.raises(ParameterError, match="role is 'agent'"):
        keys.create_key(session, name="mine", role="agent")
