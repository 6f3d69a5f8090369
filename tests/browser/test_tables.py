"""Tables on a phone: every column is seen without scrolling aside."""

import pytest
from made_calls import CALM, RESCUED, SHORT, made_report

from browser.pages import PATIENCE
from calmscore.store import Store
from calmscore.store.calls import CallDetails

pytestmark = pytest.mark.browser


def fill(store: Store) -> None:
    for agent in ("Dana Whitcombe-Harrington", "Ben"):
        for number, emotions in enumerate((RESCUED, CALM, SHORT)):
            report = made_report(emotions, file_name=f"{agent}-{number}.wav")
            store.add_call(report, None, actor="t", details=CallDetails(agent=agent))


def test_the_table_of_agents_fits_a_phone(browser, address):
    page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    page.goto(f"{address}/agents", timeout=PATIENCE)
    table = page.get_by_test_id("stTable").locator("table")
    table.wait_for(timeout=PATIENCE)
    box = table.bounding_box()
    assert box["x"] + box["width"] <= 390
    last = table.locator("th").last.bounding_box()
    assert last["x"] + last["width"] <= 390


def test_the_audit_fits_a_phone(browser, address):
    page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    page.goto(f"{address}/settings", timeout=PATIENCE)
    audit = page.get_by_role("region", name="Audit")
    audit.get_by_text("call added").first.wait_for(timeout=PATIENCE)
    assert audit.evaluate("box => box.scrollWidth <= box.clientWidth")
    for cell in audit.locator("tbody tr").first.locator("td").all():
        box = cell.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
