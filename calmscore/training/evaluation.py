"""Measure what the model card tells, and store it in ``artifacts/evaluation.json``.

    python -m calmscore.training.evaluation --data data/AudioWAV --other-corpora FOLDER
    python -m calmscore.training.evaluation --data data/AudioWAV --only noise groups

Clips are CREMA-D's of the validation speakers, each classified on its own. The file is
written after every section, so that ``--only`` can fill in what an interrupted run left
out. Sections of another model than the present one are dropped. `training.model_card` turns the
file into the card.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from calmscore.analysis.cutting import SEGMENT_SECONDS, level_gain
from calmscore.analysis.segments import segment_call
from calmscore.audio.recording import ANALYSIS_RATE_HZ, Recording
from calmscore.emotions import EMOTIONS
from calmscore.errors import ArtifactError, CorpusError
from calmscore.network.classifier import DEFAULT_ARTIFACTS, load_classifier
from calmscore.training.augmentation import add_noise, coloured_noise, telephone_line
from calmscore.training.clip_sounds import crop
from calmscore.training.corpora import crema_d
from calmscore.training.corpora.reading import (
    read_crema_d,
    validation_clips,
)
from calmscore.training.corpus_evaluation import other_corpora
from calmscore.training.ending import with_exit_code
from calmscore.training.measurement import (
    SEED,
    Change,
    Figures,
    FloatArray,
    Measurement,
    summary_of,
)
from calmscore.training.metrics import measure, measure_heard, reliability
from calmscore.training.non_speech import non_speech_sounds

EVALUATION_FILE = "evaluation.json"

_LINES: dict[str, dict[str, Any]] = {
    "A-law": {"codec": "a-law"},
    "GSM": {"codec": "gsm"},
    "μ-law, 5% of packets lost": {"packet_loss": 0.05},
}
_NOISES = ("white", "pink", "babble")
_NOISE_SNRS_DB = (20.0, 10.0, 5.0, 0.0)
# Twelve settings of noise on every clip would take longer than all the rest.
_NOISE_CLIP_SHARE = 0.5
_BABBLE_VOICES = 6
_PARTS_SECONDS = (1.0, 1.5, 3.0)
_NON_SPEECH_SECONDS = 60.0
_BOOTSTRAP_DRAWS = 2_000


def overall(measurement: Measurement) -> Figures:
    """Measure all clips, clean and over a telephone line, with confusion and reliability."""
    return {
        "speakers": sorted(set(measurement.speakers.tolist())),
        "clips": len(measurement.clips),
        "training_speakers": len({clip.speaker for clip in measurement.other_clips}),
        "training_clips": len(measurement.other_clips),
        "clean": _condition(measurement.clean, measurement),
        "telephone": _condition(measurement.telephone, measurement),
    }


def _condition(probabilities: FloatArray, measurement: Measurement) -> Figures:
    return {
        **measure(probabilities, measurement.labels).to_dict(),
        "uar_interval": _uar_interval(probabilities, measurement),
        "reliability": [list(row) for row in reliability(probabilities, measurement.labels)],
    }


def _uar_interval(probabilities: FloatArray, measurement: Measurement) -> list[float] | None:
    """Return the 95 % interval of UAR over draws of speakers with replacement.

    Speakers are drawn, not clips: one speaker's clips are right or wrong together.
    """
    names, owners = np.unique(measurement.speakers, return_inverse=True)
    if names.size < 2:
        return None
    counts = np.zeros((names.size, len(EMOTIONS), len(EMOTIONS)))
    np.add.at(counts, (owners, measurement.labels, probabilities.argmax(axis=1)), 1)
    generator = np.random.default_rng(SEED)
    drawn = counts[generator.integers(names.size, size=(_BOOTSTRAP_DRAWS, names.size))].sum(axis=1)
    clips = drawn.sum(axis=2)
    recalls = np.diagonal(drawn, axis1=1, axis2=2) / np.maximum(clips, 1)
    uars = recalls.sum(axis=1) / (clips > 0).sum(axis=1)
    return [float(bound) for bound in np.percentile(uars, (2.5, 97.5))]


def groups(measurement: Measurement) -> list[Figures]:
    """Measure each sex, age band and race, clean and over a telephone line."""
    people = crema_d.read_demographics(measurement.table(crema_d.DEMOGRAPHICS_FILE))
    people = people.reindex(measurement.speakers)
    rows = []
    for column, kind in (("sex", "sex"), ("age_band", "age"), ("race", "race")):
        values = people[column].fillna("not stated").to_numpy(dtype=str)
        for value in np.unique(values):
            members = values == value
            labels = measurement.labels[members]
            rows.append(
                {
                    "kind": kind,
                    "name": str(value),
                    "speakers": len(set(measurement.speakers[members])),
                    "clips": int(members.sum()),
                    "clean": summary_of(measurement.clean[members], labels),
                    "telephone": summary_of(measurement.telephone[members], labels),
                }
            )
    return rows


def listeners(measurement: Measurement) -> Figures:
    """Compare the model, over a telephone line, with the people who heard the same clips."""
    votes = crema_d.read_listener_votes(measurement.table(crema_d.VOTES_FILE))
    votes = votes.reindex([clip.name for clip in measurement.clips])
    shares = votes.to_numpy(dtype=np.float64, na_value=0.0)
    voted = shares.sum(axis=1) > 0.0
    ordered = np.sort(shares, axis=1)
    clear = ordered[:, -1] > ordered[:, -2]
    if not clear.any():
        raise CorpusError(f"{crema_d.VOTES_FILE}: no votes on the clips of {measurement.data}")
    labels, model = measurement.labels, measurement.heard
    intended = np.eye(len(EMOTIONS))[labels]
    return {
        "clips": int(voted.sum()),
        "vote_for_intended": float((shares * intended).sum(axis=1)[voted].mean()),
        "distance_to_votes": {
            "model": _distance(model[voted], shares[voted]),
            "intended": _distance(intended[voted], shares[voted]),
        },
        **measure_heard(model[voted].astype(np.float64), shares[voted]).to_dict(),
        "clear_clips": int(clear.sum()),
        "listeners_against_intended": summary_of(shares[clear], labels[clear]),
        "model_against_intended": summary_of(model[clear], labels[clear]),
        "model_against_vote": summary_of(model[clear], shares[clear].argmax(axis=1)),
    }


def _distance(probabilities: npt.NDArray[Any], shares: npt.NDArray[np.float64]) -> float:
    """Return the mean total variation distance of two tables of shares, 0–1."""
    return float(0.5 * np.abs(probabilities - shares).sum(axis=1).mean())


def telephone_lines(measurement: Measurement) -> list[Figures]:
    """Measure all clips over several kinds of telephone line."""
    rows = [("μ-law", measurement.telephone)]
    rows += [(name, measurement.over_line(**options)) for name, options in _LINES.items()]
    return [{"line": name, **summary_of(row, measurement.labels)} for name, row in rows]


def noise(measurement: Measurement) -> list[Figures]:
    """Measure a seeded half of the clips in white noise, pink noise and babble."""
    generator = np.random.default_rng(SEED)
    count = max(int(len(measurement.clips) * _NOISE_CLIP_SHARE), 1)
    chosen = np.sort(generator.permutation(len(measurement.clips))[:count])
    labels = measurement.labels[chosen]
    rows = [{"noise": "none", "snr_db": None, **summary_of(measurement.clean[chosen], labels)}]
    for name in _NOISES:
        for snr_db in _NOISE_SNRS_DB:
            probabilities = measurement.classify(_in_noise(measurement, name, snr_db), chosen)
            rows.append({"noise": name, "snr_db": snr_db, **summary_of(probabilities, labels)})
    return rows


def _in_noise(measurement: Measurement, name: str, snr_db: float) -> Change:
    def change(index: int, generator: np.random.Generator) -> FloatArray:
        sound = measurement.sounds[index]
        if name == "babble":
            added = _babble(measurement, index, generator)
        else:
            exponent = 1.0 if name == "pink" else 0.0
            added = coloured_noise(sound.size, exponent=exponent, generator=generator)
        return add_noise(sound, added, snr_db=snr_db)

    return change


def _babble(measurement: Measurement, index: int, generator: np.random.Generator) -> FloatArray:
    """Mix clips of other speakers, all equally loud."""
    others = np.flatnonzero(measurement.speakers != measurement.speakers[index])
    if not others.size:
        others = np.arange(len(measurement.sounds))
    voices = [measurement.sounds[i] for i in generator.choice(others, _BABBLE_VOICES)]
    count = measurement.sounds[index].size
    equal = [np.resize(voice / max(float(voice.std()), 1e-9), count) for voice in voices]
    return np.asarray(np.sum(equal, axis=0), dtype=np.float32)


def partial_segments(measurement: Measurement) -> list[Figures]:
    """Measure a random stretch of each clip; shorter clips stay whole."""
    rows = []
    for seconds in _PARTS_SECONDS:
        probabilities = measurement.classify(_cropped(measurement, seconds))
        longer = sum(sound.size > seconds * ANALYSIS_RATE_HZ for sound in measurement.sounds)
        row = summary_of(probabilities, measurement.labels)
        rows.append({"seconds": seconds, "shortened_clips": longer, **row})
    return rows


def _cropped(measurement: Measurement, seconds: float) -> Change:
    return lambda index, generator: crop(measurement.sounds[index], seconds, generator)


def non_speech(measurement: Measurement) -> list[Figures]:
    """Measure what the analysis lets through of sounds without speech, and what they seem."""
    made = non_speech_sounds(_NON_SPEECH_SECONDS, sample_rate_hz=ANALYSIS_RATE_HZ, seed=SEED)
    generator = np.random.default_rng(SEED)
    rows = []
    for name, sound in made.items():
        line = telephone_line(sound, sample_rate_hz=ANALYSIS_RATE_HZ, generator=generator)
        parts = np.split(sound, int(_NON_SPEECH_SECONDS / SEGMENT_SECONDS))
        gain = level_gain(parts, wanted_level_db=measurement.classifier.settings.speech_level_db)
        probabilities = measurement.classifier.predict_proba(
            [np.clip(part * gain, -1.0, 1.0) for part in parts], sample_rate_hz=ANALYSIS_RATE_HZ
        )
        means = probabilities.mean(axis=0)
        rows.append(
            {
                "sound": name,
                "segments": len(parts),
                "let_through": _let_through(sound),
                "let_through_telephone": _let_through(line),
                "probabilities": dict(zip(EMOTIONS, means.tolist(), strict=True)),
            }
        )
    return rows


def _let_through(sound: FloatArray) -> float:
    """Return the share of a customer channel's segments that would be scored."""
    recording = Recording(
        file_name="non-speech",
        sha256="",
        sample_rate_hz=ANALYSIS_RATE_HZ,
        duration_seconds=sound.size / ANALYSIS_RATE_HZ,
        samples=np.stack([sound, np.zeros_like(sound)]).astype(np.float16),
        warnings=(),
    )
    segments = segment_call(recording, customer_channel="left").segments
    return float(np.mean([segment.status == "scored" for segment in segments]))


SECTIONS: dict[str, Callable[[Measurement], Any]] = {
    measure_section.__name__: measure_section
    for measure_section in (
        overall, groups, listeners, telephone_lines,
        noise, partial_segments, other_corpora, non_speech,
    )
}  # fmt: skip
"""What measures each section of ``evaluation.json``, by its name."""


def _measurement(data: Path, other_corpora: Path | None, artifacts: Path) -> Measurement:
    return Measurement(
        classifier=load_classifier(artifacts),
        clips=validation_clips(data),
        other_clips=read_crema_d(data)[0],
        data=data,
        other_corpora=other_corpora,
    )


def _measure_sections(measurement: Measurement, names: Sequence[str], file: Path) -> None:
    """Store each section as soon as it is measured; keep the model's sections of before."""
    classifier = measurement.classifier
    model = {"version": classifier.settings.version, "sha256": classifier.sha256}
    stored = {name: part for name, part in _stored(file).items() if part.get("model") == model}
    for name in (progress := tqdm(names, disable=None)):
        progress.set_description(name)
        stored[name] = {
            "command": _command(name),
            "model": model,
            "seed": SEED,
            "figures": SECTIONS[name](measurement),
        }
        ordered = {name: stored[name] for name in SECTIONS if name in stored}
        text = json.dumps(ordered, indent=2, ensure_ascii=False, allow_nan=False)
        file.write_text(text + "\n", encoding="utf-8")


def _stored(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{file}: cannot be read ({error}); remove it") from error
    return content


def _command(name: str) -> str:
    # With the usual folders: where they lay on the measuring machine is nobody's business.
    folder = " --other-corpora FOLDER" if name == "other_corpora" else ""
    return f"python -m calmscore.training.evaluation --data data/AudioWAV{folder} --only {name}"


@with_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("data/AudioWAV"), help="CREMA-D's clips")
    parser.add_argument(
        "--other-corpora", type=Path, metavar="FOLDER", help="with one folder for each corpus"
    )
    parser.add_argument("--artifacts", type=Path, default=DEFAULT_ARTIFACTS)
    parser.add_argument(
        "--only", nargs="+", choices=list(SECTIONS), metavar="SECTION", help=", ".join(SECTIONS)
    )
    options = parser.parse_args(arguments)
    names = options.only or [n for n in SECTIONS if n != "other_corpora" or options.other_corpora]
    _measure_sections(
        _measurement(options.data, options.other_corpora, options.artifacts),
        names,
        options.artifacts / EVALUATION_FILE,
    )
    print(options.artifacts / EVALUATION_FILE)


if __name__ == "__main__":
    sys.exit(main())
