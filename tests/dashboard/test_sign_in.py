"""Who gets in: from this machine without sign-in, from elsewhere only by a group with a role."""

from __future__ import annotations

import copy
import time
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import streamlit as st
from streamlit import config
from streamlit.runtime.secrets import Secrets
from streamlit.testing.v1 import AppTest

from calmscore.dashboard.sign_in import agent_of, is_fresh, is_local, name_of, read_rules, role_of
from calmscore.errors import ParameterError

ROOT = Path(__file__).resolve().parents[2]
GROUPS = {"listeners": "viewer", "leads": "supervisor", "it": "admin"}
AUTH = {
    "redirect_uri": "http://localhost:8501/oauth2callback",
    "cookie_secret": "c" * 64,
    "client_id": "calmscore",
    "client_secret": "much secret",
    "server_metadata_url": "http://localhost/.well-known/openid-configuration",
}
SECRETS = {"auth": AUTH, "roles": {"claim": "groups", "groups": GROUPS}}


def page() -> None:
    import streamlit as st

    from calmscore.dashboard.desk import admit, current_user

    admit()
    user = current_user()
    st.text(f"inside as {user.name}, {user.role}")


def changed(**sections) -> dict:
    return {**copy.deepcopy(SECRETS), **sections}


def claims(**more) -> dict:
    person = {"is_logged_in": True, "iat": time.time(), "name": "Ada", "email": "ada@example.com"}
    return {**person, **more}


def open_page(*, secrets=None, user=None) -> AppTest:
    opened = AppTest.from_function(page, default_timeout=180)
    opened.secrets.update(secrets or {})
    if user is not None:
        opened.user = user
    opened.run()
    assert not opened.exception
    return opened


def inside(opened: AppTest) -> str | None:
    return opened.text[0].value if opened.text else None


def told(opened: AppTest) -> str:
    return "\n".join(part.value for part in (*opened.title, *opened.markdown, *opened.info))


def labels(opened: AppTest) -> list[str]:
    return [button.label for button in opened.button]


class Elsewhere:
    """What Streamlit tells of a page that was asked for from another machine."""

    def __init__(self, address=None, headers=None):
        self.ip_address = address
        self.headers = headers or {}
        self.cookies = {}


def test_without_sign_in_whoever_sits_here_may_do_everything():
    opened = open_page()
    assert inside(opened) == "inside as local user, admin"
    assert labels(opened) == []


@pytest.mark.parametrize(
    "request_from",
    [
        Elsewhere("192.0.2.7"),
        Elsewhere("2001:db8::7"),
        Elsewhere(None, {"Host": "calmscore.example.com"}),
        Elsewhere(None, {"Host": "localhost:8501", "X-Forwarded-For": "192.0.2.7"}),
    ],
)
def test_without_sign_in_nobody_gets_in_from_elsewhere(monkeypatch, request_from):
    monkeypatch.setattr(st, "context", request_from)
    opened = open_page()
    assert inside(opened) is None
    assert "without it there is no remote access" in told(opened)
    assert labels(opened) == []


def test_the_dashboard_itself_shows_no_page_to_those_from_elsewhere(monkeypatch):
    monkeypatch.setattr(st, "context", Elsewhere("192.0.2.7"))
    opened = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180).run()
    assert [title.value for title in opened.title] == ["Only from this machine"]
    assert len(opened.button) == 0


@pytest.mark.parametrize(
    ("user", "position"),
    [
        ({"is_logged_in": False}, "hidden"),
        (claims(groups=["others"]), "hidden"),
        (claims(groups=["it"], iat=0), "hidden"),
        (claims(groups=["listeners"]), "top"),
    ],
)
def test_the_menu_is_for_who_is_let_in_alone(monkeypatch, user, position):
    drawn = []
    navigation = st.navigation

    def noted(pages, **options):
        drawn.append(options["position"])
        return navigation(pages, **options)

    monkeypatch.setattr(st, "navigation", noted)
    opened = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)
    opened.secrets.update(SECRETS)
    opened.user = user
    opened.run()
    assert drawn == [position]


@pytest.mark.parametrize(
    ("address", "headers", "local"),
    [
        (None, {}, True),
        (None, {"Host": "localhost"}, True),
        (None, {"Host": "127.0.0.1:8501"}, True),
        (None, {"Host": "[::1]:8501"}, True),
        ("127.0.0.5", {"Host": "localhost:8501"}, True),
        ("::ffff:127.0.0.1", {}, True),
        ("::ffff:192.0.2.7", {}, False),
        ("not an address", {}, False),
        ("10.0.0.2", {"Host": "localhost:8501"}, False),
        (None, {"Host": "rebound.example.com:8501"}, False),
        (None, {"Host": "localhost.example.com"}, False),
        (None, {"Host": "[broken"}, False),
        (None, {"Host": "localhost", "Forwarded": "for=192.0.2.7"}, False),
        (None, {"Host": "localhost", "X-Real-IP": "192.0.2.7"}, False),
    ],
)
def test_only_requests_of_this_machine_to_itself_are_local(address, headers, local):
    assert is_local(address, headers) is local


def test_who_is_not_signed_in_is_asked_to_and_sees_nothing():
    opened = open_page(secrets=SECRETS, user={"is_logged_in": False})
    assert inside(opened) is None
    assert labels(opened) == ["Sign in"]
    assert "Sign in to listen" in told(opened)


def test_with_sign_in_being_local_opens_nothing():
    assert inside(open_page(secrets=SECRETS, user={})) is None


def test_the_button_starts_the_sign_in(monkeypatch):
    started = []
    monkeypatch.setattr(st, "login", lambda: started.append(True))
    opened = open_page(secrets=SECRETS, user={"is_logged_in": False})
    opened.button[0].click().run()
    assert started == [True]


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["listeners"], "viewer"),
        (["leads", "others"], "supervisor"),
        (["listeners", "it", "leads"], "admin"),
    ],
)
def test_a_group_gives_its_role_and_the_highest_one_wins(groups, role):
    opened = open_page(secrets=SECRETS, user=claims(groups=groups))
    assert inside(opened) == f"inside as Ada (ada@example.com), {role}"
    assert labels(opened) == ["Sign out"]
    assert told(opened) == f"You are signed in as {role}."


AGENT_SECRETS = {
    "auth": AUTH,
    "roles": {
        "groups": {**GROUPS, "phones": "agent"},
        "agents": {"Ada@Example.com": "Ada  Byron"},
    },
}


def test_an_agent_is_the_one_that_the_account_is_bound_to():
    opened = open_page(secrets=AGENT_SECRETS, user=claims(groups=["phones"]))
    assert inside(opened) == "inside as Ada (ada@example.com), agent"
    assert told(opened) == "You are signed in as agent, Ada Byron."


def test_an_agent_whom_nobody_named_gets_a_plain_message_and_the_way_out():
    for more in ({"email": "eve@example.com"}, {"email_verified": False}):
        opened = open_page(secrets=AGENT_SECRETS, user=claims(groups=["phones"], **more))
        assert inside(opened) is None
        assert "not said here which agent you are" in told(opened)
        assert labels(opened) == ["Sign out"]


def test_an_agent_who_also_leads_is_a_supervisor():
    opened = open_page(secrets=AGENT_SECRETS, user=claims(groups=["phones", "leads"]))
    assert inside(opened).endswith(", supervisor")


@pytest.mark.parametrize(
    ("person", "agent"),
    [
        ({"email": "ADA@example.com"}, "Ada"),
        ({"preferred_username": "ada@example.com"}, "Ada"),
        ({"email": "ada@example.com", "email_verified": True}, "Ada"),
        # People may choose these themselves.
        ({"email": "ada@example.com", "email_verified": False}, None),
        ({"name": "ada@example.com", "email": "eve@example.com"}, None),
        ({"email": "eve@example.com", "preferred_username": "ada@example.com"}, None),
        ({}, None),
    ],
)
def test_an_account_binds_and_nothing_else(person, agent):
    assert agent_of(person, {"ada@example.com": "Ada"}) == agent


@pytest.mark.parametrize(
    "groups", [["others"], [], None, ["Leads"], "lead", {"leads": 1}, [["it"]]]
)
def test_who_is_in_no_group_with_a_role_gets_a_plain_message_and_the_way_out(groups):
    opened = open_page(secrets=SECRETS, user=claims(groups=groups))
    assert inside(opened) is None
    assert "none of your groups may use Calmscore" in told(opened)
    assert labels(opened) == ["Sign out"]


def test_the_way_out_signs_out(monkeypatch):
    left = []
    monkeypatch.setattr(st, "logout", lambda: left.append(True))
    for groups in (["others"], ["leads"]):
        open_page(secrets=SECRETS, user=claims(groups=groups)).button[0].click().run()
    assert left == [True, True]


@pytest.mark.parametrize("issued", [time.time() - 12.1 * 3600, None, "now"])
def test_an_old_sign_in_has_to_be_renewed(issued):
    opened = open_page(secrets=SECRETS, user=claims(groups=["it"], iat=issued))
    assert inside(opened) is None
    assert labels(opened) == ["Sign in"]
    assert "more than 12 hours ago" in told(opened)


def test_a_sign_in_is_fresh_for_twelve_hours():
    now = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
    for hours, fresh in ((0, True), (11.9, True), (12, False)):
        issued = (now - timedelta(hours=hours)).timestamp()
        assert is_fresh({"iat": issued}, now=now) is fresh


def test_the_claim_can_have_another_name_and_hold_a_single_group():
    assert role_of({"roles": "leads"}, GROUPS, claim="roles") == "supervisor"
    secrets = changed(roles={"claim": "roles", "groups": GROUPS})
    opened = open_page(secrets=secrets, user=claims(roles=["leads"], groups=["it"]))
    assert inside(opened).endswith(", supervisor")


@pytest.mark.parametrize(
    ("person", "name"),
    [
        ({"name": "Ada", "email": "ada@example.com", "sub": "1"}, "Ada (ada@example.com)"),
        ({"name": "Ada", "preferred_username": "ada"}, "Ada (ada)"),
        ({"email": "ada@example.com"}, "ada@example.com"),
        ({"name": "ada", "upn": "ada"}, "ada"),
        ({"sub": "0a1b"}, "0a1b"),
        ({"name": " Ada\n Lovelace ", "email": 5}, "Ada Lovelace"),
        ({}, "unnamed user"),
        ({"name": "A" * 300}, "A" * 200),
    ],
)
def test_a_person_has_a_name_for_the_audit(person, name):
    assert name_of(person) == name


def test_a_name_is_text_and_never_markup():
    opened = open_page(secrets=SECRETS, user=claims(name="**Ada** :red[x]", groups=["others"]))
    assert "Ada" in told(opened)
    assert "**Ada**" not in told(opened)
    assert ":red[x]" not in told(opened)


@pytest.mark.parametrize(
    ("secrets", "reason"),
    [
        ({"auth": AUTH}, r"\[roles\]"),
        ({"roles": SECRETS["roles"]}, r"\[auth\]"),
        (changed(auth="yes"), r"\[auth\]"),
        (changed(auth={**AUTH, "client_id": ""}), "no client_id"),
        (changed(auth={"client_id": "x"}), "no redirect_uri, cookie_secret, client_secret"),
        (changed(auth={**AUTH, "cookie_secret": "short"}), "shorter than 32"),
        (changed(roles={"groups": {}}), r"\[roles.groups\]"),
        (changed(roles={"groups": ["it"]}), r"\[roles.groups\]"),
        (changed(roles={"groups": {"it": "boss"}}), "'it' is 'boss'; choose one of agent, viewer"),
        (changed(roles={"groups": GROUPS, "agents": ["ada"]}), r"\[roles.agents\]"),
        (changed(roles={"groups": GROUPS, "agents": {"ada@example.com": " "}}), "ada@example.com"),
        (
            changed(roles={"groups": GROUPS, "agents": {"a": "Ada B", "b": "Ada  B"}}),
            "two accounts to 'Ada B'",
        ),
        (changed(roles={"groups": GROUPS, "claim": ""}), "claim in"),
        (changed(roles={"leads": "admin"}), r"\['leads'\]"),
    ],
)
def test_sign_in_that_is_set_up_wrongly_lets_nobody_in(secrets, reason):
    with pytest.raises(ParameterError, match=reason) as raised:
        read_rules(secrets)
    assert "much secret" not in str(raised.value)
    opened = open_page(secrets=secrets, user=claims(groups=["it"]))
    assert inside(opened) is None
    assert "Nobody is let in" in told(opened)


def test_a_secrets_file_that_cannot_be_read_lets_nobody_in(monkeypatch, tmp_path):
    broken = tmp_path / "secrets.toml"
    broken.write_text("[auth\n")
    earlier = config.get_option("secrets.files")
    config.set_option("secrets.files", [str(broken)])
    monkeypatch.setattr(st, "secrets", Secrets())
    try:
        opened = open_page()
    finally:
        config.set_option("secrets.files", earlier)
    assert inside(opened) is None
    assert "cannot be read" in told(opened)


def test_without_its_packages_sign_in_lets_nobody_in(monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    opened = open_page(secrets=SECRETS, user=claims(groups=["it"]))
    assert inside(opened) is None
    assert "'calmscore[sign-in]'" in told(opened)


def test_other_secrets_do_not_turn_sign_in_on():
    assert read_rules({}) is None
    assert read_rules({"database": {"password": "x"}}) is None


def test_the_example_is_complete_but_for_what_only_the_provider_knows():
    example = tomllib.loads((ROOT / ".streamlit" / "secrets.example.toml").read_text())
    with pytest.raises(ParameterError, match="no cookie_secret, client_id, client_secret, server"):
        read_rules(example)
    filled = {key: value or AUTH[key] for key, value in example["auth"].items()}
    rules = read_rules({**example, "auth": filled})
    assert set(rules.group_roles.values()) == {"agent", "viewer", "supervisor", "admin"}
    assert rules.agents == {"ada@example.com": "Ada Byron"}
    assert rules.claim == "groups"


def test_the_dashboard_listens_to_this_machine_alone_and_keeps_its_secrets_out_of_git():
    streamlit = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert streamlit["server"]["address"] == "localhost"
    assert ".streamlit/secrets.toml" in (ROOT / ".gitignore").read_text().split()
