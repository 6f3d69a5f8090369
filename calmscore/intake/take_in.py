"""The one way in: hash, known already?, decode, analyse, keep.

Uploads on the page, the HTTP queue, batches and watched folders all come through here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO, Literal

from sqlalchemy.orm import Session

from calmscore.analysis.call import Progress, analyze_recording
from calmscore.analysis.call_channels import ChannelChoice
from calmscore.analysis.report import CallReport, Direction
from calmscore.audio.recording import read_recording
from calmscore.audio.recording_file import hash_recording
from calmscore.network.classifier import EmotionClassifier
from calmscore.settings import RawFormat
from calmscore.store import Store
from calmscore.store.calls import CallDetails, find_call, has_call
from calmscore.store.file_names import details_from_name
from calmscore.store.reports import has_current_report, read_report
from calmscore.store.settings import read_settings

TakenState = Literal["added", "renewed", "known"]

# The same recording twice at the same time: the second finds what the first stored.
_TURNS = tuple(threading.Lock() for _ in range(256))


@dataclass(frozen=True, kw_only=True)
class TakenIn:
    """A call that is in the store.

    Attributes
    ----------
    report : CallReport
        The new report, or the stored one.
    state : {"added", "renewed", "known"}
        ``renewed`` is a call that was stored and is analysed again, by another model or
        for another channel; a ``known`` one was not analysed.
    """

    report: CallReport
    state: TakenState


def take_in(
    source: BinaryIO,
    *,
    file_name: str,
    store: Store,
    classifier: EmotionClassifier,
    actor: str,
    customer_channel: ChannelChoice | None = None,
    direction: Direction | None = None,
    details: CallDetails | None = None,
    progress: Progress | None = None,
    within: Callable[[Session, str, TakenState], None] | None = None,
    words: bool = True,
) -> TakenIn:
    """Analyse a call and store its report.

    A recording that this model has analysed already is neither decoded nor analysed
    again, unless another channel or direction than the stored one is asked for; what is
    given of its details is stored all the same.

    Parameters
    ----------
    source : binary file object
        The recording; seekable.
    file_name : str
        Its name; agent, customer and time are read from it by the settings' pattern.
    customer_channel : {"auto", "left", "right", "mixed", "1", …, "8"}, optional
        Where the customer is; as in the settings by default.
    direction : {"inbound", "outbound", "unknown"}, optional
        Who called whom; as the file's name tells by default.
    details : CallDetails, optional
        What is known of the call; goes before what the file name says. A recording without a
        header is read as its ``raw_format`` says or, stored before, as it was then.
    progress : callable, optional
        Called as ``progress(completed, total)``.
    within : callable, optional
        Called as ``within(session, call_id, state)`` in the transaction that stores the
        call: both are done, or neither.
    words : bool
        Whether the words are to be written down afterwards.

    Raises
    ------
    CallFileError
        If the recording cannot be analysed; nothing is stored then.
    StoreError
        If the call cannot be stored.
    DeletedMeanwhileError
        If the call was deleted while it was analysed.
    """
    call_id = hash_recording(source, file_name=file_name)
    details = details or CallDetails()
    said = None if details.raw_format is None else str(RawFormat.parse(details.raw_format))
    with _TURNS[int(call_id[:2], 16)]:
        with store.database.reading() as session:
            channel = customer_channel or read_settings(session).customer_channel
            stored = has_call(session, call_id)
            earlier = find_call(session, call_id).raw_format if stored else None
            report = _current_report(session, call_id, classifier.sha256, channel, direction)
        if said is not None and earlier not in (None, said):
            report = None  # it holds something else than was thought
        if report is not None:
            store.change_details(call_id, replace(details, raw_format=None), actor=actor)
            if within is not None:
                with store.database.writing() as session:
                    within(session, call_id, "known")
            return TakenIn(report=report, state="known")
        recording = read_recording(
            source,
            file_name=file_name,
            sha256=call_id,
            raw_format=said or earlier,
        )
        # Kept, so that whoever reads it later reads the same; a header says so itself.
        read_as = None if recording.raw_format is None else str(recording.raw_format)
        details = replace(details, raw_format=read_as)
        if customer_channel is None and len(recording.samples) == 1:
            # The setting is about two channels; on one, left would be who speaks first.
            channel = "auto"
        report = analyze_recording(
            recording,
            customer_channel=channel,
            direction=direction,
            classifier=classifier,
            progress=progress,
        )
        state: TakenState = "renewed" if stored else "added"
        with store.database.reading() as session:
            named = details_from_name(report.call.file_name, read_settings(session))
        store.add_call(
            report,
            source,
            actor=actor,
            details=_merged(details, named),
            renewing=stored,
            within=within and (lambda session: within(session, call_id, state)),
            words=words,
        )
        return TakenIn(report=report, state=state)


def _current_report(
    session: Session,
    call_id: str,
    model_sha256: str,
    channel: ChannelChoice,
    direction: Direction | None,
) -> CallReport | None:
    current = has_current_report(
        session,
        call_id,
        model_sha256=model_sha256,
        customer_channel=None if channel == "auto" else channel,
    )
    if not current:
        return None
    report = CallReport.from_dict(read_report(session, call_id))
    unclear = channel != "auto" and report.speakers.customer_from is None
    return None if unclear or direction not in (None, report.call.direction) else report


def keep(
    report: CallReport,
    source: BinaryIO,
    *,
    store: Store,
    actor: str,
    raw_format: str | None = None,
) -> None:
    """Store a finished analysis with its recording, unless this very report is there.

    Parameters
    ----------
    source : binary file object
        The recording; seekable.
    raw_format : str, optional
        What it was taken to hold, if it has no header.

    Raises
    ------
    StoreError
        If the call cannot be stored.
    """
    with store.database.reading() as session:
        current = has_current_report(
            session,
            report.call.id,
            model_sha256=report.model.sha256,
            customer_channel=report.call.customer_channel,
        )
        if current and find_call(session, report.call.id).raw_format != raw_format:
            current = False  # the stored one was taken to hold something else
        named = details_from_name(report.call.file_name, read_settings(session))
    if not current:
        store.add_call(report, source, actor=actor, details=replace(named, raw_format=raw_format))


def _merged(given: CallDetails, named: CallDetails) -> CallDetails:
    known = {k: v for k, v in vars(given).items() if v is not None}
    return replace(named, **known)
