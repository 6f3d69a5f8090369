"""The words of calls: kept as long as the recording, searched over all calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Text, delete, false, literal, select, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.functions import FunctionElement

from calmscore.analysis.report import Speaker
from calmscore.store.leases import has_come
from calmscore.store.schema import Call, CallWords

WordsState = Literal["waiting", "done"]

# Whoever writes words down and has said nothing for so long has ended.
_CLAIM_HOLDS_FOR = timedelta(minutes=15)
_WORD = re.compile(r"[\w'’]+")
_ASKED = re.compile(r'"([^"]*)"|(\S+)')
_NOTICES = "notices"


@dataclass(frozen=True, kw_only=True)
class SaidLine:
    """A line of a call in which something is said that was looked for.

    Attributes
    ----------
    at_seconds : float
        When the first word that was looked for begins.
    speaker : {"customer", "agent"} or None
        Who says it; None where voices are mixed.
    before, said, after : str
        What was looked for, and what is said around it.
    """

    at_seconds: float
    speaker: Speaker | None
    before: str
    said: str
    after: str


class _Says(FunctionElement[bool]):
    """Whether a call's words hold all phrases of a query."""

    inherit_cache = True


@compiles(_Says, "sqlite")
def _says_in_sqlite(element: _Says, compiler: Any, **options: Any) -> str:
    number, _, query = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{number} IN (SELECT rowid FROM words_search WHERE words_search MATCH {query})"  # nosec B608


@compiles(_Says, "postgresql")
def _says_in_postgresql(element: _Says, compiler: Any, **options: Any) -> str:
    _, column, query = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column}_vector @@ websearch_to_tsquery('simple', {query})"


def says(wanted: str) -> ColumnElement[bool]:
    """Return the condition that a call's words hold what is looked for.

    Parameters
    ----------
    wanted : str
        Words that are all said, in any order; those in double quotes one after another.
        Case and punctuation do not matter.
    """
    return _says(_phrases(wanted), joined_by=" ")


def says_any(phrases: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition that at least one of some phrases is said in a call."""
    return _says([" ".join(said_words(phrase)) for phrase in phrases], joined_by=" OR ")


def _says(phrases: Sequence[str], *, joined_by: str) -> ColumnElement[bool]:
    query = joined_by.join(f'"{phrase}"' for phrase in phrases if phrase)
    if not query:
        return false()
    kept = aliased(CallWords)
    those = select(kept.call_number).where(
        _Says(kept.call_number, kept.text, literal(query, Text()))
    )
    return Call.number.in_(those)


def _phrases(wanted: str) -> list[str]:
    found = [" ".join(said_words(quoted or single)) for quoted, single in _ASKED.findall(wanted)]
    return [phrase for phrase in found if phrase]


def said_words(text: str) -> list[str]:
    """Return the words of a text as they are compared: no case, no punctuation."""
    return [word.lower().replace("’", "'") for word in _WORD.findall(text)]


def count_phrases(texts: Iterable[str], phrases: Sequence[str]) -> dict[str, int]:
    """Return how often each phrase is said; those that are not said are left out.

    Parameters
    ----------
    texts : iterable of str
        Of the turns; a phrase lies within one.
    phrases : sequence of str
        Case and punctuation do not matter.
    """
    spoken = "\n".join(f" {' '.join(said_words(text))} " for text in texts)
    counts = {phrase: _count(" ".join(said_words(phrase)), spoken) for phrase in phrases}
    return {phrase: count for phrase, count in counts.items() if count}


def _count(phrase: str, spoken: str) -> int:
    count, place = 0, spoken.find(f" {phrase} ") if phrase else -1
    while place >= 0:
        count += 1
        # A word may end one phrase and begin the next.
        place = spoken.find(f" {phrase} ", place + 1)
    return count


def phrases_of_calls(
    session: Session, call_numbers: Sequence[int], phrases: Sequence[str]
) -> dict[int, dict[str, int]]:
    """Return how often each phrase is said in each of some calls, where any is."""
    if not phrases:
        return {}
    found = select(CallWords.call_number, CallWords.text).where(
        CallWords.call_number.in_(call_numbers)
    )
    counts = {
        number: count_phrases(said.split("\n"), phrases)
        for number, said in session.execute(found)
        if said
    }
    return {number: count for number, count in counts.items() if count}


def lines_of_calls(
    session: Session, call_numbers: Sequence[int], wanted: str, *, most: int = 2
) -> dict[int, list[SaidLine]]:
    """Return the lines of some calls in which something is said that is looked for.

    Parameters
    ----------
    call_numbers : sequence of int
        Whose lines.
    wanted : str
        As in `says`.
    most : int
        Lines of each call: the first of each word or phrase, as far as they go.
    """
    phrases = [phrase.split() for phrase in _phrases(wanted)]
    if not phrases:
        return {}
    found = select(CallWords.call_number, CallWords.document).where(
        CallWords.call_number.in_(call_numbers)
    )
    lines = {
        number: _first_lines(document["words"]["turns"], phrases, most=most)
        for number, document in session.execute(found)
        if document is not None and document["words"] is not None
    }
    return {number: some for number, some in lines.items() if some}


def _first_lines(
    turns: Sequence[Mapping[str, Any]], phrases: Sequence[Sequence[str]], *, most: int
) -> list[SaidLine]:
    found: dict[int, SaidLine] = {}
    for phrase in phrases:
        for place, turn in enumerate(turns):
            line = _line(turn, phrase)
            if line is not None:
                found.setdefault(place, line)
                break
        if len(found) == most:
            break
    return [found[place] for place in sorted(found)]


def _line(turn: Mapping[str, Any], phrase: Sequence[str]) -> SaidLine | None:
    words = turn["words"]
    place = next(iter(places_of(phrase, said_places([word["text"] for word in words]))), None)
    if place is None:
        return None
    first, last = place
    texts = [str(word["text"]) for word in words]
    return SaidLine(
        at_seconds=float(words[first]["start_seconds"]),
        speaker=turn["speaker"],
        before=" ".join(texts[:first]),
        said=" ".join(texts[first : last + 1]),
        after=" ".join(texts[last + 1 :]),
    )


def said_places(texts: Sequence[str]) -> list[tuple[int, str]]:
    """Return the words of a turn as they are compared, each with the place of its text.

    Parameters
    ----------
    texts : sequence of str
        The words of one turn as they are written, with their punctuation.
    """
    return [(place, said) for place, text in enumerate(texts) for said in said_words(text)]


def places_of(phrase: Sequence[str], parts: Sequence[tuple[int, str]]) -> Iterator[tuple[int, int]]:
    """Yield where a phrase is said: the places of its first and its last word.

    Parameters
    ----------
    phrase : sequence of str
        As `said_words` gives it.
    parts : sequence of (int, str)
        As `said_places` gives them.
    """
    said, wanted = [word for _, word in parts], list(phrase)
    for first, word in enumerate(said):
        # Most places are ruled out by their first word alone.
        if wanted and word == wanted[0] and said[first : first + len(wanted)] == wanted:
            yield parts[first][0], parts[first + len(wanted) - 1][0]


def want_words(session: Session, call: Call, *, customer_channel: str) -> None:
    """Note that a call's words are to be written down."""
    session.execute(delete(CallWords).where(CallWords.call_number == call.number))
    session.add(CallWords(call_number=call.number, customer_channel=customer_channel))


def move_words(session: Session, call_number: int, *, customer_channel: str) -> None:
    """Let a call's words, or their waiting, be of the report of another channel."""
    kept = session.get(CallWords, call_number)
    if kept is not None:
        kept.customer_channel = customer_channel


def has_words(session: Session, call_number: int, *, customer_channel: str) -> bool:
    """Tell whether a call's words are here, or waited for, with the customer on this channel."""
    query = select(CallWords.call_number).where(
        CallWords.call_number == call_number, CallWords.customer_channel == customer_channel
    )
    return session.scalar(query) is not None


def save_words(
    session: Session,
    call: Call,
    *,
    customer_channel: str,
    words: Mapping[str, Any] | None,
    notices: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Keep what was written down.

    Parameters
    ----------
    call : Call
        Whose.
    customer_channel : str
        Of the report that names who speaks.
    words : mapping or None
        As in ``CallReport.to_dict``; None where there are none.
    notices : sequence of mapping
        What a reader must know of them.
    """
    session.execute(delete(CallWords).where(CallWords.call_number == call.number))
    session.flush()
    turns = () if words is None else words["turns"]
    session.add(
        CallWords(
            call_number=call.number,
            customer_channel=customer_channel,
            document={"words": words, _NOTICES: list(notices)},
            text="\n".join(turn["text"] for turn in turns),
        )
    )


def finish_words(
    session: Session,
    call_id: str,
    *,
    customer_channel: str,
    words: Mapping[str, Any] | None,
    notices: Sequence[Mapping[str, Any]] = (),
) -> bool:
    """Keep what was written down, if it is still waited for; tell whether it was.

    The call or its recording may have been deleted meanwhile, or analysed again with the
    customer on the other channel.
    """
    call = session.scalar(select(Call).where(Call.id == call_id))
    kept = None if call is None else session.get(CallWords, call.number)
    if call is None or kept is None or kept.customer_channel != customer_channel:
        return False
    save_words(session, call, customer_channel=customer_channel, words=words, notices=notices)
    return True


def with_stored_words(
    session: Session, call_number: int, report: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a report with the stored words of its call, where they are of its channel."""
    kept = session.get(CallWords, call_number)
    if kept is None or kept.customer_channel != report["call"]["customer_channel"]:
        return dict(report)
    document = kept.document or {"words": None, _NOTICES: []}
    return {
        **report,
        "words": document["words"],
        "warnings": [*report["warnings"], *document[_NOTICES]],
    }


def words_state(session: Session, call_id: str) -> WordsState | None:
    """Tell whether a call's words are here or waited for; None if neither."""
    query = select(CallWords).join(Call, Call.number == CallWords.call_number)
    kept = session.scalar(query.where(Call.id == call_id))
    if kept is None:
        return None
    return "waiting" if kept.document is None else "done"


def claim_waiting(session: Session, *, now: datetime | None = None) -> str | None:
    """Return the id of a call whose words are to be written down, and keep others off it."""
    now = now or datetime.now(UTC)
    lapsed = has_come(CallWords.claimed_at, now - _CLAIM_HOLDS_FOR, furthest=2 * _CLAIM_HOLDS_FOR)
    kept = session.scalar(
        select(CallWords)
        .where(CallWords.document.is_(None), CallWords.claimed_at.is_(None) | lapsed)
        .order_by(CallWords.call_number)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if kept is None:
        return None
    kept.claimed_at = now
    return session.scalar(select(Call.id).where(Call.number == kept.call_number))


def forget_deleted(session: Session) -> None:
    """See to it that SQLite's index keeps nothing of words that were deleted.

    It marks them only, until its parts are merged.
    """
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("INSERT INTO words_search(words_search) VALUES ('optimize')"))
