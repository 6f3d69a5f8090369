"""The search for garbage after each run of a page passes over what is loaded for good."""

from __future__ import annotations

import gc
import runpy
import sys
from types import ModuleType

import pytest
from running_dashboard import ROOT
from streamlit.testing.v1 import AppTest

from calmscore import connections
from calmscore.dashboard import lasting, navigation
from calmscore.dashboard.lasting import LoadedModules, load_for_pages
from calmscore.dashboard.page_files import PAGES_FOLDER


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
    page = AppTest.from_function(_any_page, default_timeout=180).run()
    assert not page.exception
    assert gc.get_freeze_count() > 0


def test_what_pages_import_is_loaded_and_they_are_not_run(tmp_path, monkeypatch):
    package = tmp_path / "packages" / "imported_by_pages"
    package.mkdir(parents=True)
    for name in ("__init__", "of_a_package", "by_its_name", "of_a_part"):
        (package / f"{name}.py").write_text("PART = 1\n")
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "one.py").write_text(
        "from __future__ import annotations\n"
        "import imported_by_pages.by_its_name\n"
        "from imported_by_pages import of_a_package\n"
        "raise AssertionError('it was run')\n"
    )
    (pages / "other.py").write_text("from imported_by_pages.of_a_part import PART\n")
    monkeypatch.syspath_prepend(package.parent)
    load_for_pages(pages)
    loaded = {name for name in sys.modules if name.startswith("imported_by_pages.")}
    assert loaded == {
        f"imported_by_pages.{name}" for name in ("by_its_name", "of_a_package", "of_a_part")
    }


@pytest.mark.parametrize("door", ["app.py", "calmscore/dashboard/app.py"])
def test_a_server_that_starts_loads_them(monkeypatch, door):
    folders = []
    monkeypatch.setattr(lasting, "load_for_pages", folders.append)
    monkeypatch.setattr(connections, "bound_connections", lambda: None)
    runpy.run_path(str(ROOT / door), run_name="server")
    assert folders == [PAGES_FOLDER]
    assert (PAGES_FOLDER / "calls.py").is_file()


def _any_page():
    from calmscore.dashboard.navigation import show

    show()
