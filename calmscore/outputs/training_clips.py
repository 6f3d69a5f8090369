"""Corrected segments as clips with a table, to train or evaluate with."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile  # type: ignore[import-untyped, unused-ignore]

from calmscore.analysis.call_channels import customer_samples
from calmscore.analysis.report import CallReport, CustomerChannel
from calmscore.audio.channels import HalfArray
from calmscore.audio.recording import ANALYSIS_RATE_HZ, read_recording
from calmscore.errors import CalmscoreError, StoreError
from calmscore.outputs.exports import record_export, segment_at, write_csv
from calmscore.store import Store
from calmscore.store.calls import CallRow, read_call
from calmscore.store.coaching import CorrectionRow, list_corrections
from calmscore.store.reports import read_report

CORRECTIONS_FILE = "corrections.csv"

CLIP_COLUMNS = (
    "file", "call", "start_seconds", "end_seconds", "emotion", "model_emotion", "author",
    "corrected_at", "missing_because",
)  # fmt: skip


def write_training_corrections(store: Store, folder: Path, *, actor: str) -> pd.DataFrame:
    """Write the corrected segments as clips with a table, to train or evaluate with.

    Each clip is the customer's side of one segment: WAV, mono, 16 kHz, 16 bit. The table
    is ``corrections.csv``, with the columns of ``CLIP_COLUMNS``. All clips of a call have
    the same ``call``: a call must not be on both sides of a split.

    Parameters
    ----------
    folder : Path
        Made if missing; must be empty.
    actor : str
        Who exports, for the audit.

    Returns
    -------
    DataFrame
        The table. Where a recording is no longer kept or cannot be read, ``file`` is
        missing and ``missing_because`` says so.

    Raises
    ------
    StoreError
        If the folder is not empty or cannot be written.
    """
    with store.database.reading() as session:
        corrections = list_corrections(session)
        calls = {
            call_id: (read_call(session, call_id), read_report(session, call_id))
            for call_id in dict.fromkeys(row.call_id for row in corrections)
        }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise StoreError(f"{folder}: is not empty; choose an empty folder for the clips")
        numbers = [row.number for row, _ in calls.values()]
        record_export(store, actor=actor, call_numbers=numbers)
        rows: list[dict[str, Any]] = []
        for call_id, members in groupby(corrections, key=lambda row: row.call_id):
            row, document = calls[call_id]
            report = CallReport.from_dict(document)
            rows += _write_clips(store, row, report, list(members), folder)
        table = pd.DataFrame(rows, columns=list(CLIP_COLUMNS))
        with (folder / CORRECTIONS_FILE).open("w", encoding="utf-8", newline="") as file:
            write_csv([table], file)
    except OSError as error:
        raise StoreError(
            f"{folder}: the clips cannot be written ({error.strerror}); check the folder's rights "
            "and the disk's free space"
        ) from error
    return table


def _write_clips(
    store: Store,
    row: CallRow,
    report: CallReport,
    corrections: Sequence[CorrectionRow],
    folder: Path,
) -> list[dict[str, Any]]:
    sound, reason = _customer_sound(store, row, report.call.customer_channel)
    rows = []
    for correction in corrections:
        segment = segment_at(report, correction.start_seconds)
        fields: dict[str, Any] = {
            "file": None,
            "call": row.id,
            "start_seconds": correction.start_seconds,
            "end_seconds": correction.end_seconds,
            "emotion": correction.emotion,
            "model_emotion": segment.emotion if segment else None,
            "author": correction.author,
            "corrected_at": correction.created_at.isoformat(timespec="seconds"),
            "missing_because": reason,
        }
        if sound is not None:
            fields |= _write_clip(sound, correction, folder)
        rows.append(fields)
    return rows


def _write_clip(sound: HalfArray, correction: CorrectionRow, folder: Path) -> dict[str, Any]:
    first, last = (
        round(seconds * ANALYSIS_RATE_HZ)
        for seconds in (correction.start_seconds, correction.end_seconds)
    )
    clip = sound[first:last]
    if not clip.size:
        return {"missing_because": "the segment lies after the end of the recording"}
    # Nothing of a person in the name: neither file, agent nor customer.
    milliseconds = round(correction.start_seconds * 1000)
    name = f"{correction.call_id[:16]}_{milliseconds:08d}_{correction.emotion}.wav"
    soundfile.write(
        folder / name, np.clip(clip.astype(np.float32), -1.0, 1.0), ANALYSIS_RATE_HZ,
        subtype="PCM_16",
    )  # fmt: skip
    return {"file": name}


def _customer_sound(
    store: Store, row: CallRow, channel: CustomerChannel
) -> tuple[HalfArray | None, str | None]:
    """Return the customer's side of a recording, or why there is none."""
    if not (row.has_audio and store.audio.holds(row.id)):
        return None, "the recording is no longer kept"
    try:
        recording = read_recording(
            store.audio.path(row.id),
            file_name=row.file_name,
            raw_format=row.raw_format,
        )
    except CalmscoreError as error:
        return None, str(error)
    return customer_samples(recording, channel), None
