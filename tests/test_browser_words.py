"""Words in a real browser: they follow the score and the playhead, and a click plays them."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from running_dashboard import ROOT, running_browser, running_dashboard
from test_browser import PATIENCE, PLAYER, open_page, score

pytestmark = pytest.mark.browser


def test_words_follow_and_a_click_plays_them(monkeypatch):
    monkeypatch.delenv("CALMSCORE_TRANSCRIBER", raising=False)
    with running_dashboard() as address, running_browser() as browser:
        page = open_page(browser, address)
        score(page, ROOT / "samples" / "calms_down.wav")
        page.wait_for_selector(".console .words li", timeout=3 * PATIENCE)
        word = page.locator(".console .words .said [data-at]", has_text="unacceptable").first
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
