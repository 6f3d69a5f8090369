"""What the tests of intake share: a store in SQLite, and words that are written down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from calmscore.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def words_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CALMSCORE_TRANSCRIBER", raising=False)
