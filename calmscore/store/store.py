"""The store of one installation: its database and its recordings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from sqlalchemy.exc import IntegrityError

from calmscore.analysis.report import CallReport
from calmscore.errors import RecordingNotKeptError, StoreError
from calmscore.settings import read_environment
from calmscore.store import audit, deletion
from calmscore.store.audio_files import AudioFiles
from calmscore.store.calls import CallDetails, find_call, has_call, save_report, set_details
from calmscore.store.database import Database
from calmscore.store.settings import read_settings

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
                f"{folder}: cannot be made ({error.strerror}); set CALMSCORE_DATA_FOLDER to a "
                "folder that can be written"
            ) from error
        self.audio = AudioFiles(self.folder / "audio")
        self.database = Database(url or f"sqlite:///{self.folder / _DATABASE_FILE}")

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
    ) -> int:
        """Store a report and, if the settings keep recordings, the recording.

        Parameters
        ----------
        report : CallReport
            A finished analysis.
        recording : binary file object, optional
            The recording itself.
        actor : str
            Who adds it, for the audit.
        details : CallDetails, optional
            Agent, customer and time.

        Returns
        -------
        int
            The call's number.

        Raises
        ------
        StoreError
            If the recording cannot be kept.
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
                    call = save_report(session, report, details=details)
                    if kept is not None:
                        # Again, in case that the call was deleted meanwhile.
                        self.audio.put(report.call.id, kept)
                        call.audio_until = call.audio_until or _days_from_now(days)
                    audit.record(
                        session,
                        actor=actor,
                        action="call analysed again" if known else "call added",
                        call_number=call.number,
                    )
                    return call.number
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
            audit.record(session, actor=actor, action="audio played", call_number=call.number)
        return path

    def delete_call(self, call_id: str, *, actor: str) -> None:
        """Delete a call and all that hangs on it; see `store.deletion.delete_call`."""
        deletion.delete_call(self.database, self.audio, call_id, actor=actor)

    def apply_retention(self, *, now: datetime | None = None) -> deletion.Expired:
        """Delete what is past its days; see `store.deletion.apply_retention`."""
        return deletion.apply_retention(self.database, self.audio, now=now)

    def close(self) -> None:
        """Close all connections."""
        self.database.close()


def _days_from_now(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)
