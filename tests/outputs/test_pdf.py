"""The page of a call: what it says, and that it stays one page whatever the call."""

from __future__ import annotations

import dataclasses
import io
import re
from collections import Counter
from datetime import UTC, datetime

import pypdf
import pytest
from stored_calls import CALM, CALMED_DOWN, TOO_SHORT, make_report, with_moments

from calmscore.analysis.report import CallReport, Words, WordsTurn
from calmscore.emotions import BY_NAME, EMOTIONS
from calmscore.errors import Notice
from calmscore.outputs.pdf import call_pdf
from calmscore.store.calls import CallRow
from calmscore.store.coaching import NoteRow

POINTS_OF_A4 = (595, 842)
TWO_HOURS = ("anger",) * 30 + ("neutral", "happy", "fear", "sad", "disgust", "anger") * 395
DISCLAIMER = "A coaching aid with evidence, not a verdict"


def note(text: str, *, at_seconds: float | None = None) -> NoteRow:
    return NoteRow(
        id=1, at_seconds=at_seconds, text=text, author="Sam",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
    )  # fmt: skip


def details_of(report: CallReport, *, agent: str | None) -> CallRow:
    moment = datetime(2026, 3, 1, 14, 5, tzinfo=UTC)
    return CallRow(
        number=1, id=report.call.id, file_name=report.call.file_name, agent=agent, customer=None,
        called_at=moment, added_at=moment, duration_seconds=report.call.duration_seconds,
        score=report.score.value, outcome=report.score.outcome, trend=(), has_audio=False,
    )  # fmt: skip


def only_page(pdf: bytes) -> pypdf.PageObject:
    (page,) = pypdf.PdfReader(io.BytesIO(pdf)).pages
    return page


def text_of(pdf: bytes) -> str:
    return " ".join(only_page(pdf).extract_text().split())


def lines_by_height(pdf: bytes) -> list[tuple[float, str]]:
    """Return the pieces of text with their height over the page's lower edge, in points."""
    found: list[tuple[float, str]] = []

    def visit(text, current, matrix, font, size) -> None:
        if text.strip():
            found.append((matrix[5] + current[5], text.strip()))

    only_page(pdf).extract_text(visitor_text=visit)
    return found


def colours_of_rectangles(pdf: bytes) -> Counter[str]:
    """Count the filled rectangles of each colour, as ``#RRGGBB``."""
    drawn: Counter[str] = Counter()
    colour = ""
    for line in only_page(pdf).get_contents().get_data().decode("latin-1").splitlines():
        if filling := re.fullmatch(r"(\S+) (\S+) (\S+) rg", line):
            colour = "#" + "".join(f"{round(255 * float(part)):02X}" for part in filling.groups())
        elif re.fullmatch(r"(\S+ ){4}re f", line):
            drawn[colour] += 1
    return drawn


def extreme_report() -> CallReport:
    report = make_report("long.wav", emotions=TWO_HOURS, file_name="a very long name " * 40 + "wav")
    warnings = tuple(Notice("made_up", f"Warning {number}. " * 90) for number in range(12))
    return dataclasses.replace(report, warnings=warnings)


def test_the_page_says_what_was_found():
    report = make_report("Żółć.wav", emotions=CALMED_DOWN)
    pdf = call_pdf(
        report,
        notes=[note("Well done"), note("A good pause", at_seconds=9.0)],
        details=details_of(report, agent="Zoë Łukasik"),
    )
    text = text_of(pdf)
    for part in (
        "Żółć.wav", "1 Mar 2026, 14:05 UTC", "Zoë Łukasik", "36 s", f"{report.score.value:.1f}",
        report.score.outcome.capitalize(), report.score.summary, "Angry → calm",
        report.score.transitions[0].reason, "Angry", "Calm", "Distress", "0:30",
        "Sam: Well done", "0:09 Sam: A good pause", "The left channel was taken.",
        f"stub 1 ({report.model.sha256[:12]})", DISCLAIMER,
    ):  # fmt: skip
        assert part in text


def test_the_page_is_upright_a4_with_a_title():
    pdf = call_pdf(make_report())
    box = only_page(pdf).mediabox
    assert (round(box.width), round(box.height)) == POINTS_OF_A4
    assert pypdf.PdfReader(io.BytesIO(pdf)).metadata.title == "Call report: call.wav"


def test_every_segment_is_a_bar_in_the_colour_of_its_emotion():
    rectangles = colours_of_rectangles(call_pdf(make_report(emotions=CALMED_DOWN)))
    for emotion in EMOTIONS:
        bars = CALMED_DOWN.count(emotion)
        legend = 1 if bars else 0
        assert rectangles[BY_NAME[emotion].colour] == bars + legend, emotion


@pytest.mark.parametrize("notes", [0, 20])
def test_a_call_with_too_much_of_everything_stays_on_one_page_above_the_footer(notes):
    report = extreme_report()
    pdf = call_pdf(
        report,
        notes=[note("word " * 800, at_seconds=60.0 * place) for place in range(notes)],
        details=details_of(report, agent="Agent " * 33),
    )
    lines = lines_by_height(pdf)
    (footer,) = (height for height, text in lines if text.startswith(DISCLAIMER))
    (last_warning,) = (height for height, text in lines if text == "Not shown: 9 more.")
    assert last_warning - footer > 10
    assert min(height for height, _ in lines) > 0


def test_what_does_not_fit_is_counted():
    report = extreme_report()
    text = text_of(call_pdf(report, notes=[note("word " * 800, at_seconds=0.0)] * 20))
    changes = len(report.score.transitions)
    assert f"Not shown: {changes - 7} smaller changes" in text
    assert "0:00 Sam: word word" in text
    assert "Not shown: 19 more notes." in text
    assert "Not shown: 9 more." in text


def test_the_largest_changes_are_kept_in_the_order_of_the_call():
    report = with_moments("call.wav", *[0.01] * 9, -2.5, *[0.01] * 9, 1.5)
    score = dataclasses.replace(report.score, start_value=6.0)
    text = text_of(call_pdf(dataclasses.replace(report, score=score)))
    assert text.index("Start value 6.00") < text.index("−2.50") < text.index("+1.50")
    assert "Not shown: 8 smaller changes, +0.08 points in sum." in text


def test_a_note_or_change_that_fits_is_not_counted_as_left_out():
    report = make_report(emotions=CALMED_DOWN)
    assert "Not shown" not in text_of(call_pdf(report, notes=[note("short")] * 3))


@pytest.mark.parametrize("emotions", [(), TOO_SHORT])
def test_a_call_without_a_score_says_why_and_has_no_evidence(emotions):
    report = make_report(emotions=emotions)
    text = text_of(call_pdf(report))
    assert report.score.summary in text
    assert "out of 10" not in text
    assert "What moved the score" not in text


def test_mixed_voices_leave_out_the_agent():
    report = make_report(customer_channel="mixed")
    talk = dataclasses.replace(report.talk, agent_seconds=None, overtalk_seconds=None)
    text = text_of(call_pdf(dataclasses.replace(report, talk=talk)))
    assert "Longest silence" in text
    assert "Both at once" not in text


@pytest.mark.parametrize(
    ("status", "told"),
    [("other_voice", "another voice"), ("low_information", "too quiet or not clear")],
)
def test_what_was_not_judged_is_told_under_the_timeline(status, told):
    report = make_report(emotions=CALMED_DOWN)
    assert "Not judged" not in text_of(call_pdf(report))
    left_out = dataclasses.replace(
        report.segments[0], status=status, emotion=None, confidence=None, probabilities=None,
        distress=None, smoothed_distress=None,
    )  # fmt: skip
    segments = (left_out, *report.segments[1:])
    text = text_of(call_pdf(dataclasses.replace(report, segments=segments)))
    assert f"Not judged, and so without a bar: {told}." in text


@pytest.mark.parametrize(
    "name",
    [
        "\ud800.wav",
        "\u200b" * 900,
        "\u0301" * 3000,
        "電話 📞.wav",
        "{nb}.wav",
        "a\n\tb.wav",
        "مرحبا",
    ],
)
def test_any_name_and_note_can_be_printed(name):
    report = make_report("odd.wav", emotions=CALM, file_name=name)
    text = text_of(call_pdf(report, notes=[note(name)]))
    assert DISCLAIMER in text
    assert "Sam:" in text


def test_braces_in_a_note_are_no_page_count():
    assert "Sam: {nb} calls" in text_of(call_pdf(make_report(), notes=[note("{nb} calls")]))


def test_characters_that_the_font_lacks_are_replaced():
    assert "Sam: call �" in text_of(call_pdf(make_report(), notes=[note("call 📞")]))


def with_words(count: int) -> CallReport:
    turns = tuple(
        WordsTurn(
            speaker="agent" if place % 2 else "customer", start_seconds=float(place),
            end_seconds=place + 1.0, text=f"This is what turn {place} says.", words=(),
        )
        for place in range(count)
    )  # fmt: skip
    words = Words(language="en", model="parrot", turns=turns)
    return dataclasses.replace(make_report(), words=words)


@pytest.mark.parametrize("count", [3, 500])
def test_words_are_on_a_page_of_their_own(count):
    first, second = pypdf.PdfReader(io.BytesIO(call_pdf(with_words(count)))).pages
    assert "turn 0 says" not in first.extract_text()
    text = " ".join(second.extract_text().split())
    assert "Customer This is what turn 0 says." in text and DISCLAIMER in text
    shown = len(re.findall(r"what turn \d+ says", text))
    left = re.search(r"(\d+) more turns are not shown", text)
    assert shown + (int(left[1]) if left else 0) == count
    assert shown >= min(count, 40)
