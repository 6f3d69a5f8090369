"""Nothing leaves the machine: every page in a real browser, with its network watched."""

from __future__ import annotations

import pytest
from running_dashboard import paths_of_all_pages

from browser.pages import PATIENCE, wait_until_drawn

pytestmark = pytest.mark.browser


def watched(page) -> list[str]:
    """Return a list that fills with every address that a page asks for, whatever comes of it."""
    asked: list[str] = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.requestWillBeSent", lambda sent: asked.append(sent["request"]["url"]))
    session.on("Network.webSocketCreated", lambda made: asked.append(made["url"]))
    return asked


def of_this_page(url: str, address: str) -> bool:
    return url.startswith((f"{address}/", f"ws{address[4:]}/", "data:", "blob:"))


def test_no_page_asks_for_anything_elsewhere(browser, address):
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text))
    asked = watched(page)
    page.goto(f"{address}/score_call")
    page.get_by_text("Try the sample call").click(timeout=PATIENCE)
    page.wait_for_selector(".score .value", timeout=PATIENCE)
    paths = paths_of_all_pages()
    for path in paths:
        page.goto(f"{address}/{path}")
        wait_until_drawn(page)
        page.wait_for_load_state("networkidle", timeout=PATIENCE)
    assert len(asked) > 10 * len(paths)
    assert [url for url in asked if not of_this_page(url, address)] == []
    # Nor was anything stopped on its way that a page would need.
    assert [said for said in complaints if "Content Security Policy" in said] == []


def test_a_table_has_no_download_that_the_audit_does_not_know(browser, address):
    page = browser.new_page()
    page.goto(f"{address}/settings")
    # One line in the audit, so that its table has something to download.
    page.get_by_role("textbox", name="Time format").fill("%Y%m%d", timeout=PATIENCE)
    page.get_by_role("textbox", name="Time format").press("Enter")
    page.get_by_role("button", name="Save").click(timeout=PATIENCE)
    page.get_by_text("Saved.").wait_for(timeout=PATIENCE)
    page.locator(".audit").get_by_text("settings changed").wait_for(timeout=PATIENCE)
    assert page.locator("[data-testid=stDataFrame]").count() == 0
    assert page.get_by_role("button", name="Download as CSV").count() == 0
