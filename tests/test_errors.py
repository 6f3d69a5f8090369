"""What is technical of a fault is for whoever runs the program, not for who reads a page."""

import io
import logging

import pytest

from calmscore.audio.recording import read_recording
from calmscore.errors import CallFileError, CalmscoreError, StoreError, fault_of
from calmscore.settings import ReadingRules
from calmscore.store.database import Database

TIGHT = ReadingRules(file_bytes=10)


def refused(content: bytes, rules: ReadingRules) -> CalmscoreError:
    with pytest.raises(CallFileError) as caught:
        read_recording(io.BytesIO(content), file_name="call.wav", rules=rules)
    return caught.value


def unusable(url: str) -> CalmscoreError:
    with pytest.raises(StoreError) as caught:
        Database(url)
    return caught.value


@pytest.mark.parametrize(
    ("fault", "technical"),
    [
        (lambda: refused(bytes(5000), ReadingRules()), "CALMSCORE_RAW_FORMAT"),
        (lambda: refused(bytes(11), TIGHT), "CALMSCORE_MAX_FILE_BYTES"),
        (lambda: unusable("mysql://localhost/calls"), "CALMSCORE_DATABASE_URL"),
        (lambda: unusable("no url at all"), "postgresql://user:password@host/name"),
    ],
)
def test_what_is_technical_is_told_to_whoever_runs_the_program(fault, technical, caplog):
    caplog.set_level(logging.INFO)
    error = fault()
    page = fault_of(error, file_name="call.wav")
    assert technical not in page.message and "CALMSCORE_" not in page.message
    assert technical in caplog.text
    command_line = fault_of(error, file_name="call.wav", detailed=True)
    assert technical in command_line.message
    assert command_line.code == page.code


def test_the_technical_part_stands_within_the_sentence():
    assert CalmscoreError("It is full.", technical="28").in_full == "It is full (28)."
    assert CalmscoreError("it is full", technical="28").in_full == "it is full (28)"
    assert CalmscoreError("It is full.").in_full == "It is full."
