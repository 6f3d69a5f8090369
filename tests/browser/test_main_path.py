"""The main path in a real browser: upload, read, click, listen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from running_dashboard import ROOT, running_dashboard

from browser.pages import PATIENCE, PLAYER, open_page, score, wait_for_place, wait_for_player

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address():
    with running_dashboard() as address:
        yield address


@pytest.fixture(scope="module")
def calls(tmp_path_factory) -> dict[str, Path]:
    """Two different calls, made of the first and the second half of a sample."""
    folder = tmp_path_factory.mktemp("calls")
    speech, rate = soundfile.read(ROOT / "samples" / "calms_down.wav")
    middle = len(speech) // 2
    made = {}
    for name, part in (("first", speech[:middle]), ("second", speech[middle - 10 * rate :])):
        made[name] = folder / f"{name}.wav"
        soundfile.write(made[name], part, rate, subtype="ULAW")
    return made


def click_at(page, share: float) -> None:
    """Click on the customer's lane, this far along the call."""
    box = page.locator(".console .time canvas").bounding_box()
    left = 74
    page.locator(".console .time canvas").click(
        position={"x": left + share * (box["width"] - left - 8), "y": 36}
    )


def test_a_click_on_the_timeline_plays_there_and_a_second_click_plays_it_again(
    browser, address, calls
):
    page = open_page(browser, f"{address}/score_call")
    value = score(page, calls["first"])
    assert 1.0 <= float(value.split()[0]) <= 10.0
    length = float(page.evaluate(f"{PLAYER}.duration"))
    for _ in range(2):
        click_at(page, 0.5)
        wait_for_place(page, length / 2, within=1.5)
        page.wait_for_function(f"{PLAYER}.currentTime > {length / 2 + 2.5}", timeout=PATIENCE)


def test_a_moment_plays_from_the_agents_turn_before_it(browser, address):
    page = open_page(browser, f"{address}/score_call")
    page.get_by_text("Try the sample call").click()
    wait_for_player(page)
    card = page.locator(".console .card").first
    minutes, seconds = card.locator(".when").inner_text().split()[-1].split(":")
    assert "Agent spoke" in card.inner_text()
    card.click()
    wait_for_place(page, 60 * int(minutes) + int(seconds), within=2.0)


def test_a_bad_file_gets_a_notice_and_the_page_goes_on(browser, address, calls, tmp_path):
    bad = tmp_path / "letter.wav"
    bad.write_text("Dear customer")
    page = open_page(browser, f"{address}/score_call")
    page.set_input_files("input[type=file]", bad)
    page.wait_for_selector("[data-testid=stAlert]", timeout=PATIENCE)
    assert "letter.wav" in page.inner_text("[data-testid=stAlert]")
    assert "Traceback" not in page.inner_text("body")
    page.reload()
    page.wait_for_selector("[data-testid=stFileUploader]", timeout=PATIENCE)
    assert score(page, calls["first"])


def test_two_people_at_once_each_see_their_own_call(browser, address, calls):
    pages = {name: open_page(browser, f"{address}/score_call") for name in calls}
    for name, page in pages.items():
        page.set_input_files("input[type=file]", calls[name])
    for name, page in pages.items():
        page.wait_for_selector(".score .value", timeout=PATIENCE)
        assert f"{name}.wav" in page.inner_text(".score-file")
        other = next(other for other in calls if other != name)
        assert f"{other}.wav" not in page.inner_text("body")
    durations = [page.inner_text(".score-file").split("·")[1] for page in pages.values()]
    assert len(np.unique(durations)) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone(browser, address, calls, scheme):
    page = open_page(browser, f"{address}/score_call", width=390, height=844, scheme=scheme)
    score(page, calls["first"])
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    wide = page.evaluate(
        "[...document.querySelectorAll('.stMain *')]"
        ".filter(e => e.getBoundingClientRect().right > 392).length"
    )
    assert wide == 0


def test_the_model_card_fits_a_phone_and_shows_its_pictures(browser, address):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{address}/model_card")
    page.wait_for_selector(".st-key-card table", timeout=PATIENCE)
    pictures = "[...document.querySelectorAll('.st-key-card img')]"
    shown = f"{pictures}.filter(i => i.naturalWidth > 0 && i.alt.length > 40).length === 2"
    page.wait_for_function(shown, timeout=PATIENCE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    rights = page.evaluate(
        "[...document.querySelectorAll('.st-key-card :is(table, img)')]"
        ".map(e => e.getBoundingClientRect().right)"
    )
    assert max(rights) <= 390
