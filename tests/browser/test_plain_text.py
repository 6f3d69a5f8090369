"""What people wrote stays what they wrote, on every page: no link, no formula, no icon."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from made_calls import RESCUED, WORSE, made_recording, made_report, with_made_words
from running_dashboard import paths_of_all_pages, running_dashboard
from shared_sessions import drafted_session, shared_session
from sign_in_provider import provider_of_roles

from browser.pages import PATIENCE, wait_until_drawn
from calmscore.analysis.report import CallReport
from calmscore.store import Store
from calmscore.store.alert_rules import AlertRule, add_rule, ask_for_test
from calmscore.store.calls import CallDetails
from calmscore.store.coaching import add_note, correct_emotion, set_tags
from calmscore.store.remarks import answer, reply
from calmscore.store.reviews import assign
from calmscore.store.settings import Settings, write_settings

pytestmark = pytest.mark.browser

# Short enough for a tag.
TAG = "ada@example.com *a* :red[b] $c$ :material/home: &amp;"
HOSTILE = (
    f"{TAG} _d_ ~~e~~ `f` :smile: :streamlit: www.example.com https://example.com/g"
    " -> -- [h](http://i.example) <b>j</b> #1"
)
# What Markdown would have made of it, where it is a name and not our own text.
MADE = ".katex, img[alt='Streamlit logo'], :is(a, area)[href*='example']"


def made(name: str, emotions: list[str], number: int) -> CallReport:
    sound = made_recording(number, seconds=30.0)
    return with_made_words(made_report(emotions, file_name=f"{HOSTILE} {name}", recording=sound))


REPORTS = [made("one", RESCUED, 1), made("two", WORSE, 2)]
ONE, TWO = (report.call.id for report in REPORTS)
QUERIES = {"call": f"?call={ONE}", "compare": f"?call={ONE}&call={TWO}"}
# Others show nothing of what people wrote, unless somebody chooses it, or in a table of their own.
SHOWN_ON = {"", "call", "compare", "agents", "coaching", "alerts", "settings"}


def fill(store: Store) -> None:
    details = CallDetails(agent=HOSTILE, customer=HOSTILE)
    pattern = r"(?P<agent>[^#]+)"
    with store.database.writing() as session:
        write_settings(session, Settings(watched_phrases=(TAG,), file_name_pattern=pattern))
        rule = add_rule(session, AlertRule(name=HOSTILE, outcomes=("escalated",)))
    for number, report in enumerate(REPORTS, start=1):
        sound = io.BytesIO(made_recording(number, seconds=30.0))
        store.add_call(report, sound, actor=HOSTILE, details=details)
    drafted_session(store, HOSTILE, ONE, note=HOSTILE)
    number = shared_session(store, HOSTILE, ONE, TWO, note=HOSTILE)
    with store.database.writing() as session:
        ask_for_test(session, rule.id)
        set_tags(session, ONE, [TAG])
        add_note(session, ONE, text=HOSTILE, author=HOSTILE, at_seconds=9.0)
        correct_emotion(
            session, ONE, start_seconds=0.0, end_seconds=3.0, emotion="sad", author=HOSTILE
        )
        assign(session, [TWO], reviewer=HOSTILE, due_on=None, actor=HOSTILE)
        given = {"session_id": number, "author": HOSTILE, "text": HOSTILE, "kind": "contested"}
        answer(session, **given, call_id=TWO)
        first = answer(session, **given, call_id=ONE)
        reply(session, first, text=HOSTILE, author=HOSTILE, decision="upheld")


def check(page, what: str, *, shows: bool = True) -> None:
    wait_until_drawn(page)
    assert page.locator(".stMain").locator(MADE).count() == 0, what
    read = page.inner_text(".stMain")
    assert not shows or HOSTILE in read, what
    # A chart breaks names into lines.
    for chart in page.locator(".stMain .stPlotlyChart").all():
        read = read.replace(chart.inner_text(), "")
    # The head of a column holds no more than its beginning and its end.
    for whole in (HOSTILE, f"{HOSTILE[:14]}…", TAG):
        read = read.replace(whole, "")
    assert "ada@" not in read, f"{what}: {read[max(read.index('ada@') - 20, 0) :][:200]}"


@pytest.mark.timeout(900)  # there are many pages
def test_no_page_makes_more_of_a_name_than_a_name(browser, address):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    for name in paths_of_all_pages():
        page.goto(f"{address}/{name}{QUERIES.get(name, '')}", timeout=PATIENCE)
        check(page, name or "home", shows=name in SHOWN_ON)


def test_no_dialog_and_no_notice_makes_more_of_a_name(browser, address):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/call?call={ONE}", timeout=PATIENCE)
    page.get_by_role("button", name="Delete", exact=True).click(timeout=PATIENCE)
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("ada@example.com").wait_for(timeout=PATIENCE)
    assert HOSTILE in dialog.inner_text()
    page.goto(f"{address}/coaching?session=1", timeout=PATIENCE)
    page.get_by_role("button", name="Share with").click(timeout=PATIENCE)
    dialog.get_by_text("will see the calls").wait_for(timeout=PATIENCE)
    assert dialog.inner_text().count(HOSTILE) == 2
    page.goto(address, timeout=PATIENCE)
    page.get_by_role("button", name="Skip").first.click(timeout=PATIENCE)
    page.get_by_text("is skipped").wait_for(timeout=PATIENCE)
    check(page, "a notice")


def test_a_file_that_cannot_be_read_is_told_of_by_its_name_alone(browser, address, tmp_path: Path):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/score_call", timeout=PATIENCE)
    page.locator("input[type=file]").wait_for(state="attached", timeout=PATIENCE)
    name = "ada@example.com *a* $b$ :red[c] www.example.com.wav"
    (tmp_path / name).write_bytes(b"no recording")
    page.set_input_files("input[type=file]", tmp_path / name)
    told = page.get_by_role("alert")
    told.wait_for(timeout=PATIENCE)
    assert name in told.inner_text()
    assert told.locator(MADE).count() == 0


ROLES = f"""
[roles.groups]
"phones" = "agent"
[roles.agents]
"ada@example.com" = '''{HOSTILE}'''
"""


@pytest.mark.timeout(900)
def test_no_page_of_an_agent_makes_more_of_a_name(browser, tmp_path, monkeypatch):
    with (
        provider_of_roles(tmp_path, monkeypatch, ROLES) as provider,
        running_dashboard(stub_model=True, fill=fill) as address,
    ):
        provider.person = {"name": HOSTILE, "email": "ada@example.com", "groups": ["phones"]}
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.goto(address, timeout=PATIENCE)
        page.get_by_role("button", name="Sign in").click(timeout=PATIENCE)
        page.get_by_text("Shared by").wait_for(timeout=PATIENCE)
        # Beside the name stands the account, which is an address.
        account = "(ada@example.com)"
        for link in ("Open", "At 0:04"):
            assert page.locator(".stMain").locator(MADE).count() == 0
            assert HOSTILE in page.inner_text(".stMain")
            assert account in page.inner_text(".stMain")
            page.get_by_role("link", name=link).first.click(timeout=PATIENCE)
            page.get_by_role("heading", name="Your answer").wait_for(timeout=PATIENCE)
            wait_until_drawn(page)
        assert page.locator(".stMain").locator(MADE).count() == 0
        assert HOSTILE in page.inner_text(".stMain")
