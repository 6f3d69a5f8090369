"""Pages of the desk as scripts: open one, read it, fill its store."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from made_calls import made_report
from streamlit.testing.v1 import AppTest
from stub_classifier import stub_classifier

from calmscore.dashboard import desk
from calmscore.network import classifier
from calmscore.store import Store
from calmscore.store.calls import CallDetails

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def desk_store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Give an empty store, which the desk opens too, and the stub classifier."""
    monkeypatch.setenv("CALMSCORE_DATA_FOLDER", str(folder))
    monkeypatch.delenv("CALMSCORE_DATABASE_URL", raising=False)
    monkeypatch.setattr(classifier, "load_classifier", stub_classifier)
    st.cache_resource.clear()
    store = Store(folder)
    yield store
    store.close()
    st.cache_resource.clear()


def as_viewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a viewer sit at the desk."""
    monkeypatch.setattr(desk, "current_user", lambda: desk.User(name="Vera", role="viewer"))


def opened(view: str, **query) -> AppTest:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180).run()
    page.switch_page(view)
    page.query_params.update(query)
    return page.run()


def add(store: Store, emotions, name: str, *, content: bytes | None = None, **details):
    report = made_report(emotions, file_name=name, recording=content)
    sound = None if content is None else io.BytesIO(content)
    store.add_call(report, sound, actor="tester", details=CallDetails(**details))
    return report.call.id


def texts(page: AppTest) -> str:
    parts = (*page.markdown, *page.caption, *page.warning, *page.error, *page.info, *page.success)
    found = [part.value for part in parts] + [part.body for part in page.html]
    return read("\n".join(found))


def read(markdown: str) -> str:
    """Return Markdown of `plain` text as it is read."""
    return re.sub(r":color\[(\\?.)\]", r"\1", markdown).replace("\\", "")


def drawn(page: AppTest, component: str) -> list[dict[str, Any]]:
    """Return what each component of this name shows on a page."""
    return [
        json.loads(one.proto.bytes)["shown"]
        for one in page.get("bidi_component")
        if one.proto.component_name == component
    ]


def button(page: AppTest, label: str):
    return next(button for button in page.button if button.label == label)


def labels(page: AppTest) -> list[str]:
    return [button.label for button in page.button]
