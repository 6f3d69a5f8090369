"""Words in a real browser: they follow the score and the playhead, and a click plays them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from running_dashboard import ROOT, running_dashboard

from browser.pages import PATIENCE, PLAYER, add, open_page, score, wait_for_call

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CALMSCORE_TRANSCRIBER", raising=False)
        with running_dashboard(stub_model=True) as address:
            yield address


def test_words_follow_and_a_click_plays_them(browser, monkeypatch):
    monkeypatch.delenv("CALMSCORE_TRANSCRIBER", raising=False)
    with running_dashboard() as address:
        page = open_page(browser, f"{address}/score_call")
        score(page, ROOT / "samples" / "calms_down.wav")
        page.wait_for_selector(".console .words li", timeout=3 * PATIENCE)
        word = page.locator(".console .words .spoken [data-at]", has_text="unacceptable").first
        word.click()
        page.wait_for_function(
            f"{PLAYER}.currentTime > 10 && {PLAYER}.currentTime < 25", timeout=PATIENCE
        )
        current = page.locator(".console .words li[aria-current]")
        expect(current).to_contain_text("unacceptable", timeout=PATIENCE)
        expect(current.locator("mark", has_text="unacceptable")).to_have_count(1)
        expect(current).to_contain_text("weighs most:")
        page.fill(".console .words input", "order number")
        expect(page.locator(".console .words li:not(.hidden)")).to_have_count(1, timeout=PATIENCE)


def test_score_lanes_words_and_reasons_share_one_screen(browser, address):
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(f"{address}/score_call", timeout=PATIENCE)
    page.get_by_role("button", name="Try the sample call").click(timeout=PATIENCE)
    page.wait_for_selector(".console .words li", timeout=PATIENCE)
    for part in (".score .value", ".score .outcome", ".console .sum", ".console .tools"):
        expect(page.locator(part)).to_be_visible(timeout=PATIENCE)
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] <= 900, part


def heard_at(page, seconds: float) -> None:
    """Wait until the call plays from about there."""
    page.wait_for_function(
        f"{PLAYER} && {PLAYER}.currentTime >= {seconds - 0.5}"
        f" && {PLAYER}.currentTime < {seconds + 20}",
        timeout=PATIENCE,
    )


def test_from_the_upload_to_the_word_that_finds_the_call(browser, address):
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(f"{address}/calls", timeout=PATIENCE)
    add(page, ROOT / "samples" / "calms_down.wav")
    page.get_by_role("link", name="Open").first.click()
    wait_for_call(page)
    # The words come a little later, by themselves.
    page.wait_for_selector(".console .words li", timeout=PATIENCE)
    word = page.locator(".console .words .spoken [data-at]", has_text="cancel").last
    seconds = float(word.get_attribute("data-at"))
    word.click()
    heard_at(page, seconds)
    # And the call is found by what is said in it.
    page.get_by_role("link", name="All calls").click()
    page.get_by_role("textbox", name="Said in the call").fill('"third time"')
    page.keyboard.press("Enter")
    line = page.locator("td.said a").first
    expect(line.locator("mark")).to_have_text("third time!", timeout=PATIENCE)
    expect(line).to_contain_text("Customer")
    expect(page.locator("td.watched .phrase").first).to_contain_text("cancel")
    line.click()
    page.wait_for_url(re.compile(r"/call\?.*at="), timeout=PATIENCE)
    at = float(re.findall(r"at=([\d.]+)", page.url)[0])
    assert at > 5.0
    heard_at(page, at)
    page.go_back()
    page.get_by_role("textbox", name="Said in the call").fill("nobody says this")
    page.keyboard.press("Enter")
    page.get_by_text("No call matches").wait_for(timeout=PATIENCE)
