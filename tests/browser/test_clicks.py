"""From the worst call to hearing its moment: counted in clicks, in a real browser."""

from __future__ import annotations

import io

import pytest
from made_calls import CALM, RESCUED, WORSE, made_recording, made_report

from browser.pages import PATIENCE
from calmscore.store import Store

pytestmark = pytest.mark.browser

MOST_CLICKS = 2
# What a script clicks is no click of a person's.
COUNT = (
    "window.clicks = 0;"
    "addEventListener('click', (event) => { window.clicks += event.isTrusted ? 1 : 0; }, true);"
)


def fill(store: Store) -> None:
    # The worst call is not the newest.
    for number, (name, emotions) in enumerate(
        (("worse", WORSE), ("rescued", RESCUED), ("calm", CALM))
    ):
        content = made_recording(number, seconds=3.0 * len(emotions))
        report = made_report(emotions, file_name=f"{name}.wav", recording=content)
        store.add_call(report, io.BytesIO(content), actor="tester")


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.add_init_script(COUNT)
    return page


def heard_from(page, player: str) -> float:
    """Return from where a player plays, once it does.

    The page sets a new player to its beginning before the console sets it to the moment.
    """
    sound = f"document.querySelector('{player}')"
    begun = f"{sound}.played.start({sound}.played.length - 1)"
    playing = f"{sound} && !{sound}.paused && {sound}.played.length && {begun} > 1"
    page.wait_for_function(playing, timeout=PATIENCE)
    return float(page.evaluate(begun))


def test_from_home(page, address):
    page.goto(address, timeout=PATIENCE)
    worst = page.locator("[class*=st-key-listen-]").filter(has_text="worse.wav")
    worst.get_by_role("button", name="Play").click(timeout=PATIENCE)
    # The customer turns at 0:15; the moment begins before that, not at the beginning.
    assert 5.0 < heard_from(page, "audio") < 20.0
    assert page.evaluate("window.clicks") <= MOST_CLICKS


def test_from_calls(page, address):
    page.goto(f"{address}/calls", timeout=PATIENCE)
    page.locator("th.score button").click(timeout=PATIENCE)
    page.locator("th.score[aria-sort=ascending]").wait_for(timeout=PATIENCE)
    worst = page.locator("tbody tr").first
    assert "worse.wav" in worst.inner_text()
    worst.get_by_role("button", name="Play the moment").click()
    page.get_by_role("heading", name="worse.wav").wait_for(timeout=PATIENCE)
    assert 5.0 < heard_from(page, ".st-key-player audio") < 20.0
    assert page.evaluate("window.clicks") <= MOST_CLICKS
