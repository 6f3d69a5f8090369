"""The environment's variables: defaults, values, and what is said of bad ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from calmscore.errors import ParameterError
from calmscore.settings import (
    RAW_FORMAT_PATTERN,
    Environment,
    RawFormat,
    ReadingRules,
    read_environment,
)


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in Environment.model_fields:
        monkeypatch.delenv(f"CALMSCORE_{name.upper()}", raising=False)


def test_what_is_not_set_or_empty_has_its_default(monkeypatch):
    monkeypatch.setenv("CALMSCORE_DATABASE_URL", "")
    monkeypatch.setenv("CALMSCORE_REQUESTS_PER_MINUTE", "")
    environment = read_environment()
    assert environment.database_url is None
    assert environment.requests_per_minute == 600
    assert environment.reading_rules == ReadingRules()


def test_who_may_be_told_is_nobody_unless_it_is_said(monkeypatch):
    assert read_environment().allowed_hosts == ()
    monkeypatch.setenv("CALMSCORE_ALERT_HOSTS", " Hooks.example.com,example.com  mail:8443,")
    allowed = ("hooks.example.com", "example.com", "mail:8443")
    assert read_environment().allowed_hosts == allowed


def test_a_password_is_not_told_by_accident(monkeypatch):
    monkeypatch.setenv("CALMSCORE_SMTP_PASSWORD", "much-secret")
    assert "much-secret" not in repr(read_environment())


def test_what_is_set_is_read(monkeypatch, tmp_path):
    given = {
        "DATA_FOLDER": tmp_path,
        "DATABASE_URL": "postgresql://db/calls",
        "MAX_DURATION_SECONDS": 0.5,
        "MAX_FILE_BYTES": 4096,
        "KEEP_RESULTS_SECONDS": 0,
        "REQUESTS_PER_MINUTE": 30,
        "ANALYSES_AT_ONCE": 4,
        "DIRECTION": "outbound",
        "SCORE_FROM": "voice_and_words",
        "RAW_FORMAT": "alaw:16000:2",
        "RUNTIME": "keras",
        "TRAINING_FOLDER": tmp_path,
    }
    for name, value in given.items():
        monkeypatch.setenv(f"CALMSCORE_{name}", str(value))
    environment = read_environment()
    assert environment.data_folder == Path(tmp_path)
    assert environment.database_url == "postgresql://db/calls"
    assert environment.reading_rules == ReadingRules(
        duration_seconds=0.5,
        file_bytes=4096,
        raw_format=RawFormat(coding="alaw", rate_hz=16_000, channels=2),
    )
    assert environment.keep_results_seconds == 0.0
    assert environment.requests_per_minute == 30
    assert environment.analyses_at_once == 4
    assert environment.direction == "outbound"
    assert environment.runtime == "keras"
    assert environment.score_from == "voice_and_words"
    assert environment.training_folder == Path(tmp_path)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("MAX_DURATION_SECONDS", ["two hours", "0", "-5", "nan", "inf"]),
        ("MAX_FILE_BYTES", ["much", "0", "-1", "1.5", "nan", "inf"]),
        ("KEEP_RESULTS_SECONDS", ["soon", "-1", "inf", "nan"]),
        ("REQUESTS_PER_MINUTE", ["0", "many"]),
        ("ANALYSES_AT_ONCE", ["1.5", "-2"]),
        ("DIRECTION", ["in", "both"]),
        ("SCORE_FROM", ["words", "voice and words"]),
        ("RAW_FORMAT", ["opus:8000:1", "ulaw:fast", "ulaw:8000:9", "g722:16000:2", "ulaw:1"]),
        ("RUNTIME", ["tensorflow"]),
        ("TRAINING_FOLDER", ["/no/such/folder"]),
        ("SMTP_PORT", ["0", "65536", "mail"]),
        ("SMTP_SECURITY", ["ssl"]),
        ("DASHBOARD_URL", ["calmscore.example.com", "ftp://host", "https://host/#call"]),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_would_do(monkeypatch, name, values):
    for value in values:
        monkeypatch.setenv(f"CALMSCORE_{name}", value)
        with pytest.raises(ParameterError, match=f"CALMSCORE_{name} is '{value}'; set it to a "):
            read_environment()


@pytest.mark.parametrize("name", ["CALMSCORE_TRANSCRIBER", "calmscore_transcriber"])
def test_what_changes_while_the_program_runs_is_read_anew(monkeypatch, name):
    before = read_environment()
    assert read_environment() is before
    monkeypatch.setenv(name, "off")
    assert not read_environment().writes_words
    monkeypatch.delenv(name)
    assert read_environment().writes_words


@pytest.mark.parametrize(
    "text", ["ulaw", "alaw:8000", "s16le:192000:8", "f32be:4000:2", "g722:16000:1", "vox:6000"]
)
def test_a_raw_format_that_can_be_read_fits_the_pattern(text):
    assert re.fullmatch(RAW_FORMAT_PATTERN, text)
    assert RawFormat.parse(str(RawFormat.parse(text))) == RawFormat.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "opus:8000:1",
        "ulaw:fast",
        "ulaw:8000:9",
        "g722:16000:2",
        "ulaw:3999",
        "alaw:192001",
        "ulaw:",
    ],
)
def test_a_raw_format_that_cannot_be_read_does_not_fit_the_pattern(text):
    assert not re.fullmatch(RAW_FORMAT_PATTERN, text)
    with pytest.raises(ValueError):
        RawFormat.parse(text)
