"""Notes, tags and corrected emotions: what listeners add to a call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.orm import Session

from calmscore.emotions import EMOTIONS
from calmscore.errors import NotStoredError, ParameterError
from calmscore.store.calls import find_call
from calmscore.store.schema import Call, Correction, Note, Tag

LONGEST_NOTE = 4000
"""Characters of a note."""
_LONGEST_TAG = 60


@dataclass(frozen=True, kw_only=True)
class NoteRow:
    """A note; ``at_seconds`` is None where it is on the whole call."""

    id: int
    at_seconds: float | None
    text: str
    author: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class CorrectionRow:
    """The emotion that a listener heard in a segment of a call."""

    call_id: str
    start_seconds: float
    end_seconds: float
    emotion: str
    author: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class CallNote:
    """A note together with the call that it is on."""

    call_id: str
    file_name: str
    called_at: datetime
    note: NoteRow


@dataclass(frozen=True, kw_only=True)
class CallCorrection:
    """A correction together with the call that it is on."""

    file_name: str
    called_at: datetime
    correction: CorrectionRow


def add_note(
    session: Session, call_id: str, *, text: str, author: str, at_seconds: float | None = None
) -> NoteRow:
    """Write a note on a call, or on a moment of it.

    Raises
    ------
    NotStoredError
        If there is no such call.
    ParameterError
        If the text is empty or longer than 4,000 characters, or the moment is not in the call.
    """
    call = find_call(session, call_id)
    text = text.strip()
    if not 1 <= len(text) <= LONGEST_NOTE:
        raise ParameterError(f"a note has 1 to {LONGEST_NOTE} characters; this one has {len(text)}")
    if at_seconds is not None and not 0.0 <= at_seconds <= call.duration_seconds:
        raise ParameterError(
            f"at_seconds is {at_seconds}; the call lasts {call.duration_seconds:.1f} s"
        )
    note = Note(
        call_number=call.number, at_seconds=at_seconds, text=text, author=author,
        created_at=datetime.now(UTC),
    )  # fmt: skip
    session.add(note)
    session.flush()
    return _note(note)


def list_notes(session: Session, call_id: str) -> list[NoteRow]:
    """Return the notes of a call: those on the whole call, then by their moment."""
    query = (
        select(Note)
        .join(Call)
        .where(Call.id == call_id)
        .order_by(Note.at_seconds.asc().nulls_first(), Note.id)
    )
    return [_note(note) for note in session.scalars(query)]


def delete_note(session: Session, note_id: int) -> None:
    """Delete a note.

    Raises
    ------
    NotStoredError
        If there is no such note.
    """
    note = session.get(Note, note_id)
    if note is None:
        raise NotStoredError(f"there is no note {note_id}; it may have been deleted")
    session.delete(note)


def set_tags(session: Session, call_id: str, names: Iterable[str]) -> tuple[str, ...]:
    """Give a call these tags and no others; return them as they are kept.

    Raises
    ------
    NotStoredError
        If there is no such call.
    ParameterError
        If a tag is longer than 60 characters.
    """
    call = find_call(session, call_id)
    wanted = sorted({" ".join(name.split()).lower() for name in names} - {""})
    for name in wanted:
        if len(name) > _LONGEST_TAG:
            raise ParameterError(f"the tag {name!r} is longer than {_LONGEST_TAG} characters")
    session.execute(delete(Tag).where(Tag.call_number == call.number))
    session.add_all(Tag(call_number=call.number, name=name) for name in wanted)
    session.flush()
    return tuple(wanted)


def correct_emotion(
    session: Session,
    call_id: str,
    *,
    start_seconds: float,
    end_seconds: float,
    emotion: str,
    author: str,
) -> None:
    """Keep the emotion that a listener heard in a segment; a later one takes its place.

    The report and the score stay as the model made them.

    Raises
    ------
    NotStoredError
        If there is no such call.
    ParameterError
        If the emotion is none of ``EMOTIONS``, or the segment is empty.
    """
    call = find_call(session, call_id)
    if emotion not in EMOTIONS:
        raise ParameterError(f"emotion is {emotion!r}; choose one of {', '.join(EMOTIONS)}")
    if not 0.0 <= start_seconds < end_seconds:
        raise ParameterError(f"a segment cannot go from {start_seconds} to {end_seconds} s")
    stored = session.get(Correction, (call.number, start_seconds))
    if stored is None:
        stored = Correction(call_number=call.number, start_seconds=start_seconds)
        session.add(stored)
    stored.end_seconds, stored.emotion, stored.author = end_seconds, emotion, author
    stored.created_at = datetime.now(UTC)
    session.flush()


def remove_correction(session: Session, call_id: str, *, start_seconds: float) -> None:
    """Forget the correction of a segment, if there is one."""
    call = find_call(session, call_id)
    session.execute(
        delete(Correction).where(
            Correction.call_number == call.number, Correction.start_seconds == start_seconds
        )
    )


def list_corrections(session: Session, call_id: str | None = None) -> list[CorrectionRow]:
    """Return the corrections of a call, or of all calls, by call and time."""
    query = select(Correction, Call.id).join(Call)
    if call_id is not None:
        query = query.where(Call.id == call_id)
    query = query.order_by(Correction.call_number, Correction.start_seconds)
    return [_correction(stored, identity) for stored, identity in session.execute(query)]


def find_notes(
    session: Session,
    *,
    authors: Sequence[str] = (),
    tags: Sequence[str] = (),
    limit: int = 50,
    offset: int = 0,
) -> list[CallNote]:
    """Return notes on all calls, the newest first.

    Parameters
    ----------
    authors : sequence of str
        Written by any of these; empty means anybody.
    tags : sequence of str
        On calls that carry any of these; empty means any call.
    limit, offset : int
        Size of the page, and notes to skip before it.
    """
    query = (
        select(Note, Call.id, Call.file_name, Call.called_at)
        .join(Call)
        .where(*_by_author(Note.author, authors), *_tagged(tags))
        .order_by(Note.created_at.desc(), Note.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [
        CallNote(call_id=identity, file_name=name, called_at=called_at, note=_note(note))
        for note, identity, name, called_at in session.execute(query)
    ]


def find_corrections(
    session: Session,
    *,
    authors: Sequence[str] = (),
    tags: Sequence[str] = (),
    limit: int = 50,
    offset: int = 0,
) -> list[CallCorrection]:
    """Return corrections in all calls, the newest first; parameters as of `find_notes`."""
    query = (
        select(Correction, Call.id, Call.file_name, Call.called_at)
        .join(Call)
        .where(*_by_author(Correction.author, authors), *_tagged(tags))
        .order_by(
            Correction.created_at.desc(), Correction.call_number, Correction.start_seconds
        )
        .limit(limit)
        .offset(offset)
    )  # fmt: skip
    return [
        CallCorrection(
            file_name=name, called_at=called_at, correction=_correction(stored, identity)
        )
        for stored, identity, name, called_at in session.execute(query)
    ]


def count_tags(session: Session) -> dict[str, int]:
    """Return every tag in use with the number of calls that carry it, the most used first."""
    calls = func.count(Tag.call_number)
    query = select(Tag.name, calls).group_by(Tag.name).order_by(calls.desc(), Tag.name)
    return {name: int(number) for name, number in session.execute(query)}


def list_authors(session: Session) -> list[str]:
    """Return everybody who wrote a note or corrected an emotion."""
    query = select(Note.author).union(select(Correction.author))
    return sorted(session.scalars(query))


def _by_author(column: Any, authors: Sequence[str]) -> list[ColumnElement[bool]]:
    return [column.in_(authors)] if authors else []


def _tagged(tags: Sequence[str]) -> list[ColumnElement[bool]]:
    if not tags:
        return []
    return [exists().where(Tag.call_number == Call.number, Tag.name.in_(tags))]


def _correction(stored: Correction, call_id: str) -> CorrectionRow:
    return CorrectionRow(
        call_id=call_id,
        start_seconds=stored.start_seconds,
        end_seconds=stored.end_seconds,
        emotion=stored.emotion,
        author=stored.author,
        created_at=stored.created_at,
    )


def _note(note: Note) -> NoteRow:
    return NoteRow(
        id=note.id, at_seconds=note.at_seconds, text=note.text, author=note.author,
        created_at=note.created_at,
    )  # fmt: skip
