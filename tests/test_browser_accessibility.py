"""Every page of the desk under axe, light and dark: nothing serious, nothing critical."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from made_calls import CALM, RESCUED, WORSE, made_report
from running_dashboard import running_browser, running_dashboard

from calmscore.store import Store
from calmscore.store.calls import CallDetails
from calmscore.store.sessions import plan_session

pytestmark = pytest.mark.browser

PATIENCE = 120_000
PAGES = (
    "",
    "calls",
    "agents",
    "coaching",
    "compare",
    "export",
    "settings",
    "reading",
    "model_card",
)
GRAVE = {"serious", "critical"}
DRAWN = "[data-testid=stApp][data-test-script-state=notRunning] .stMain :is(h1, h2, p)"


def fill(store: Store) -> None:
    for name, emotions in (("rescued", RESCUED), ("worse", WORSE), ("calm", CALM)):
        report = made_report(emotions, file_name=f"{name}.wav")
        store.add_call(report, actor="tester", details=CallDetails(agent="Dana"))
    with store.database.writing() as session:
        plan_session(session, agent="Dana", author="tester")


def grave_faults(page) -> list[tuple[str, str]]:
    found = Axe().run(page).response["violations"]
    return [
        (fault["id"], node["html"])
        for fault in found
        if fault["impact"] in GRAVE
        for node in fault["nodes"]
    ]


def test_no_page_keeps_anybody_out():
    with running_dashboard(stub_model=True, fill=fill) as address, running_browser() as browser:
        page = browser.new_page()
        for name in PAGES:
            page.emulate_media(color_scheme="light")
            page.goto(f"{address}/{name}", timeout=PATIENCE)
            page.wait_for_selector(DRAWN, timeout=PATIENCE)
            page.wait_for_timeout(500)
            assert grave_faults(page) == [], f"{name}, light"
            page.emulate_media(color_scheme="dark")
            # Colours pass over into one another.
            page.wait_for_timeout(1500)
            assert grave_faults(page) == [], f"{name}, dark"
