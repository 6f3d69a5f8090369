"""The store that the pages show, and who looks at them without the right to change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_pages import as_viewer, desk_store

from calmscore.store import Store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with desk_store(tmp_path, monkeypatch) as opened:
        yield opened


@pytest.fixture
def viewer(monkeypatch: pytest.MonkeyPatch) -> None:
    as_viewer(monkeypatch)
