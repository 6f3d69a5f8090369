"""Alerts in a real browser: a rule is made, its secret seen once, a test sent and received."""

from __future__ import annotations

import hmac
import json
import time

import pytest
from alert_receivers import running_hook
from running_dashboard import running_dashboard

from browser.pages import PATIENCE

pytestmark = pytest.mark.browser


def test_a_rule_is_made_and_its_test_arrives_signed(browser, monkeypatch):
    with running_hook() as hook:
        monkeypatch.setenv("CALMSCORE_ALERT_HOSTS", f"127.0.0.1:{hook.port}")
        with running_dashboard(stub_model=True) as address:
            page = browser.new_page()
            page.goto(f"{address}/alerts", timeout=PATIENCE)
            page.get_by_role("button", name="New rule").click(timeout=PATIENCE)
            form = page.get_by_role("dialog")
            form.get_by_role("textbox", name="Name").fill("Worse", timeout=PATIENCE)
            form.get_by_role("textbox", name="Webhook to").fill(hook.url)
            form.get_by_role("button", name="Save").click()
            secret = page.get_by_test_id("stCode").inner_text(timeout=PATIENCE).strip()
            page.get_by_role("button", name="I have it").click()
            page.get_by_test_id("stCode").wait_for(state="detached", timeout=PATIENCE)
            page.get_by_role("button", name="Send a test").click()
            page.get_by_text("A test is on its way").wait_for(timeout=PATIENCE)
            deadline = time.monotonic() + PATIENCE / 1000
            while not hook.received:
                assert time.monotonic() < deadline
                page.wait_for_timeout(100)
            ((_, headers, body),) = hook.received
            signed = f"{headers['Calmscore-Timestamp']}.".encode() + body
            expected = hmac.new(secret.encode(), signed, "sha256").hexdigest()
            assert headers["Calmscore-Signature"] == f"sha256={expected}"
            assert json.loads(body)["kind"] == "test"
            page.get_by_role("button", name="Delete").click()
            page.get_by_role("button", name="Delete the rule").click(timeout=PATIENCE)
            page.get_by_text("No rules yet.").wait_for(timeout=PATIENCE)
