"""A store, a key of each role, and a client of the service: for all its tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from service_store import UNHURRIED, Keys, make_keys
from starlette.testclient import TestClient
from stub_classifier import stub_classifier

from calmscore.service.application import create_app
from calmscore.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def keys(store: Store) -> Keys:
    return make_keys(store)


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    with TestClient(create_app(store, stub_classifier(), settings=UNHURRIED)) as opened:
        yield opened
