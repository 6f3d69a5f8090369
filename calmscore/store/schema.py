"""The tables. Times are in UTC; a call is known by the SHA-256 of its recording."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, Index, MetaData, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from calmscore.store.column_types import PlainString, PlainText, UtcDateTime

HASH_LENGTH = 64
NAME_LENGTH = 200
FILE_NAME_LENGTH = 500


class Base(DeclarativeBase):
    """Root of all tables; constraints are named, so that migrations can find them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[float]: JSON,
        list[str]: JSON,
    }


class Agent(Base):
    """Somebody who takes calls."""

    __tablename__ = "agents"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(PlainString(NAME_LENGTH), unique=True)


class Call(Base):
    """A recording, with the figures of its current report for lists and filters."""

    __tablename__ = "calls"
    __table_args__ = (
        Index("ix_calls_agent_id_called_at", "agent_id", "called_at"),
        Index("ix_calls_outcome_called_at", "outcome", "called_at"),
        # SQLite reads the plain index backwards for this order, PostgreSQL does not.
        *(
            Index(f"ix_calls_{name}_descending", text(f"{name} DESC NULLS LAST")).ddl_if(
                dialect="postgresql"
            )
            for name in ("score", "agent_share", "interruptions", "pauses")
        ),
    )

    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(PlainString(HASH_LENGTH), unique=True)
    file_name: Mapped[str] = mapped_column(PlainString(FILE_NAME_LENGTH), index=True)
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("agents.id"))
    customer: Mapped[str | None] = mapped_column(PlainString(NAME_LENGTH))
    # When the call was made or, where nobody told, when it arrived here.
    called_at: Mapped[datetime] = mapped_column(index=True)
    added_at: Mapped[datetime] = mapped_column(index=True)
    duration_seconds: Mapped[float] = mapped_column(index=True)
    report_id: Mapped[int | None]
    score: Mapped[float | None] = mapped_column(index=True)
    score_low: Mapped[float | None]
    score_high: Mapped[float | None]
    # How likely it is that the wrong person was taken for the customer, 0–1.
    doubt: Mapped[float | None]
    # How the conversation went, as in ``analysis.conversation``.
    agent_share: Mapped[float | None] = mapped_column(index=True)
    interruptions: Mapped[int | None] = mapped_column(index=True)
    pauses: Mapped[int | None] = mapped_column(index=True)
    outcome: Mapped[str] = mapped_column(PlainString(40))
    trend: Mapped[list[float]]
    audio_until: Mapped[datetime | None] = mapped_column(index=True)
    # What the recording holds where it has no header, as ``settings.RawFormat`` says it.
    raw_format: Mapped[str | None] = mapped_column(PlainString(40))


class Report(Base):
    """What one model said of a call, as in ``report.CallReport.to_dict``."""

    __tablename__ = "reports"
    __table_args__ = (UniqueConstraint("call_number", "model_sha256", "customer_channel"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    call_number: Mapped[int] = mapped_column(ForeignKey("calls.number", ondelete="CASCADE"))
    customer_channel: Mapped[str] = mapped_column(PlainString(10))
    model_version: Mapped[str] = mapped_column(PlainString(40))
    model_sha256: Mapped[str] = mapped_column(PlainString(HASH_LENGTH))
    created_at: Mapped[datetime]
    document: Mapped[dict[str, Any]]


class CallWords(Base):
    """What is said in a call, or that it is still to be written down (no document).

    ``document`` holds ``words`` and ``notices`` as a report does, ``text`` what is
    searched: a line for each turn. What it is searched by is made by the database: on
    SQLite, triggers copy it into the index ``words_search``; on PostgreSQL the column
    ``text_vector`` follows it.
    """

    __tablename__ = "call_words"

    call_number: Mapped[int] = mapped_column(
        ForeignKey("calls.number", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    # Of the report that says who speaks.
    customer_channel: Mapped[str] = mapped_column(PlainString(10))
    document: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    text: Mapped[str] = mapped_column(PlainText, default="")
    claimed_at: Mapped[datetime | None]


class Moment(Base):
    """A change of emotion that earned or cost points, of the call's current report."""

    __tablename__ = "moments"
    __table_args__ = (Index("ix_moments_call_number_points", "call_number", "points"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    call_number: Mapped[int] = mapped_column(ForeignKey("calls.number", ondelete="CASCADE"))
    at_seconds: Mapped[float]
    from_emotion: Mapped[str] = mapped_column(PlainString(20))
    to_emotion: Mapped[str] = mapped_column(PlainString(20))
    points: Mapped[float]


class Note(Base):
    """A supervisor's note on a call or, with a time, on a moment of it."""

    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    call_number: Mapped[int] = mapped_column(
        ForeignKey("calls.number", ondelete="CASCADE"), index=True
    )
    at_seconds: Mapped[float | None]
    text: Mapped[str] = mapped_column(PlainText)
    author: Mapped[str] = mapped_column(PlainString(NAME_LENGTH))
    created_at: Mapped[datetime]


class Tag(Base):
    """A word that somebody put on a call."""

    __tablename__ = "tags"

    call_number: Mapped[int] = mapped_column(
        ForeignKey("calls.number", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(PlainString(60), primary_key=True, index=True)


class Review(Base):
    """What became of a call on the desk; a call without one is new."""

    __tablename__ = "reviews"

    call_number: Mapped[int] = mapped_column(
        ForeignKey("calls.number", ondelete="CASCADE"), primary_key=True
    )
    status: Mapped[str] = mapped_column(PlainString(20), index=True)
    reviewer: Mapped[str | None] = mapped_column(PlainString(NAME_LENGTH))
    due_on: Mapped[date | None]
    changed_by: Mapped[str] = mapped_column(PlainString(NAME_LENGTH))
    changed_at: Mapped[datetime]
    # When somebody took it off the list without having heard it.
    skipped_at: Mapped[datetime | None]


class CoachingSession(Base):
    """What a supervisor and an agent listen to together; ``held_on`` once they did."""

    __tablename__ = "coaching_sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    agent: Mapped[str] = mapped_column(PlainString(NAME_LENGTH), index=True)
    author: Mapped[str] = mapped_column(PlainString(NAME_LENGTH))
    created_at: Mapped[datetime]
    held_on: Mapped[date | None]
    agreed: Mapped[str] = mapped_column(PlainText)
    # The agent sees nothing of it before.
    shared_at: Mapped[datetime | None]
    shared_by: Mapped[str | None] = mapped_column(PlainString(NAME_LENGTH))


class CoachingItem(Base):
    """A moment on the playlist of a session."""

    __tablename__ = "coaching_items"

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(
        ForeignKey("coaching_sessions.id", ondelete="CASCADE"), index=True
    )
    call_number: Mapped[int] = mapped_column(
        ForeignKey("calls.number", ondelete="CASCADE"), index=True
    )
    at_seconds: Mapped[float | None]
    note: Mapped[str] = mapped_column(PlainText)


class CoachingRemark(Base):
    """What an agent answers to a session or to a call of it, or what is replied to that."""

    __tablename__ = "coaching_remarks"

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(
        ForeignKey("coaching_sessions.id", ondelete="CASCADE"), index=True
    )
    call_number: Mapped[int | None] = mapped_column(
        ForeignKey("calls.number", ondelete="CASCADE"), index=True
    )
    kind: Mapped[str] = mapped_column(PlainString(20))
    reply_to: Mapped[int | None] = mapped_column(
        ForeignKey("coaching_remarks.id", ondelete="CASCADE"), index=True
    )
    decision: Mapped[str | None] = mapped_column(PlainString(20))
    text: Mapped[str] = mapped_column(PlainText)
    author: Mapped[str] = mapped_column(PlainString(NAME_LENGTH))
    created_at: Mapped[datetime]


class SetAsideScore(Base):
    """That a call's score is not to be used, by whose decision and why."""

    __tablename__ = "set_aside_scores"

    call_number: Mapped[int] = mapped_column(
        ForeignKey("calls.number", ondelete="CASCADE"), primary_key=True
    )
    reason: Mapped[str] = mapped_column(PlainText)
    decided_by: Mapped[str] = mapped_column(PlainString(NAME_LENGTH))
    decided_at: Mapped[datetime]


class Correction(Base):
    """The emotion that a listener heard in a segment."""

    __tablename__ = "corrections"

    call_number: Mapped[int] = mapped_column(
        ForeignKey("calls.number", ondelete="CASCADE"), primary_key=True
    )
    start_seconds: Mapped[float] = mapped_column(primary_key=True)
    end_seconds: Mapped[float]
    emotion: Mapped[str] = mapped_column(PlainString(20))
    author: Mapped[str] = mapped_column(PlainString(NAME_LENGTH))
    created_at: Mapped[datetime]


class Rule(Base):
    """Which calls somebody is told of, and how; see `store.alerts.AlertRule`."""

    __tablename__ = "alert_rules"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(PlainString(NAME_LENGTH))
    # Calls that were here before are left in peace.
    created_at: Mapped[datetime]
    outcomes: Mapped[list[str]]
    highest_score: Mapped[float | None]
    phrases: Mapped[list[str]]
    in_doubt: Mapped[bool]
    any_agent: Mapped[bool]
    to_queue: Mapped[bool]
    addresses: Mapped[list[str]]
    url: Mapped[str] = mapped_column(PlainText)
    # What webhooks are signed with; whoever gets them knows it, too.
    secret: Mapped[str] = mapped_column(PlainString(HASH_LENGTH))
    tells_customer: Mapped[bool]


class RuleAgent(Base):
    """An agent whose calls alone a rule is about."""

    __tablename__ = "alert_rule_agents"

    rule_id: Mapped[int] = mapped_column(
        ForeignKey("alert_rules.id", ondelete="CASCADE"), primary_key=True
    )
    agent_id: Mapped[int] = mapped_column(
        ForeignKey("agents.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class Alert(Base):
    """That a rule found a call: once, however often the call is analysed."""

    __tablename__ = "alerts"

    rule_id: Mapped[int] = mapped_column(
        ForeignKey("alert_rules.id", ondelete="CASCADE"), primary_key=True
    )
    call_number: Mapped[int] = mapped_column(
        ForeignKey("calls.number", ondelete="CASCADE"), primary_key=True, index=True
    )
    raised_at: Mapped[datetime]
    acknowledged_by: Mapped[str | None] = mapped_column(PlainString(NAME_LENGTH))
    acknowledged_at: Mapped[datetime | None]


class Delivery(Base):
    """A message of an alert to one address, or a test of one (no call).

    Whoever sends it holds it until ``lease_until``.
    """

    __tablename__ = "alert_deliveries"
    __table_args__ = (Index("ix_alert_deliveries_state_not_before", "state", "not_before"),)

    id: Mapped[str] = mapped_column(PlainString(32), primary_key=True)
    rule_id: Mapped[int] = mapped_column(
        ForeignKey("alert_rules.id", ondelete="CASCADE"), index=True
    )
    call_number: Mapped[int | None] = mapped_column(
        ForeignKey("calls.number", ondelete="CASCADE"), index=True
    )
    channel: Mapped[str] = mapped_column(PlainString(10))
    recipient: Mapped[str] = mapped_column(PlainText)
    state: Mapped[str] = mapped_column(PlainString(10))
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(index=True)
    not_before: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(PlainText)
    owner: Mapped[str | None] = mapped_column(PlainString(60))
    lease_until: Mapped[datetime | None]


class Setting(Base):
    """One field of `store.settings.Settings` that differs from its default."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(PlainString(60), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)


class AuditEvent(Base):
    """Who did what. A call is named by its number, which says nothing about anybody."""

    __tablename__ = "audit_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(PlainString(NAME_LENGTH))
    action: Mapped[str] = mapped_column(PlainString(40))
    call_number: Mapped[int | None] = mapped_column(index=True)


class ApiKey(Base):
    """A key of the HTTP service; only its hash is kept."""

    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(PlainString(NAME_LENGTH))
    role: Mapped[str] = mapped_column(PlainString(20))
    digest: Mapped[str] = mapped_column(PlainString(HASH_LENGTH), unique=True)
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class Job(Base):
    """A call or a training that was asked for.

    A worker holds a job as its ``owner`` until ``lease_until``, and renews that as long as
    it lives. ``starts`` counts how often one began and did not end in an orderly way,
    ``setbacks`` how often the job was put back because the store or the disk failed.
    """

    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_state_created_at", "state", "created_at"),)

    id: Mapped[str] = mapped_column(PlainString(32), primary_key=True)
    kind: Mapped[str] = mapped_column(PlainString(20))
    state: Mapped[str] = mapped_column(PlainString(20))
    parameters: Mapped[dict[str, Any]]
    # The hash of the recording, known before the call is.
    call_id: Mapped[str | None] = mapped_column(PlainString(HASH_LENGTH), index=True)
    error_code: Mapped[str | None] = mapped_column(PlainString(60))
    error_message: Mapped[str | None] = mapped_column(PlainText)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    owner: Mapped[str | None] = mapped_column(PlainString(60))
    lease_until: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    starts: Mapped[int] = mapped_column(default=0)
    setbacks: Mapped[int] = mapped_column(default=0)
    taken: Mapped[str | None] = mapped_column(PlainString(10))


class Installation(Base):
    """What is known of this installation itself; one row."""

    __tablename__ = "installation"

    id: Mapped[int] = mapped_column(primary_key=True)
    # Of the one folder that holds the recordings of this database.
    folder_id: Mapped[str | None] = mapped_column(PlainString(32))
    # What the clock said when the retention last ran.
    clock_seen_at: Mapped[datetime | None]
