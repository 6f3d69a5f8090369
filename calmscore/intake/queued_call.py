"""What became of an upload, as the page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

from calmscore.analysis.report import CallReport
from calmscore.intake.take_in import TakenState
from calmscore.store.jobs import JobState, read_job
from calmscore.store.reports import read_report

QueuedState = Literal["waiting", "reading", "listening", "failed"] | TakenState


@dataclass(kw_only=True)
class QueuedCall:
    """One upload and what became of it, for the page.

    Attributes
    ----------
    job_id, file_name : str
    state : str
        ``renewed`` is a call that an earlier model had analysed.
    completed, total : int
        Segments listened to, and of how many, where this process analyses it.
    report : CallReport or None
        Once it is in the store.
    message : str
        Why it failed, or what else to know.
    """

    job_id: str
    file_name: str
    state: QueuedState = "waiting"
    completed: int = 0
    total: int = 0
    report: CallReport | None = None
    message: str = ""

    @property
    def finished(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state not in ("waiting", "reading", "listening")

    @property
    def share(self) -> float:
        """How much is done, 0–1."""
        return self.completed / self.total if self.total else 0.0

    def follow(
        self, session: Session, state: JobState | None, progress: tuple[int, int] | None
    ) -> None:
        """Bring it up to date.

        Parameters
        ----------
        state : {"queued", "running", "done", "failed"} or None
            Of its job; None where there is no such job any more.
        progress : tuple of int or None
            Segments listened to, and of how many, where this process analyses it.
        """
        if state is None:
            self.state, self.message = "failed", f"{self.file_name} was deleted"
        elif state == "queued":
            self.state = "waiting"
        elif state == "running":
            self.state = "reading"
            if progress is not None:
                self.state = "listening"
                self.completed, self.total = progress
        else:
            self._tell_end(session)

    def _tell_end(self, session: Session) -> None:
        job = read_job(session, self.job_id)
        if job.state == "failed":
            self.state, self.message = "failed", job.error_message or ""
            return
        self.report = CallReport.from_dict(read_report(session, str(job.call_id)))
        stored_as = self.report.call.file_name
        if job.taken == "known" and stored_as != self.file_name:
            self.message = f"the same recording as {stored_as}"
        self.state = job.taken or "added"  # type: ignore[assignment]
