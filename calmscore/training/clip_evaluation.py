"""Measure the artifact on a folder of labelled clips: ``python model.py evaluate``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from calmscore.analysis.distress import DISTRESS_MIDPOINT, DISTRESS_SLOPE
from calmscore.emotions import EMOTIONS
from calmscore.errors import CorpusError
from calmscore.network.classifier import (
    DEFAULT_ARTIFACTS,
    EmotionClassifier,
    Hearing,
    load_classifier,
)
from calmscore.training.corpora import crema_d
from calmscore.training.corpora.clips import Clip
from calmscore.training.corpora.reading import read_corpus
from calmscore.training.ending import write_json
from calmscore.training.metrics import Metrics, fit_distress_scale, measure, measure_heard

_CLIPS_AT_ONCE = 64


def listen_to_clips(
    classifier: EmotionClassifier, clips: Sequence[Clip], *, telephone: bool, seed: int = 0
) -> Hearing:
    """Classify clips, each on its own.

    Parameters
    ----------
    telephone : bool
        Send each clip through a telephone line first: 8 kHz, 300–3400 Hz, μ-law,
        20–30 dB signal-to-noise ratio.

    Returns
    -------
    Hearing
        What listeners would hear, and what was meant, with a row per clip.
    """
    from calmscore.training.clip_sounds import read_sounds

    rate = classifier.settings.log_mel.sample_rate_hz
    sounds = read_sounds(clips, telephone=telephone, seed=seed)
    parts = []
    for _ in tqdm(range(0, len(clips), _CLIPS_AT_ONCE), desc="classifying", disable=None):
        batch = list(islice(sounds, _CLIPS_AT_ONCE))
        parts.append(classifier.listen(batch, sample_rate_hz=rate))
    return Hearing(
        **{
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Hearing)
        }
    )


def evaluate(
    *,
    data: Path,
    artifacts: Path = DEFAULT_ARTIFACTS,
    corpus: str | None = None,
    speakers: str = "all",
    telephone: bool = False,
    json_file: Path | None = None,
) -> dict[str, Any]:
    """Measure the artifact on a folder of clips, and print and return the figures.

    Parameters
    ----------
    data : Path
        Folder of clips.
    artifacts : Path
        Of the model.
    corpus : str, optional
        Its name; told by the file names by default.
    speakers : str
        ``all``, ``validation``, or ids with commas between.
    telephone : bool
        Whether each clip goes through a telephone line.
    json_file : Path, optional
        Gets the figures too.

    Returns
    -------
    dict
        Figures of what was meant in all clips under ``all``, and of each group under
        ``groups``; of what was heard under ``heard``, None without listeners' votes.
    """
    clips = _labelled_clips(data, corpus=corpus, speakers=speakers)
    classifier = load_classifier(artifacts)
    hearing = listen_to_clips(classifier, clips, telephone=telephone)
    labels = np.array([EMOTIONS.index(str(clip.emotion)) for clip in clips])
    overall = measure(hearing.intended, labels)
    groups = {
        name: measure(hearing.intended[members], labels[members])
        for name, members in _groups(clips, data).items()
    }
    line = "through a telephone line" if telephone else "clean"
    print(f"{len(clips)} clips of {len({c.speaker for c in clips})} speakers, {line}")
    print("what was meant")
    _print_metrics(overall)
    for name, figures in groups.items():
        print(f"  {name:<16} n {figures.clips:5d}   UAR {figures.uar:.3f}")
    result = {
        "clips": len(clips),
        "telephone": telephone,
        "model": {"version": classifier.settings.version, "sha256": classifier.sha256},
        "all": overall.to_dict(),
        "groups": {name: figures.to_dict() for name, figures in groups.items()},
        "heard": _heard_figures(clips, hearing, data),
    }
    write_json(json_file, result)
    return result


def _heard_figures(clips: Sequence[Clip], hearing: Hearing, data: Path) -> dict[str, Any] | None:
    """Compare with the listeners' votes, and print the scale that they would give."""
    votes = crema_d.votes_by_name(data)
    rows = [index for index, clip in enumerate(clips) if clip.name in votes]
    if not rows:
        return None
    shares = np.stack([votes[clips[index].name] for index in rows]).astype(np.float64)
    heard = hearing.heard[rows].astype(np.float64)
    figures = measure_heard(heard, shares)
    print(f"what listeners heard ({figures.clips} clips with votes)")
    print(f"divergence from the votes   {figures.divergence:.3f}")
    print(f"same majority               {figures.same_majority:.3f}")
    print(f"correlation of distress     {figures.distress_correlation:.3f}")
    try:
        midpoint, slope = fit_distress_scale(heard, shares)
    except ValueError:  # all of these clips are on one side
        print("scale of distress: not to be told from clips that are all alike")
        return {**figures.to_dict(), "distress_scale": None}
    print(
        f"scale of distress: midpoint {midpoint:.3f}, slope {slope:.2f} "
        f"(in use: {DISTRESS_MIDPOINT}, {DISTRESS_SLOPE})"
    )
    return {**figures.to_dict(), "distress_scale": {"midpoint": midpoint, "slope": slope}}


def _labelled_clips(data: Path, *, corpus: str | None, speakers: str) -> list[Clip]:
    clips = [clip for clip in read_corpus(data, corpus=corpus) if clip.emotion]
    clips = [clip for clip in clips if clip.corpus != crema_d.CORPUS or crema_d.usable(clip)]
    if speakers == "validation":
        clips = [clip for clip in clips if clip.speaker_id in crema_d.VALIDATION_SPEAKERS]
    elif speakers != "all":
        wanted = set(speakers.split(","))
        clips = [clip for clip in clips if clip.speaker_id in wanted]
    if not clips:
        raise CorpusError(f"{data}: holds no clip of speakers {speakers!r}")
    return clips


def _groups(clips: Sequence[Clip], data: Path) -> dict[str, npt.NDArray[np.bool_]]:
    tables = [folder / crema_d.DEMOGRAPHICS_FILE for folder in (data, data.parent)]
    table = next((path for path in tables if path.is_file()), None)
    if table is None:
        return {}
    people = crema_d.read_demographics(table)
    known = [people.loc[clip.speaker_id] if clip.speaker_id in people.index else None
             for clip in clips]  # fmt: skip
    groups: dict[str, npt.NDArray[np.bool_]] = {}
    for column in ("sex", "age_band", "race"):
        values = [None if person is None else str(person[column]) for person in known]
        for value in sorted({value for value in values if value is not None}):
            groups[value] = np.array([other == value for other in values])
    return groups


def _print_metrics(figures: Metrics) -> None:
    print(f"accuracy                    {figures.accuracy:.3f}")
    print(f"UAR                         {figures.uar:.3f}")
    print(f"macro-F1                    {figures.macro_f1:.3f}")
    print(f"expected calibration error  {figures.expected_calibration_error:.3f}")
    print(f"UAR negative/neutral/positive  {figures.valence_uar:.3f}")
    print("confusion matrix (rows true, columns predicted)")
    print(" " * 10 + "".join(f"{name:>9}" for name in EMOTIONS))
    for name, row in zip(EMOTIONS, figures.confusion, strict=True):
        print(f"{name:<10}" + "".join(f"{count:9d}" for count in row))
