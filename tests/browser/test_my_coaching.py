"""A session between two people in a real browser: shared, heard, contested, decided."""

from __future__ import annotations

import io
import re

import httpx
import pytest
from made_calls import RESCUED, WORSE, made_recording
from made_calls import made_report as made_of
from running_dashboard import running_dashboard
from shared_sessions import drafted_session
from sign_in_provider import provider_of_roles

from browser.pages import PATIENCE, grave_faults, nothing_wider, wait_until_drawn
from calmscore.store import Store
from calmscore.store.calls import CallDetails
from calmscore.store.coaching import add_note

pytestmark = pytest.mark.browser

SAM = {"name": "Sam", "email": "sam@example.com", "groups": ["leads"]}
DANA = {"name": "Dana", "email": "dana@example.com", "groups": ["phones"]}


ROLES = """
[roles.groups]
"leads" = "supervisor"
"phones" = "agent"
[roles.agents]
"dana@example.com" = "Dana"
"""


@pytest.fixture
def provider(tmp_path, monkeypatch):
    with provider_of_roles(tmp_path, monkeypatch, ROLES) as provider:
        yield provider


def fill(store: Store) -> None:
    ids = []
    for number, (name, emotions, agent) in enumerate(
        (("hers", WORSE, "Dana"), ("his", RESCUED, "Ben"))
    ):
        sound = made_recording(number, seconds=30.0)
        report = made_of(emotions, file_name=f"{name}.wav", recording=sound)
        store.add_call(report, io.BytesIO(sound), actor="t", details=CallDetails(agent=agent))
        ids.append(report.call.id)
    with store.database.writing() as session:
        add_note(session, ids[0], text="A calm voice here.", author="Sam", at_seconds=9.0)
    drafted_session(store, "Dana", ids[0])


def signed_in(provider, browser, address, person):
    provider.person = person
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(address, timeout=PATIENCE)
    press(page, "Sign in")
    wait_for(page, f"{person['name']} \\({person['email']}\\)")
    return page


def wait_for(page, text: str) -> None:
    page.get_by_text(re.compile(text)).first.wait_for(timeout=PATIENCE)


def press(page, label: str, **options) -> None:
    page.get_by_role("button", name=label, **options).first.click(timeout=PATIENCE)


def follow(page, label: str) -> None:
    page.get_by_role("link", name=re.compile(label)).first.click(timeout=PATIENCE)


def looked_at(page, what: str) -> None:
    """See to it that a page keeps nobody out: light and dark, on a screen and on a phone."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        wait_until_drawn(page, scheme=scheme)
        assert grave_faults(page) == [], f"{what}, {scheme}"
    page.set_viewport_size({"width": 390, "height": 844})
    wait_until_drawn(page, scheme="dark")
    # The menu of a phone is Streamlit's own.
    assert grave_faults(page, within="[data-testid=stMain]") == [], f"{what}, phone"
    nothing_wider(page, 390)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 900})


@pytest.mark.timeout(900)
def test_a_session_is_shared_heard_contested_and_decided(browser, provider):
    with running_dashboard(stub_model=True, fill=fill) as address:
        dana = signed_in(provider, browser, address, DANA)
        wait_for(dana, "Nothing is shared with you yet")

        sam = signed_in(provider, browser, address, SAM)
        sam.goto(f"{address}/coaching", timeout=PATIENCE)
        press(sam, "Share with Dana")
        wait_for(sam, "all notes on these calls")
        sam.get_by_role("dialog").get_by_role("button", name="Share").click(timeout=PATIENCE)
        wait_for(sam, "Shared by Sam")

        # The agent opens, plays and contests.
        dana.goto(address, timeout=PATIENCE)
        wait_for(dana, "waits for your answer")
        looked_at(dana, "my coaching")
        follow(dana, "Open")
        wait_for(dana, "Your answer to the session")
        looked_at(dana, "a session")
        follow(dana, "At 0:04")
        dana.wait_for_selector(".score .value", timeout=PATIENCE)
        sound = "document.querySelector('.st-key-player audio')"
        dana.wait_for_function(f"{sound} && {sound}.readyState > 0", timeout=PATIENCE)
        dana.wait_for_function(f"{sound}.currentTime >= 4", timeout=PATIENCE)
        wait_for(dana, "A calm voice here")
        looked_at(dana, "a call of a session")
        media = dana.evaluate(f"{sound}.src")
        dana.get_by_label("In your words").fill("The line was broken.")
        dana.keyboard.press("Tab")
        press(dana, "Contest")
        wait_for(dana, "The reply is still to come")

        # Nothing else opens by any address.
        for path in ("calls", "agents", "coaching", "export", "settings", "call?call=" + "a" * 64):
            dana.goto(f"{address}/{path}", timeout=PATIENCE)
            wait_for(dana, "What your supervisors shared with you")
            assert "his.wav" not in dana.inner_text("[data-testid=stMain]")
        assert dana.locator("input[type=file]").count() == 0

        # Sound is the sign-in's whose page plays it.
        assert dana.request.get(media).status == 200
        assert sam.request.get(media).status == 404
        assert httpx.get(media).status_code == 404

        # The supervisor finds it at home, replies and decides.
        sam.goto(address, timeout=PATIENCE)
        wait_for(sam, "Contested: reply")
        looked_at(sam, "home")
        follow(sam, "^reply Reply|Reply$")
        wait_for(sam, "Your decision")
        looked_at(sam, "coaching")
        sam.get_by_text("Set the score aside").click(timeout=PATIENCE)
        sam.get_by_role("textbox", name="Reply").first.fill("I heard it, too.")
        sam.keyboard.press("Tab")
        press(sam, "Send")
        wait_for(sam, "The score is set aside")
        sam.goto(f"{address}/calls", timeout=PATIENCE)
        wait_for(sam, "score set aside")

        dana.goto(address, timeout=PATIENCE)
        follow(dana, "Open")
        wait_for(dana, "I heard it, too")
        wait_for(dana, "nobody uses it")
