"""The words of calls: kept as long as the recording, searched over all calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Text, delete, false, literal, or_, select, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.functions import FunctionElement

from calmscore.analysis.report import Speaker
from calmscore.store.schema import Call, CallWords

WordsState = Literal["waiting", "done"]

# Whoever writes words down and has said nothing for so long has ended.
_CLAIM_HOLDS_FOR = timedelta(minutes=15)
_WORD = re.compile(r"[\w'’]+")
_ASKED = re.compile(r'"([^"]*)"|(\S+)')
_NOTICES = "notices"


@dataclass(frozen=True, kw_only=True)
class WordsHit:
    """A turn in which something was said that was looked for."""

    call_id: str
    file_name: str
    at_seconds: float
    speaker: Speaker | None
    text: str


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
    return f"to_tsvector('simple', {column}) @@ websearch_to_tsquery('simple', {query})"


def says(wanted: str) -> ColumnElement[bool]:
    """Return the condition that a call's words hold what is looked for.

    Parameters
    ----------
    wanted : str
        Words that are all said, in any order; those in double quotes one after another.
        Case and punctuation do not matter.
    """
    phrases = _phrases(wanted)
    if not phrases:
        return false()
    query = " ".join(f'"{phrase}"' for phrase in phrases)
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
    spoken = [f" {' '.join(said_words(text))} " for text in texts]
    counts = {phrase: _count(" ".join(said_words(phrase)), spoken) for phrase in phrases}
    return {phrase: count for phrase, count in counts.items() if count}


def _count(phrase: str, spoken: Sequence[str]) -> int:
    # Looked ahead: a word may end one phrase and begin the next.
    pattern = re.compile(f"(?= {re.escape(phrase)} )")
    return sum(len(pattern.findall(text)) for text in spoken) if phrase else 0


def search_words(session: Session, wanted: str, *, limit: int = 50) -> list[WordsHit]:
    """Return the turns in which something is said, those of the latest calls first.

    Parameters
    ----------
    session : Session
        A reading one.
    wanted : str
        As in `says`.
    limit : int
        Most calls to look through.
    """
    phrases = _phrases(wanted)
    query = (
        select(Call, CallWords.document)
        .join(CallWords, CallWords.call_number == Call.number)
        .where(says(wanted))
        .order_by(Call.called_at.desc(), Call.number.desc())
        .limit(limit)
    )
    return [
        WordsHit(
            call_id=call.id,
            file_name=call.file_name,
            at_seconds=turn["start_seconds"],
            speaker=turn["speaker"],
            text=turn["text"],
        )
        for call, document in session.execute(query)
        for turn in (document["words"] or {"turns": []})["turns"]
        if count_phrases([turn["text"]], phrases)
    ]


def phrases_of_calls(
    session: Session, call_numbers: Sequence[int], phrases: Sequence[str]
) -> dict[int, dict[str, int]]:
    """Return how often each phrase is said in each of some calls."""
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


def want_words(session: Session, call: Call, *, customer_channel: str) -> None:
    """Note that a call's words are to be written down."""
    session.execute(delete(CallWords).where(CallWords.call_number == call.number))
    session.add(CallWords(call_number=call.number, customer_channel=customer_channel))


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
    session : Session
        A writing one.
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
    """Return the id of a call whose words are to be written down, and keep others off it.

    Parameters
    ----------
    session : Session
        A writing one.
    now : datetime, optional
        The present by default.
    """
    now = now or datetime.now(UTC)
    free = or_(CallWords.claimed_at.is_(None), CallWords.claimed_at < now - _CLAIM_HOLDS_FOR)
    kept = session.scalar(
        select(CallWords)
        .where(CallWords.document.is_(None), free)
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
