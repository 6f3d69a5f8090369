"""Words in a real browser: they follow the score, and a word that is clicked is heard."""

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
        page.wait_for_selector(".transcript li", timeout=3 * PATIENCE)
        word = page.locator(".transcript .said button", has_text="unacceptable").first
        word.click()
        page.wait_for_function(
            f"{PLAYER}.currentTime > 10 && {PLAYER}.currentTime < 25", timeout=PATIENCE
        )
        page.fill(".transcript input", "order number")
        expect(page.locator(".transcript li:not(.hidden)")).to_have_count(1, timeout=PATIENCE)
