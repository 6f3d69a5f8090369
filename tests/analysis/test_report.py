"""The report's schema: what it writes, it reads; and what earlier versions wrote."""

import json

import pytest
from stored_calls import make_report

from calmscore.analysis.report import SEGMENT_COLUMNS, CallReport, segment_rows
from calmscore.emotions import EMOTIONS
from calmscore.errors import ParameterError


def schema_1() -> dict:
    """Return a report as schema version 1 had it."""
    document = make_report().to_dict()
    del document["speakers"], document["words"], document["call"]["direction"]
    del document["talk"]["turns"], document["score"]["moments"]
    for name in ("low", "high", "coverage"):
        del document["score"][name]
    for change in document["score"]["transitions"]:
        del change["plays_from_seconds"]
    for segment in document["segments"]:
        del segment["heard"]
    return {**document, "schema_version": "1"}


def test_a_report_survives_json():
    report = make_report()
    assert CallReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report


def test_a_report_of_schema_1_opens_and_is_written_as_schema_2():
    report = CallReport.from_dict(schema_1())
    expected = make_report()
    assert report.segments == expected.segments
    assert report.score.value == expected.score.value
    assert report.score.transitions == expected.score.transitions
    # What schema 1 did not tell stays unknown.
    assert (report.score.low, report.score.coverage, report.words) == (None, None, None)
    assert report.speakers.doubt == 0.5
    written = report.to_dict()
    assert written["schema_version"] == "2"
    assert written["score"]["moments"] == written["score"]["transitions"]
    assert CallReport.from_dict(written) == report


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": "3"}, "schema version '3'"),
        ({"schema_version": None}, "schema version None"),
        ({"call": {}}, "damaged"),
        ({"segments": [{"index": 0}]}, "damaged"),
        ({"talk": None}, "damaged"),
    ],
)
def test_what_is_no_report_is_refused(change, message):
    with pytest.raises(ParameterError, match=message):
        CallReport.from_dict({**make_report().to_dict(), **change})


def test_a_field_that_nobody_knows_is_damage_not_silence():
    document = make_report().to_dict()
    document["segments"][0]["mood"] = "blue"
    with pytest.raises(ParameterError, match="mood"):
        CallReport.from_dict(document)


def test_rows_have_the_columns_of_tables():
    rows = segment_rows(make_report())
    for row in rows:
        assert list(row)[:3] == ["file_name", "score", "outcome"]
        assert set(row) == {"file_name", "score", "outcome", *SEGMENT_COLUMNS}
    assert rows[0]["probability_anger"] == 1.0
    assert all(rows[0][f"heard_{name}"] is None for name in EMOTIONS)
