"""Every page under axe, light and dark: nothing serious, nothing critical."""

from __future__ import annotations

import pytest
from made_calls import CALM, RESCUED, WORSE, made_report, with_made_words
from running_dashboard import paths_of_all_pages

from browser.pages import PATIENCE, grave_faults, wait_until_drawn
from calmscore.analysis.report import CallReport
from calmscore.store import Store
from calmscore.store.alert_rules import AlertRule, add_rule, ask_for_test
from calmscore.store.calls import CallDetails
from calmscore.store.sessions import plan_session

pytestmark = pytest.mark.browser


MADE = {"rescued": RESCUED, "worse": WORSE, "calm": CALM}


def made(name: str) -> CallReport:
    return with_made_words(made_report(MADE[name], file_name=f"{name}.wav"))


def of_calls(*names: str) -> str:
    return "?" + "&".join(f"call={made(name).call.id}" for name in names)


# What a page must be told to show anything.
QUERIES = {"call": of_calls("rescued"), "compare": of_calls("rescued", "worse")}


def fill(store: Store) -> None:
    for name in MADE:
        report = made(name)
        store.add_call(report, actor="tester", details=CallDetails(agent="Dana"))
    with store.database.writing() as session:
        plan_session(session, agent="Dana", author="tester")
        rule = AlertRule(name="Low", highest_score=4.0, url="https://hooks.example.com/calm")
        ask_for_test(session, add_rule(session, rule).id)


@pytest.mark.timeout(900)  # there are many pages
def test_no_page_keeps_anybody_out(browser, address):
    page = browser.new_page()
    for name in paths_of_all_pages():
        page.emulate_media(color_scheme="light")
        page.goto(f"{address}/{name}{QUERIES.get(name, '')}", timeout=PATIENCE)
        wait_until_drawn(page, scheme="light")
        assert grave_faults(page) == [], f"{name}, light"
        page.emulate_media(color_scheme="dark")
        wait_until_drawn(page, scheme="dark")
        assert grave_faults(page) == [], f"{name}, dark"
