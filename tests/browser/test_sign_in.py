"""Sign-in from the first click to the way out, in a real browser with a real provider."""

from __future__ import annotations

import re

import pytest
from running_dashboard import running_dashboard
from sign_in_provider import provider_of_roles

from browser.pages import PATIENCE

pytestmark = pytest.mark.browser

ROLES = """
[roles.groups]
"quality leads" = "supervisor"
"""


@pytest.fixture
def provider(tmp_path, monkeypatch):
    with provider_of_roles(tmp_path, monkeypatch, ROLES) as provider:
        yield provider


def wait_for(page, text: str) -> None:
    page.get_by_text(re.compile(text)).first.wait_for(timeout=PATIENCE)


def press(page, label: str) -> None:
    page.get_by_role("button", name=re.compile(label)).click(timeout=PATIENCE)


def menu(page) -> list[str]:
    """Return which parts of the menu are on the page."""
    names = ("To listen to", "Calls", "Agents", "Manage", "Help")
    return [name for name in names if page.locator("header").get_by_text(name, exact=True).count()]


def test_only_who_is_in_a_group_with_a_role_gets_in(browser, provider):
    with running_dashboard() as address:
        page = browser.new_context().new_page()
        page.goto(address)
        wait_for(page, "Sign in to listen")
        assert page.locator("input[type=file]").count() == 0
        assert menu(page) == []
        assert page.title() == "Calmscore"

        provider.person = {"name": "Ada", "email": "ada@example.com", "groups": ["others"]}
        press(page, "Sign in")
        wait_for(page, "No access yet")
        wait_for(page, "Ada \\(ada@example.com\\)")
        assert page.locator("input[type=file]").count() == 0
        assert menu(page) == []

        press(page, "Sign out")
        wait_for(page, "Sign in to listen")
        provider.person["groups"] = ["others", "quality leads"]
        press(page, "Sign in")
        page.wait_for_selector("input[type=file]", state="attached", timeout=PATIENCE)
        assert menu(page) == ["To listen to", "Calls", "Agents", "Manage", "Help"]
        press(page, "Ada \\(ada@example.com\\)")
        wait_for(page, "You are signed in as supervisor")

        press(page, "Sign out")
        wait_for(page, "Sign in to listen")
        assert page.locator("input[type=file]").count() == 0
        assert menu(page) == []
