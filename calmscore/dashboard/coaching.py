"""What listeners add to a call: tags, notes on moments, corrected emotions."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from calmscore.analysis.formats import format_change, format_clock
from calmscore.analysis.report import CallReport, SegmentReport
from calmscore.dashboard.changing import changing
from calmscore.dashboard.desk import User
from calmscore.dashboard.local_time import format_moment
from calmscore.dashboard.page_files import page_file
from calmscore.dashboard.plain_text import plain
from calmscore.dashboard.stored_call import hearing_icon
from calmscore.emotions import BY_NAME, EMOTIONS
from calmscore.errors import ParameterError
from calmscore.store import Store
from calmscore.store.calls import CallRow, list_tags
from calmscore.store.coaching import (
    LONGEST_NOTE,
    CorrectionRow,
    NoteRow,
    add_note,
    correct_emotion,
    delete_note,
    list_corrections,
    list_notes,
    remove_correction,
    set_tags,
)
from calmscore.store.keys import allows

_BOOKMARK = "Bookmark"
_AS_HEARD = "as the model heard it"


def coaching_panel(store: Store, row: CallRow, report: CallReport, user: User) -> None:
    """Show tags, notes and corrections of a call, to be changed by who may.

    Parameters
    ----------
    report : CallReport
        Its report, for the segments.
    user : User
        Supervisors and admins write; viewers read.
    """
    may_write = allows(user.role, "supervisor")
    st.subheader("Coaching")
    if may_write:
        _tags(store, row)
    with store.database.reading() as session:
        notes = list_notes(session, row.id)
        corrections = list_corrections(session, row.id)
    _notes(store, row, notes, may_write=may_write)
    if may_write:
        _new_note(store, row, user)
        _correct(store, row, report, corrections, user)
    elif not notes:
        st.caption("No notes yet.")


def bookmarks(store: Store, call_id: str) -> list[tuple[float, str]]:
    """Return the notes at moments of a call: seconds and text."""
    with store.database.reading() as session:
        notes = list_notes(session, call_id)
    return [(note.at_seconds, note.text) for note in notes if note.at_seconds is not None]


def bookmark_keeper(store: Store, call_id: str, user: User) -> Callable[[float, str], None] | None:
    """Return what keeps a bookmark at a second of a call; None for who may not.

    What comes twice is kept once: the console sends a bookmark until it is shown.
    """
    if not allows(user.role, "supervisor"):
        return None

    def keep(seconds: float, text: str) -> None:
        new = (seconds, text.strip() or _BOOKMARK, user.name)
        with store.database.writing() as session:
            notes = list_notes(session, call_id)
            if new not in [(note.at_seconds, note.text, note.author) for note in notes]:
                add_note(session, call_id, text=new[1], author=user.name, at_seconds=seconds)

    return keep


def _tags(store: Store, row: CallRow) -> None:
    key = f"tags-{row.id}"
    with store.database.reading() as session:
        known = list_tags(session)

    def keep() -> None:
        with store.database.writing() as session:
            set_tags(session, row.id, [tag[:60] for tag in st.session_state[key]])

    st.multiselect(
        "Tags", sorted({*known, *row.tags}), row.tags, accept_new_options=True, key=key,
        on_change=keep, placeholder="Choose a tag or type a new one",
    )  # fmt: skip


def _notes(store: Store, row: CallRow, notes: list[NoteRow], *, may_write: bool) -> None:
    for note in notes:
        with st.container(border=True):
            where = (
                "whole call" if note.at_seconds is None else f"at {format_clock(note.at_seconds)}"
            )
            st.caption(f"{where} · {plain(note.author)} · {format_moment(note.created_at)}")
            st.text(note.text)
            with st.container(horizontal=True, vertical_alignment="center"):
                if note.at_seconds is not None:
                    _link(row, note.at_seconds)
                if may_write and st.button(
                    "Delete note", key=f"delete-note-{note.id}", type="tertiary"
                ):
                    with store.database.writing() as session:
                        delete_note(session, note.id)
                    st.rerun()


def _link(row: CallRow, at_seconds: float) -> None:
    st.page_link(
        page_file("call"), label="Play" if row.has_audio else "Show",
        icon=f":material/{hearing_icon(row)}:",
        query_params={"call": row.id, "at": f"{at_seconds:.1f}"},
    )  # fmt: skip


def _new_note(store: Store, row: CallRow, user: User) -> None:
    with st.form("new-note", clear_on_submit=True, border=False):
        text = st.text_area(
            "New note", max_chars=LONGEST_NOTE, height=80,
            placeholder="What went well, what to try next time",
        )  # fmt: skip
        moment = st.text_input(
            "At (minutes:seconds)", placeholder="Whole call", max_chars=9,
            help="A moment such as 1:23 makes the note a bookmark that plays from there.",
        )  # fmt: skip
        if not st.form_submit_button("Add note"):
            return
    with changing(store) as session:
        add_note(
            session, row.id, text=text, author=user.name, at_seconds=_seconds(moment)
        )  # fmt: skip


def _seconds(text: str) -> float | None:
    """Return the seconds of ``1:23`` or ``1:02:03``; None if there is no text."""
    if not text.strip():
        return None
    seconds = 0
    for part in text.strip().split(":"):
        if not part.isdecimal():
            raise ParameterError(f"“{text}” is not a moment; write minutes:seconds, such as 1:23")
        seconds = 60 * seconds + int(part)
    return float(seconds)


def _correct(
    store: Store, row: CallRow, report: CallReport, corrections: list[CorrectionRow], user: User
) -> None:
    segments = [segment for segment in report.segments if segment.status == "scored"]
    if not segments:
        return
    corrected = {correction.start_seconds: correction for correction in corrections}
    count = f" ({len(corrected)})" if corrected else ""
    with st.expander(f"Correct what the model heard{count}", icon=":material/hearing:"):
        st.caption(
            "The report and the score stay as they are. Corrections can be exported to train "
            "the next model."
        )
        segment = st.selectbox(
            "Segment", segments, format_func=lambda s: _label(s, corrected),
            key=f"segment-{row.id}",
        )  # fmt: skip
        known = corrected.get(segment.start_seconds)
        options = [_AS_HEARD, *EMOTIONS]
        emotion = st.selectbox(
            "You hear", options, options.index(known.emotion) if known else 0,
            key=f"heard-{row.id}-{segment.index}",
            format_func=lambda name: BY_NAME[name].heard_as if name in BY_NAME else name,
        )  # fmt: skip
        with st.container(horizontal=True, vertical_alignment="center"):
            save = st.button("Save", key=f"save-correction-{row.id}")
            _link(row, segment.start_seconds)
        if save:
            _save_correction(store, row, segment, emotion, user)


def _label(segment: SegmentReport, corrected: dict[float, CorrectionRow]) -> str:
    known = corrected.get(segment.start_seconds)
    assert segment.emotion is not None
    change = format_change(segment.emotion, known.emotion if known else segment.emotion)
    return f"{format_clock(segment.start_seconds)} {change}"


def _save_correction(
    store: Store, row: CallRow, segment: SegmentReport, emotion: str, user: User
) -> None:
    with changing(store) as session:
        if emotion == _AS_HEARD:
            remove_correction(session, row.id, start_seconds=segment.start_seconds)
        else:
            correct_emotion(
                session, row.id, start_seconds=segment.start_seconds,
                end_seconds=segment.end_seconds, emotion=emotion, author=user.name,
            )  # fmt: skip
