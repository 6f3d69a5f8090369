"""Take in a call: analyse it and store what was found, once per recording and model."""

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO

from calmscore.analysis.call import Progress, analyze_recording
from calmscore.analysis.report import CallReport
from calmscore.analysis.segments import ChannelChoice
from calmscore.audio.recording import ReadingLimits, read_recording
from calmscore.network.classifier import EmotionClassifier
from calmscore.store import Store
from calmscore.store.calls import CallDetails, has_current_report, read_report
from calmscore.store.file_names import details_from_name
from calmscore.store.settings import read_settings


def take_in(
    source: BinaryIO,
    *,
    file_name: str,
    store: Store,
    classifier: EmotionClassifier,
    actor: str,
    customer_channel: ChannelChoice | None = None,
    details: CallDetails | None = None,
    progress: Progress | None = None,
) -> CallReport:
    """Analyse a call and store its report.

    A recording that this model has analysed already is not analysed again, unless
    another channel than the stored one is asked for; what is given of its details
    is stored all the same.

    Parameters
    ----------
    source : binary file object
        The recording; seekable.
    file_name : str
        Its name; agent, customer and time are read from it by the settings' pattern.
    store : Store
        Where the call goes.
    classifier : EmotionClassifier
        The model.
    actor : str
        Who adds the call.
    customer_channel : {"auto", "left", "right", "mixed"}, optional
        Where the customer is; as in the settings by default.
    details : CallDetails, optional
        What is known of the call; goes before what the file name says.
    progress : callable, optional
        Called as ``progress(completed, total)``.

    Returns
    -------
    CallReport
        The new report, or the stored one.

    Raises
    ------
    CallFileError
        If the recording cannot be analysed; nothing is stored then.
    StoreError
        If the call cannot be stored.
    """
    recording = read_recording(source, file_name=file_name, limits=ReadingLimits.from_environment())
    stored: CallReport | None = None
    with store.database.reading() as session:
        settings = read_settings(session)
        channel = customer_channel or settings.customer_channel
        if has_current_report(
            session,
            recording.sha256,
            model_sha256=classifier.sha256,
            customer_channel=None if channel == "auto" else channel,
        ):
            stored = CallReport.from_dict(read_report(session, recording.sha256))
    if stored is not None:
        if details is not None:
            store.change_details(recording.sha256, details, actor=actor)
        return stored
    report = analyze_recording(
        recording, customer_channel=channel, classifier=classifier, progress=progress
    )
    keep(report, source, store=store, actor=actor, details=details)
    return report


def keep(
    report: CallReport,
    source: BinaryIO,
    *,
    store: Store,
    actor: str,
    details: CallDetails | None = None,
) -> None:
    """Store a finished analysis with its recording.

    Parameters
    ----------
    report : CallReport
        What was found.
    source : binary file object
        The recording; seekable.
    store : Store
        Where the call goes.
    actor : str
        Who adds the call.
    details : CallDetails, optional
        What is known of the call; goes before what the file name says.

    Raises
    ------
    StoreError
        If the call cannot be stored.
    """
    with store.database.reading() as session:
        settings = read_settings(session)
    named = details_from_name(report.call.file_name, settings)
    store.add_call(report, source, actor=actor, details=_merged(details, named))


def _merged(given: CallDetails | None, named: CallDetails) -> CallDetails:
    known = {} if given is None else {k: v for k, v in vars(given).items() if v is not None}
    return replace(named, **known)
