"""The search for garbage after each run of a page passes over what is loaded for good."""

from __future__ import annotations

import gc
import sys
from types import ModuleType

import pytest
from streamlit.testing.v1 import AppTest

from calmscore.dashboard import navigation
from calmscore.dashboard.lasting import LoadedModules


@pytest.fixture(autouse=True)
def nothing_passed_over():
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_what_modules_hold_is_not_searched():
    LoadedModules().pass_over()
    assert gc.get_freeze_count() > len(gc.get_objects())


def test_it_is_done_again_only_where_modules_were_loaded(monkeypatch):
    loaded = LoadedModules()
    loaded.pass_over()
    before = gc.get_freeze_count()
    later = [[number] for number in range(50_000)]
    loaded.pass_over()
    assert gc.get_freeze_count() <= before
    monkeypatch.setitem(sys.modules, "loaded_later", ModuleType("loaded_later"))
    loaded.pass_over()
    assert gc.get_freeze_count() > before + len(later) // 2


def test_every_page_sees_to_it(tmp_path, monkeypatch):
    monkeypatch.setenv("CALMSCORE_DATA_FOLDER", str(tmp_path))
    monkeypatch.setattr(navigation, "loaded_modules", LoadedModules())
    page = AppTest.from_function(_any_page, default_timeout=60).run()
    assert not page.exception
    assert gc.get_freeze_count() > 0


def _any_page():
    from calmscore.dashboard.navigation import show

    show()
