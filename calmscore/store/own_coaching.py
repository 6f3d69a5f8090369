"""What an agent may see and do: the coaching sessions that were shared with them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from calmscore.errors import NotStoredError
from calmscore.store.calls import CallRow
from calmscore.store.coaching import NoteRow, list_notes
from calmscore.store.remarks import AnswerKind, agent_of, answer
from calmscore.store.reports import read_report
from calmscore.store.sessions import SessionRow, list_sessions
from calmscore.store.store import Store


@dataclass(frozen=True, kw_only=True)
class OwnCall:
    """A call of the agent, as its session shows it.

    ``document`` is the current report with what was said, as ``CallReport.to_dict`` wrote it.
    """

    row: CallRow
    document: dict[str, Any]
    notes: tuple[NoteRow, ...]


class OwnCoaching:
    """The one door through which an agent reaches the store.

    Everything is asked for by its session, which has to be theirs and shared, and by a call
    that is on its playlist and theirs, too: no list, no search, no other agent, no export.
    What is anything else is not found, as if it were not there.

    Parameters
    ----------
    agent : str
        As calls and sessions name them.
    person : str
        Who it is by name and account, for what they answer.
    """

    def __init__(self, store: Store, *, agent: str, person: str) -> None:
        self._store = store
        self.agent = agent
        self._person = person

    def sessions(self) -> list[SessionRow]:
        """Return their sessions, the newest first."""
        with self._store.database.reading() as session:
            return [self._own(row) for row in self._shared(session)]

    def session(self, session_id: int) -> SessionRow:
        """Return one of their sessions.

        Raises
        ------
        NotStoredError
            If there is none of this number that was shared with them.
        """
        with self._store.database.reading() as session:
            return self._find(session, session_id)

    def call(self, session_id: int, call_id: str) -> OwnCall:
        """Return a call of one of their sessions, with its report and the notes on it.

        Raises
        ------
        NotStoredError
            If it is not on the playlist of a session that was shared with them.
        """
        with self._store.database.reading() as session:
            row = self._call(session, session_id, call_id)
            return OwnCall(
                row=row,
                document=read_report(session, call_id),
                notes=tuple(list_notes(session, call_id)),
            )

    def open_audio(self, session_id: int, call_id: str) -> Path:
        """Return the file of a call's recording, and leave an audit line.

        Raises
        ------
        NotStoredError
            If it is not on the playlist of a session that was shared with them.
        RecordingNotKeptError
            If its recording is not kept, or no longer.
        """
        with self._store.database.reading() as session:
            self._call(session, session_id, call_id)
        return self._store.open_audio(call_id, actor=agent_of(session_id))

    def answer(
        self, session_id: int, *, kind: AnswerKind, call_id: str | None = None, text: str = ""
    ) -> int:
        """Acknowledge or contest a session, or a call of it; see `store.remarks.answer`.

        Raises
        ------
        NotStoredError
            If it was not shared with them.
        ParameterError
            If the text is missing or too long, or the same is contested already.
        """
        with self._store.database.writing() as session:
            self._find(session, session_id)
            if call_id is not None:
                self._call(session, session_id, call_id)
            return answer(
                session, session_id, kind=kind, author=self._person, call_id=call_id, text=text
            )

    def _shared(self, session: Session, session_id: int | None = None) -> list[SessionRow]:
        return list_sessions(session, agent=self.agent, shared=True, session_id=session_id)

    def _find(self, session: Session, session_id: int) -> SessionRow:
        found = self._shared(session, session_id)
        if not found:
            raise NotStoredError(f"there is no session {session_id} that was shared with you")
        return self._own(found[0])

    def _call(self, session: Session, session_id: int, call_id: str) -> CallRow:
        for row in self._find(session, session_id).calls:
            if row.id == call_id:
                return row
        raise NotStoredError(f"there is no call {call_id[:12]!r} in your session {session_id}")

    def _own(self, row: SessionRow) -> SessionRow:
        """Leave out calls that are another agent's, and what is for supervisors alone."""
        items = tuple(
            replace(item, call=_without_desk(item.call))
            for item in row.items
            if item.call.agent == self.agent
        )
        theirs = {item.call.id for item in items}
        return replace(
            row,
            items=items,
            remarks=tuple(
                one for one in row.remarks if one.call_id is None or one.call_id in theirs
            ),
        )


def _without_desk(row: CallRow) -> CallRow:
    return replace(row, customer=None, tags=(), status="new", reviewer=None, due_on=None)
