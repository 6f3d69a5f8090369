"""Sign-in from the first click to the way out, in a real browser with a real provider."""

from __future__ import annotations

import re

import pytest
from running_dashboard import running_browser, running_dashboard
from sign_in_provider import CLIENT_ID, CLIENT_SECRET, running_provider

pytestmark = pytest.mark.browser

PATIENCE = 120_000


@pytest.fixture
def provider():
    with running_provider() as provider:
        yield provider


@pytest.fixture
def sign_in_is_set_up(provider, tmp_path, monkeypatch):
    file = tmp_path / "secrets.toml"
    file.write_text(
        f"""
        [auth]
        redirect_uri = "http://localhost:{{port}}/oauth2callback"
        cookie_secret = "{"c" * 64}"
        client_id = "{CLIENT_ID}"
        client_secret = "{CLIENT_SECRET}"
        server_metadata_url = "{provider.address}/.well-known/openid-configuration"
        [roles.groups]
        "quality leads" = "supervisor"
        """
    )
    # Read by the dashboard, which is a process of its own.
    monkeypatch.setenv("STREAMLIT_SECRETS_FILES", str(file))


def wait_for(page, text: str) -> None:
    page.get_by_text(re.compile(text)).first.wait_for(timeout=PATIENCE)


def press(page, label: str) -> None:
    page.get_by_role("button", name=re.compile(label)).click(timeout=PATIENCE)


def menu(page) -> list[str]:
    """Return which parts of the menu are on the page."""
    names = ("To listen to", "Calls", "Agents", "Manage", "Help")
    return [name for name in names if page.locator("header").get_by_text(name, exact=True).count()]


def test_only_who_is_in_a_group_with_a_role_gets_in(provider, sign_in_is_set_up):
    with running_dashboard() as address, running_browser() as browser:
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
