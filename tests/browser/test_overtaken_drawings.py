"""A page that is drawn twice at once shows the newer of the two, in whichever order they come."""

from __future__ import annotations

from typing import Any

import pytest
from made_calls import RESCUED, WORSE, made_report
from running_dashboard import ROOT

from calmscore.dashboard.calls_table import CALLS_TABLE
from calmscore.dashboard.console.component import CONSOLE
from calmscore.dashboard.console.view import console_view
from calmscore.dashboard.dropping import DROPPING
from calmscore.dashboard.frame import MENU
from calmscore.dashboard.page_component import PageComponent

pytestmark = pytest.mark.browser

# As Streamlit does it: what an overtaken drawing returned is called while its place still stands,
# what the newer one returned once the place is gone.
DRAWN = """
async ([script, html, [older, newer], order]) => {
  const source = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const { default: draw } = await import(source);
  const place = document.createElement("main");
  place.innerHTML = html;
  document.querySelector(".stApp").append(place);
  window.told = [];
  const tell = (name, value) => window.told.push([name, value]);
  const sent = (data) => new TextEncoder().encode(JSON.stringify(data));
  const drawn = (data) =>
    draw({ parentElement: place, data: sent(data), setStateValue: tell, setTriggerValue: tell });
  const cleanUps = { older: () => {}, newer: () => {} };
  for (const which of order) cleanUps[which] = drawn({ older, newer }[which]);
  cleanUps.older?.();
  window.drawAgain = drawn;
  window.leave = () => {
    place.remove();
    cleanUps.newer?.();
  };
}
"""
PAGE = """
<div class="stApp"><section data-testid="stSidebar" data-collapsed="false">
<div data-testid="stSidebarCollapseButton">
<button onclick="window.timesClosed += 1">‹</button></div>
</section></div>
"""
ORDERS = [("older", "newer"), ("newer", "older")]


def dated(older: dict[str, Any], newer: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"drawn_at": at, "shown": shown} for at, shown in ((1, older), (2, newer))]


@pytest.fixture
def page(browser):
    """Open a page of its own, as narrow as a phone, with a menu that counts how often it closes."""
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.set_content(PAGE)
    page.evaluate("window.timesClosed = 0")
    return page


def draw(
    page, component: PageComponent, drawings: list[dict[str, Any]], order: tuple[str, str]
) -> None:
    page.evaluate(DRAWN, [component.script, component.html, drawings, order])


def console_data(report, **changes: Any) -> dict[str, Any]:
    shown = {
        "words": None, "start": None, "bookmarks": [], "may_bookmark": True,
        "why_no_bookmark": "", "may_link": True, "why_no_link": "", "unheard": "",
        "player": "sound",
        "spectrogram": None,
    }  # fmt: skip
    return console_view(report) | shown | changes


@pytest.mark.parametrize("order", ORDERS)
def test_the_console_keeps_the_newer_call_and_its_keys(page, order):
    older, newer = (console_data(made_report(names)) for names in (WORSE, RESCUED))
    draw(page, CONSOLE, dated(older, newer), order)
    assert page.locator(".sum").inner_text() == newer["sum"] != older["sum"]
    note = page.locator(".note")
    page.keyboard.press("b")
    assert note.is_visible()
    page.evaluate("window.note = document.querySelector('.note'); window.note.hidden = true")
    page.evaluate("window.leave()")
    page.keyboard.press("b")
    assert page.evaluate("window.note.hidden")


@pytest.mark.parametrize("order", ORDERS)
def test_lanes_that_are_compared_keep_the_newer_call(page, order):
    older, newer = (
        console_data(made_report(names), compared=True, axis_seconds=90.0, name=name)
        for name, names in (("older.wav", WORSE), ("newer.wav", RESCUED))
    )
    draw(page, CONSOLE, dated(older, newer), order)
    assert page.locator(".sum").inner_text() == newer["sum"]
    assert page.locator(".console").get_attribute("aria-label") == "newer.wav"


HAND_OVER = """
(outline) => {
  const made = document.createElement("div");
  made.className = "st-key-sound";
  made.innerHTML = "<div></div><audio></audio>";
  made.firstChild.dataset.outline = JSON.stringify(outline);
  document.body.append(made);
}
"""
LANES_HEIGHT = "document.querySelector('.time canvas').clientHeight"


def test_a_sound_that_comes_after_the_console_is_shown_and_can_be_played(page):
    data = console_data(made_report(RESCUED))
    draw(page, CONSOLE, dated(data, data), ORDERS[0])
    page.wait_for_function(f"{LANES_HEIGHT} > 150")
    without, play = page.evaluate(LANES_HEIGHT), page.locator(".play")
    assert play.get_attribute("aria-disabled") == "true"
    assert not page.locator("[data-do=spectrogram]").is_visible()
    page.evaluate(HAND_OVER, {"per_second": 2.0, "sides": ["AP8A", "/wAA"]})
    page.wait_for_function(f"{LANES_HEIGHT} > {without} + 40")
    assert play.get_attribute("aria-disabled") == "false"
    assert page.locator("[data-do=spectrogram]").is_visible()
    # Drawn anew it shows the sound that it has.
    page.evaluate("(data) => { window.drawAgain(data); }", {"drawn_at": 3, "shown": data})
    assert page.evaluate(LANES_HEIGHT) > without + 40


def table_data(*names: str, ticked: tuple[str, ...] = ()) -> dict[str, Any]:
    column = {
        "name": "file",
        "label": "File",
        "explained": "",
        "sorts": True,
        "chosen": False,
        "direction": None,
    }
    rows = [
        {"id": name, "href": name, "file": name, "playable": False, "said": []} for name in names
    ]
    colours = {"better": "#000000", "worse": "#000000"}
    return {"columns": [column], "rows": rows, "ticked": list(ticked), "colours": colours}


@pytest.mark.parametrize("order", ORDERS)
def test_the_table_of_calls_keeps_the_newer_page(page, order):
    older = table_data("a.wav", "b.wav", ticked=("a.wav",))
    newer = table_data("c.wav", "d.wav", ticked=("d.wav",))
    draw(page, CALLS_TABLE, dated(older, newer), order)
    assert page.locator("tbody td.file a").all_inner_texts() == ["c.wav", "d.wav"]
    assert page.locator("tbody input:checked").get_attribute("aria-label") == "Tick d.wav"
    page.get_by_label("Tick c.wav").check()
    assert page.evaluate("window.told") == [["ticked", ["c.wav", "d.wav"]]]


HOLD = """
() => {
  const held = new DataTransfer();
  held.items.add(new File(["RIFF"], "one.wav"));
  const event = new DragEvent("dragover", { bubbles: true, cancelable: true, dataTransfer: held });
  return !document.querySelector(".stApp").dispatchEvent(event);
}
"""


@pytest.mark.parametrize("order", ORDERS)
def test_what_is_dropped_goes_where_the_newer_page_wants_it(page, order):
    older, newer = (
        {"uploader": name, "invitation": f"Drop it on {name}", "presses": False, "suffixes": []}
        for name in ("older", "newer")
    )
    draw(page, DROPPING, dated(older, newer), order)
    assert page.evaluate(HOLD)
    assert page.locator(".calmscore-drop.veil").all_inner_texts() == ["Drop it on newer"]
    page.evaluate("window.leave()")
    assert not page.evaluate(HOLD)
    assert page.locator(".calmscore-drop").count() == 0


@pytest.mark.parametrize("order", ORDERS)
def test_the_menu_of_a_phone_stays_as_it_is_while_the_page_is_the_same(page, order):
    older, newer = dated({"page": "Calls"}, {"page": "Home"})
    draw(page, MENU, [older, newer], order)
    closed = page.evaluate("window.timesClosed")
    page.evaluate("(data) => { window.drawAgain(data); }", newer | {"drawn_at": 3})
    assert page.evaluate("window.timesClosed") == closed


def test_every_component_is_drawn_by_this_mechanism():
    sources = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "calmscore").rglob("*.py")
        if "components.v2" in path.read_text(encoding="utf-8")
    }
    assert sources == {"calmscore/dashboard/page_component.py"}
