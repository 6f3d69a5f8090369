"""What the law asks is on the pages, whole, and says what this installation does."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from calmscore.outputs.what_is_on import what_is_on
from calmscore.settings import Environment
from calmscore.store import Store
from calmscore.store.keys import create_key
from calmscore.store.schema import ApiKey
from calmscore.store.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
LAWFUL = ROOT / "docs" / "lawful"
PAGE = ROOT / "calmscore" / "dashboard" / "lawful.py"
SHEETS = sorted(path.stem for path in LAWFUL.glob("*.md") if path.stem != "overview")


def test_every_sheet_is_on_the_page_and_named_in_the_overview():
    page = AppTest.from_file(str(PAGE), default_timeout=180).run()
    assert not page.exception
    titles = {(LAWFUL / f"{name}.md").read_text().splitlines()[0][2:] for name in SHEETS}
    assert {expander.label for expander in page.expander} == titles
    overview = (LAWFUL / "overview.md").read_text(encoding="utf-8")
    for name in SHEETS:
        assert f"*{name.replace('-', ' ')}*" in overview


@pytest.mark.parametrize("name", ["overview", *SHEETS])
def test_a_sheet_is_short_and_links_to_official_texts_alone(name):
    text = (LAWFUL / f"{name}.md").read_text(encoding="utf-8")
    assert len(text.split()) < 1000
    # The page shows them all in one place, where links between files lead nowhere.
    links = re.findall(r"\]\((.*?)\)", text)
    assert all(link.startswith("https://eur-lex.europa.eu/eli/") for link in links)


def test_days_in_the_sheets_are_the_defaults():
    notice = (LAWFUL / "callers.md").read_text(encoding="utf-8")
    assert f"the recording ⟨{Settings().audio_days}⟩ days" in notice
    assert f"the report ⟨{Settings().report_days}⟩ days" in notice
    assessment = (LAWFUL / "impact-assessment.md").read_text(encoding="utf-8")
    assert f"recording {Settings().audio_days} days" in assessment


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "data")
    yield opened
    opened.close()


def test_what_is_on_follows_the_settings(store, tmp_path):
    facts = what_is_on(store, Settings(), Environment(), sign_in=False)
    assert facts["Agents' emotions"].startswith("never")
    assert facts["Recordings"] == "kept 30 days"
    assert facts["Scores"] == "made of the voice alone"
    assert facts["Keys of the HTTP service"] == "none"
    assert "this machine alone" in facts["Sign-in"]
    assert facts["Training over HTTP"] == "off"
    with store.database.writing() as session:
        for days in (None, 1, 2):
            create_key(session, name="n", role="viewer", days=days)
        session.flush()
        session.execute(update(ApiKey).where(ApiKey.id == 2).values(expires_at=datetime.now(UTC)))
    other = what_is_on(
        store,
        Settings(
            audio_days=0,
            report_days=1,
            score_from="voice_and_words",
            file_name_pattern="(?P<agent>a)",
        ),
        Environment(
            transcriber="off", training_folder=tmp_path, database_url="postgresql://u:p@h/d"
        ),
        sign_in=True,
    )
    assert (other["Words"], other["Recordings"], other["Reports"]) == (
        "not written down", "not kept", "kept 1 day",
    )  # fmt: skip
    assert other["Scores"].startswith("made of voice and words")
    assert other["Keys of the HTTP service"] == "2, 1 of them without an end"
    assert "group" in other["Sign-in"] and other["Training over HTTP"] == "on"
    assert "p@h" not in " ".join(other.values())
