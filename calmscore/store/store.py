"""The store of one installation: its database and its recordings."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from calmscore.analysis.call_score import VOICE_AND_WORDS
from calmscore.analysis.report import CallReport
from calmscore.errors import DeletedMeanwhileError, RecordingNotKeptError, StoreError
from calmscore.settings import read_environment
from calmscore.store import audit, deletion
from calmscore.store.alerts import raise_alerts, tells_news
from calmscore.store.audio_files import AudioFiles
from calmscore.store.calls import CallDetails, find_call, has_call, set_details
from calmscore.store.database import Database
from calmscore.store.incoming import IncomingFiles
from calmscore.store.reports import save_report
from calmscore.store.schema import Call, Installation
from calmscore.store.settings import read_settings
from calmscore.store.words import has_words, save_words, want_words

_DATABASE_FILE = "calmscore.db"
_ATTEMPTS = 5


class Store:
    """Calls on disk.

    Parameters
    ----------
    folder : Path
        Holds the recordings and, without ``url``, the SQLite database; made if missing,
        for the owner alone.
    url : str, optional
        Another database; see `store.database.Database`.

    Raises
    ------
    StoreError
        If the folder or the database cannot be used.
    """

    def __init__(self, folder: Path, *, url: str | None = None) -> None:
        self.folder = folder.absolute()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{folder}: cannot be made ({error.strerror}); ask whoever looks after Calmscore",
                technical="set CALMSCORE_DATA_FOLDER to a folder that can be written",
            ) from error
        self.audio = AudioFiles(self.folder / "audio")
        self.incoming = IncomingFiles(self.folder / "incoming")
        self.database = Database(url or f"sqlite:///{self.folder / _DATABASE_FILE}")
        if not self.database.is_sqlite:
            self._check_folder()

    @property
    def has_its_folder(self) -> bool:
        """Whether the folder is there that holds the recordings of the database."""
        if self.database.is_sqlite:
            return self.folder.is_dir()
        with self.database.reading() as session:
            return session.get_one(Installation, 1).folder_id == self.audio.folder_id

    @property
    def files(self) -> deletion.StoredFiles:
        """What is kept beside the database."""
        return deletion.StoredFiles(audio=self.audio, incoming=self.incoming)

    @classmethod
    def from_environment(cls) -> Store:
        """Open the store that the environment names; see `settings.Environment`."""
        environment = read_environment()
        return cls(environment.data_folder, url=environment.database_url)

    def add_call(
        self,
        report: CallReport,
        recording: BinaryIO | None = None,
        *,
        actor: str,
        details: CallDetails | None = None,
        renewing: bool = False,
        within: Callable[[Session], None] | None = None,
        words: bool = True,
    ) -> int:
        """Store a report and, if the settings keep recordings, the recording and its words.

        Parameters
        ----------
        recording : binary file object, optional
            The recording itself.
        actor : str
            Who adds it, for the audit.
        details : CallDetails, optional
            Agent, customer and time.
        renewing : bool
            Whether the call was stored when its analysis began; it is not stored again if
            it was deleted since.
        within : callable, optional
            Called in the transaction that stores the call: both are done, or neither.
        words : bool
            Whether words that the report does not hold are to be written down later, unless
            the environment turns words off.

        Returns
        -------
        int
            The call's number.

        Raises
        ------
        StoreError
            If the recording cannot be kept.
        DeletedMeanwhileError
            If the call was deleted while it was analysed.
        """
        with self.database.reading() as session:
            days = read_settings(session).audio_days
        kept = recording if days > 0 else None
        if kept is not None:
            self.audio.put(report.call.id, kept)
        # Two processes may add the same call or agent at once; the later one finds it then.
        for attempt in range(_ATTEMPTS):
            try:
                with self.database.writing() as session:
                    known = has_call(session, report.call.id)
                    if renewing and not known:
                        raise DeletedMeanwhileError(
                            f"{report.call.file_name} was deleted while it was analysed"
                        )
                    news = tells_news(session, report)
                    call = save_report(session, report, details=details)
                    if kept is not None:
                        # Again, in case that the call was deleted meanwhile.
                        self.audio.put(report.call.id, kept)
                        call.audio_until = call.audio_until or _days_from_now(days)
                        wanted = words and read_environment().writes_words
                        _keep_words(session, call, report, wanted=wanted)
                    if news:
                        raise_alerts(session, call)
                    audit.record(
                        session,
                        actor=actor,
                        action="call analysed again" if known else "call added",
                        call_number=call.number,
                    )
                    if within is not None:
                        within(session)
                    return call.number
            except DeletedMeanwhileError:
                self._forget_audio(report.call.id)
                raise
            except IntegrityError:
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    def change_details(self, call_id: str, details: CallDetails, *, actor: str) -> None:
        """Change agent, customer or time of a call; a change leaves an audit line.

        Fields that are None stay as they are, and a blank text empties one.

        Raises
        ------
        NotStoredError
            If there is no such call.
        """
        with self.database.writing() as session:
            call = find_call(session, call_id)
            before = (call.agent_id, call.customer, call.called_at)
            set_details(session, call, details)
            if before != (call.agent_id, call.customer, call.called_at):
                audit.record(
                    session, actor=actor, action="details changed", call_number=call.number
                )

    def open_audio(self, call_id: str, *, actor: str) -> Path:
        """Return the file of a call's recording, and leave an audit line.

        Raises
        ------
        NotStoredError
            If there is no such call.
        RecordingNotKeptError
            If its recording is not kept, or no longer.
        """
        with self.database.writing() as session:
            call = find_call(session, call_id)
            path = self.audio.path(call_id)
            if call.audio_until is None or not path.is_file():
                raise RecordingNotKeptError(
                    f"the recording of {call.file_name} is no longer kept; its report is"
                )
            audit.record(session, actor=actor, action="recording opened", call_number=call.number)
        return path

    def delete_call(self, call_id: str, *, actor: str) -> None:
        """Delete a call and all that hangs on it; see `store.deletion.delete_call`."""
        deletion.delete_call(self.database, self.files, call_id, actor=actor)

    def delete_uploads(self, job_ids: Sequence[str], *, actor: str) -> None:
        """Delete uploads that led to no call; see `store.deletion.delete_uploads`."""
        deletion.delete_uploads(self.database, self.files, job_ids, actor=actor)

    def delete_session(self, session_id: int, *, actor: str) -> None:
        """Delete a coaching session; see `store.deletion.delete_session`."""
        deletion.delete_session(self.database, session_id, actor=actor)

    def delete_sessions_of(self, agent: str, *, actor: str) -> int:
        """Delete all coaching sessions of an agent; see `store.deletion.delete_sessions_of`."""
        return deletion.delete_sessions_of(self.database, agent, actor=actor)

    def apply_retention(
        self, *, now: datetime | None = None, clock_is_right: bool = False
    ) -> deletion.Expired:
        """Delete what is past its days; see `store.deletion.apply_retention`."""
        return deletion.apply_retention(
            self.database, self.files, now=now, clock_is_right=clock_is_right
        )

    def delete_left(self) -> int:
        """Delete what broken runs left; see `store.deletion.delete_left`."""
        return deletion.delete_left(self.database, self.files)

    def _check_folder(self) -> None:
        # One database, one folder: whatever one service deletes is deleted for all.
        if self.audio.folder_id is not None and self.has_its_folder:
            return
        with self.database.writing() as session:
            installation = session.get_one(Installation, 1, with_for_update=True)
            if installation.folder_id is None:
                installation.folder_id = self.audio.folder_id or uuid.uuid4().hex
                try:
                    self.audio.mark(installation.folder_id)
                except OSError as error:
                    raise StoreError(
                        f"{self.audio.folder}: cannot be written ({error.strerror})"
                    ) from error
            elif installation.folder_id != self.audio.folder_id:
                raise StoreError(
                    f"{self.folder}: the recordings of this database are in another folder; ask "
                    "whoever looks after Calmscore",
                    technical="set CALMSCORE_DATA_FOLDER to that one, shared by all machines; if "
                    f"this is a copy of it, write {installation.folder_id} into "
                    f"{self.audio.folder}/folder-id",
                )

    def _forget_audio(self, call_id: str) -> None:
        with self.database.reading() as session:
            if not has_call(session, call_id):
                self.audio.delete(call_id)

    def close(self) -> None:
        """Close all connections."""
        self.database.close()


def _keep_words(session: Session, call: Call, report: CallReport, *, wanted: bool) -> None:
    channel = report.call.customer_channel
    if report.words is not None:
        save_words(session, call, customer_channel=channel, words=report.to_dict()["words"])
    elif wanted and (
        read_settings(session).score_from == VOICE_AND_WORDS
        or not has_words(session, call.number, customer_channel=channel)
    ):
        # A score of both is made when words come: a new report's waits for them again.
        want_words(session, call, customer_channel=channel)


def _days_from_now(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)
