"""Measure the words: errors on composed calls, what is invented, time and memory.

    python -m calmscore.training.word_evaluation --data data/AudioWAV [--part PART] [--seed N]

Calls are composed of clips of CREMA-D, whose twelve sentences are known: a customer and
an agent take turns, each on a telephone line of their own. Invented words are counted
over line noise, hum, ringing, dialled keys and music. Time and memory are those of one
stereo call of ten minutes, analysed and written down in this process.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.analysis.call import analyze_recording
from calmscore.analysis.report import CallReport, Speaker, Words
from calmscore.analysis.segments import segment_call
from calmscore.audio.recording import ANALYSIS_RATE_HZ, Recording
from calmscore.errors import CorpusError
from calmscore.training.augmentation import telephone_line
from calmscore.training.clip_sounds import read_clip
from calmscore.training.corpora import crema_d
from calmscore.training.corpora.clips import Clip
from calmscore.training.corpora.reading import validation_clips
from calmscore.training.ending import with_exit_code, write_json
from calmscore.training.non_speech import non_speech_sounds
from calmscore.words.speech_to_text import Listener, sides_of, write_down
from calmscore.words.transcriber import load_transcriber

FloatArray = npt.NDArray[np.float32]

_SIDES: tuple[Speaker, Speaker] = ("customer", "agent")
_CLIPS_OF_A_TURN = (1, 3)
_TURNS_OF_A_CALL = 16
_PAUSE_SECONDS = (0.3, 1.0)
_LONG_CALL_SECONDS = 600.0
_SPELT = {"11": "eleven", "cannot": "can not", "okay": "ok", "o clock": "o'clock"}


@dataclass(frozen=True, kw_only=True)
class SpokenCall:
    """A composed call and what is said in it by whom, in lower case."""

    recording: Recording
    said: dict[Speaker, list[str]]


def spoken_words(text: str) -> list[str]:
    """Return the words of a text as they are compared: no case, no punctuation."""
    plain = re.sub(r"[^\w' ]", " ", text.lower().replace("’", "'").replace("-", " "))
    return [part for word in plain.split() for part in _SPELT.get(word, word).split()]


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Return the least number of words to change, drop or add (Levenshtein)."""
    row = np.arange(len(heard) + 1)
    for place, word in enumerate(said, start=1):
        new = np.minimum(row[1:] + 1, row[:-1] + np.array([word != other for other in heard], int))
        row = np.concatenate([[place], new])
        for column in range(1, row.size):
            row[column] = min(row[column], row[column - 1] + 1)
    return int(row[-1])


def compose(
    clips: Sequence[Clip], *, seed: int = 0, calls: int | None = None, turns: int = _TURNS_OF_A_CALL
) -> list[SpokenCall]:
    """Compose calls of two speakers each, who take turns.

    Parameters
    ----------
    clips : sequence of Clip
        Of CREMA-D.
    seed : int
        Fixes the choice of clips, pauses and noise.
    calls : int, optional
        How many; one for every speaker by default.
    turns : int
        Turns of a call.

    Returns
    -------
    list of SpokenCall
        The customer is on the left.
    """
    generator = np.random.default_rng(seed)
    by_speaker: dict[str, list[Clip]] = {}
    for clip in clips:
        by_speaker.setdefault(clip.speaker, []).append(clip)
    speakers = sorted(by_speaker)
    pairs = [*pairwise(speakers), (speakers[-1], speakers[0])]
    return [
        _call(by_speaker[customer], by_speaker[agent], turns, generator)
        for customer, agent in (pairs * (1 + (calls or 0) // len(pairs)))[: calls or len(pairs)]
    ]


def _call(
    customer: Sequence[Clip], agent: Sequence[Clip], turns: int, generator: np.random.Generator
) -> SpokenCall:
    clips: dict[Speaker, Sequence[Clip]] = {"customer": customer, "agent": agent}
    said: dict[Speaker, list[str]] = {"customer": [], "agent": []}
    sides: dict[Speaker, list[FloatArray]] = {"customer": [], "agent": []}
    for turn in range(turns):
        other, speaker = _SIDES if turn % 2 == 0 else _SIDES[::-1]
        for _ in range(generator.integers(*_CLIPS_OF_A_TURN)):
            clip = clips[speaker][int(generator.integers(len(clips[speaker])))]
            sound = read_clip(clip.path)
            pause = np.zeros(
                int(generator.uniform(*_PAUSE_SECONDS) * ANALYSIS_RATE_HZ), dtype=np.float32
            )
            sides[speaker] += [sound, pause]
            sides[other].append(np.zeros(sound.size + pause.size, dtype=np.float32))
            said[speaker] += spoken_words(crema_d.SENTENCES[_sentence(clip)])
    lines = [
        telephone_line(
            np.concatenate(sides[side]), sample_rate_hz=ANALYSIS_RATE_HZ, generator=generator
        )
        for side in _SIDES
    ]
    return SpokenCall(recording=_recording(np.stack(lines)), said=said)


def _sentence(clip: Clip) -> str:
    return clip.name.split("_")[1]


def _recording(sides: npt.NDArray[np.floating[Any]]) -> Recording:
    return Recording(
        file_name="composed",
        sha256="",
        sample_rate_hz=8_000,
        duration_seconds=sides.shape[1] / ANALYSIS_RATE_HZ,
        samples=sides.astype(np.float16),
        warnings=(),
    )


def _written(recording: Recording, transcriber: Listener) -> Words | None:
    call = segment_call(recording, customer_channel="left")
    sides = sides_of(
        recording, call.talk, how=call.speakers.how, customer_channel=call.customer_channel
    )
    words, _ = write_down(sides, transcriber=transcriber)
    return words


def error_rate(calls: Sequence[SpokenCall], transcriber: Listener) -> dict[str, Any]:
    """Return the word error rate of both sides, and of each."""
    errors: dict[str, int] = dict.fromkeys(_SIDES, 0)
    counts: dict[str, int] = dict.fromkeys(_SIDES, 0)
    for call in calls:
        words = _written(call.recording, transcriber)
        for side in _SIDES:
            turns = [] if words is None else [t for t in words.turns if t.speaker == side]
            heard = spoken_words(" ".join(turn.text for turn in turns))
            errors[side] += word_errors(call.said[side], heard)
            counts[side] += len(call.said[side])
    return {
        "calls": len(calls),
        "words": sum(counts.values()),
        "word_error_rate": sum(errors.values()) / sum(counts.values()),
        **{f"word_error_rate_{side}": errors[side] / counts[side] for side in _SIDES},
    }


def invented(transcriber: Listener, *, seconds: float = _LONG_CALL_SECONDS) -> dict[str, Any]:
    """Return how many words a minute are written over sounds that hold none."""
    generator = np.random.default_rng(0)
    count, minutes = 0, 0.0
    each = 30.0
    for seed in range(max(round(seconds / (each * 6)), 1)):
        sounds = non_speech_sounds(each, sample_rate_hz=ANALYSIS_RATE_HZ, seed=seed)
        side = telephone_line(
            np.concatenate(list(sounds.values())),
            sample_rate_hz=ANALYSIS_RATE_HZ,
            generator=generator,
        )
        words = _written(_recording(np.stack([side, side[::-1]])), transcriber)
        count += 0 if words is None else sum(len(turn.words) for turn in words.turns)
        minutes += 2 * side.size / ANALYSIS_RATE_HZ / 60.0
    return {"minutes": minutes, "invented_words_a_minute": count / minutes}


def costs(call: SpokenCall, transcriber: Listener) -> dict[str, Any]:
    """Analyse a call and write it down, and return what that takes.

    Returns
    -------
    dict
        Seconds of the call and of speech; of the score and of the words, by the clock
        and of both processors together; the largest memory of this process in bytes.
    """
    begun = time.perf_counter()
    report: CallReport = analyze_recording(call.recording, customer_channel="left")
    scored, used = time.perf_counter(), time.process_time()
    sides = sides_of(
        call.recording,
        report.talk,
        how=report.speakers.how,
        customer_channel=report.call.customer_channel,
    )
    write_down(sides, transcriber=transcriber)
    talk = report.talk
    return {
        "call_seconds": call.recording.duration_seconds,
        "speech_seconds": talk.customer_seconds + (talk.agent_seconds or 0.0),
        "score_seconds": scored - begun,
        "words_seconds": time.perf_counter() - scored,
        "words_processor_seconds": time.process_time() - used,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def _long_call(clips: Sequence[Clip]) -> SpokenCall:
    (call,) = compose(clips, seed=1, calls=1, turns=400)
    size = int(_LONG_CALL_SECONDS * ANALYSIS_RATE_HZ)
    return SpokenCall(recording=_recording(call.recording.samples[:, :size]), said=call.said)


def evaluate(
    data: Path, *, calls: int | None = None, parts: Sequence[str] = (), seed: int = 0
) -> dict[str, Any]:
    """Measure the transcriber that the environment names.

    Parameters
    ----------
    data : Path
        Folder with CREMA-D's clips.
    calls : int, optional
        How many calls to compose; one per validation speaker by default.
    parts : sequence of {"errors", "invented", "costs"}
        What to measure; all of it by default.
    seed : int
        Of the calls in which errors are counted: which clips, pauses and noise.

    Raises
    ------
    CorpusError
        If the folder has no clip of the validation speakers.
    ParameterError
        If the environment turns words off.
    """
    clips = validation_clips(data)
    transcriber = load_transcriber()
    if transcriber is None:
        raise CorpusError("CALMSCORE_TRANSCRIBER is off; unset it to measure words")
    results: dict[str, Any] = {"transcriber": transcriber.name}
    if not parts or "costs" in parts:
        results |= costs(_long_call(clips), transcriber)
    if not parts or "invented" in parts:
        results |= invented(transcriber)
    if not parts or "errors" in parts:
        results |= error_rate(compose(clips, seed=seed, calls=calls), transcriber)
    return results


@with_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, default=Path("data/AudioWAV"), help="CREMA-D's clips")
    parser.add_argument("--calls", type=int, help="how many (default: one per speaker)")
    parser.add_argument(
        "--part", action="append", choices=("errors", "invented", "costs"), help="only this"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the composed calls")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    options = parser.parse_args(arguments)
    results = evaluate(
        options.data, calls=options.calls, parts=options.part or (), seed=options.seed
    )
    results["processors"] = os.cpu_count()
    for name, value in results.items():
        print(f"{name:28}{value:.4g}" if isinstance(value, float) else f"{name:28}{value}")
    write_json(options.json, results)


if __name__ == "__main__":
    sys.exit(main())
