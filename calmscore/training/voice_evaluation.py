"""Measure how well two people on one channel are told apart, and what it does to the score.

    python -m calmscore.training.voice_evaluation --data data/AudioWAV [--calls 108] [--json FILE]

Telephone calls of two validation speakers each are composed: twelve trajectories, levels
up to 10 dB apart, up to a tenth of the speech both at once. Each is analysed in stereo and,
as a recorder of one channel writes it, in mono; the stereo call is the truth.

With ``--turns-only`` nothing is scored: the question is how well the two are told apart.

With ``--strangers N`` the question is another one: whether somebody else on the customer's side
is found, in N stereo calls with such a stranger and ``--plain`` calls without.

With ``--crosstalk N`` it is whether N stereo calls are judged as without it in which each person is
also heard on the other's side, 3 to 15 dB softer and up to 40 ms later.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from calmscore.analysis.call import analyze_recording
from calmscore.analysis.report import CallReport, Direction
from calmscore.analysis.voices import two_voices
from calmscore.audio.recording import ANALYSIS_RATE_HZ, Recording
from calmscore.audio.voice_activity import speech_mask
from calmscore.network.classifier import DEFAULT_ARTIFACTS, EmotionClassifier, load_classifier
from calmscore.training.clip_sounds import read_clip
from calmscore.training.corpora import crema_d
from calmscore.training.corpora.clips import Clip
from calmscore.training.corpora.composed import (
    TRAJECTORIES,
    Conversation,
    compose_conversations,
    on_one_channel,
    same_sex,
)
from calmscore.training.corpora.composed_strangers import compose_stranger_calls
from calmscore.training.corpora.reading import validation_clips
from calmscore.training.crosstalk_evaluation import (
    analysed_with_crosstalk,
    crosstalk_figures,
)
from calmscore.training.ending import with_exit_code, write_json
from calmscore.training.stranger_evaluation import judged, stranger_figures
from calmscore.training.turn_evaluation import (
    LARGE_ERROR,
    NOTICED_DOUBT,
    share_wrong,
    told_turns,
    turn_figures,
)

Figures = dict[str, Any]


_TEN_MINUTES = 600


@dataclass(frozen=True, kw_only=True)
class MonoCall:
    """A composed call, analysed in mono and in stereo.

    Attributes
    ----------
    call : Conversation
        The call; its sound is left out.
    same_sex : bool or None
        Whether both people are of one sex; None where nobody knows.
    speaker_error : float
        Share of the speech of one person alone that was given to the other, whoever of
        the two was taken for the customer.
    exchanged : bool
        Whether the agent was taken for the customer.
    mono, stereo : CallReport
        What was found.
    """

    call: Conversation
    same_sex: bool | None
    speaker_error: float
    exchanged: bool
    mono: CallReport
    stereo: CallReport

    @property
    def separated(self) -> bool:
        """Whether the two people were told apart."""
        return self.mono.speakers.how == "separated"


def analysed(
    calls: Iterable[Conversation],
    classifier: EmotionClassifier,
    *,
    sexes: dict[str, str],
    direction: Direction = "unknown",
) -> Iterator[MonoCall]:
    """Analyse composed calls in mono and in stereo.

    Parameters
    ----------
    calls : iterable of Conversation
        The calls.
    classifier : EmotionClassifier
        The model.
    sexes : dict of str to str
        By name of the speaker; may be empty.
    direction : {"inbound", "outbound", "unknown"}
        What is said of the mono calls.

    Yields
    ------
    MonoCall
    """
    for call in calls:
        truth = [speech_mask(side) for side in call.recording.samples]
        stereo = analyze_recording(call.recording, customer_channel="left", classifier=classifier)
        mono = analyze_recording(
            on_one_channel(call.recording), direction=direction, classifier=classifier
        )
        wrong = share_wrong(mono.talk, (truth[0], truth[1]))
        yield MonoCall(
            call=replace(call, recording=_without_sound(call.recording)),
            same_sex=same_sex(sexes, call.customer, call.agent),
            speaker_error=min(wrong, 1.0 - wrong),
            exchanged=wrong > 0.5,
            mono=mono,
            stereo=stereo,
        )


def _without_sound(recording: Recording) -> Recording:
    return replace(recording, samples=recording.samples[:, :0].copy())


def figures(calls: Sequence[MonoCall]) -> Figures:
    """Sum up.

    Parameters
    ----------
    calls : sequence of MonoCall
        One or more.

    Returns
    -------
    dict
        Number of calls; share told apart; of these, mean and largest speaker error, how many
        are above a fifth, also without a doubt above 0.3, share in which nobody knows who is
        the customer, so that nothing is scored, and in which the agent was scored in the
        customer's place, mean difference between the scores of mono and stereo where both
        have one, and share of equal outcomes among those whose customer is known.
    """
    apart = [call for call in calls if call.separated]
    known = [call for call in apart if call.mono.speakers.customer_from is not None]
    errors = np.array([call.speaker_error for call in apart])
    pairs = [
        (call.mono.score.value, call.stereo.score.value)
        for call in apart
        if call.mono.score.value is not None and call.stereo.score.value is not None
    ]
    differences = np.array([abs(mono - stereo) for mono, stereo in pairs])
    return {
        "calls": len(calls),
        "told_apart": len(apart) / len(calls),
        "speaker_error": _mean(errors),
        "largest_speaker_error": float(errors.max(initial=0.0)),
        "large_errors_without_notice": sum(
            call.speaker_error > LARGE_ERROR and call.mono.speakers.doubt <= NOTICED_DOUBT
            for call in apart
        ),
        "large_errors": int(np.sum(errors > LARGE_ERROR)),
        "asked": 1.0 - len(known) / max(len(apart), 1),
        "exchanged": _mean(np.array([call.exchanged for call in known])),
        "scored": len(pairs),
        "score_difference": _mean(differences),
        "same_outcome": _mean(
            np.array([call.mono.score.outcome == call.stereo.score.outcome for call in known])
        ),
    }


def _mean(values: npt.NDArray[Any]) -> float | None:
    return float(values.mean()) if values.size else None


def extra_seconds(call: Conversation) -> tuple[float, float]:
    """Measure how long it takes to tell two people apart in ten minutes of a call.

    Parameters
    ----------
    call : Conversation
        Is repeated.

    Returns
    -------
    seconds, processor_seconds : float
        By the clock, and of all processors together, which other work hardly changes.
    """
    mono = on_one_channel(call.recording).samples[0]
    long = np.resize(mono, _TEN_MINUTES * ANALYSIS_RATE_HZ)
    mask = speech_mask(long)
    start, used = time.perf_counter(), time.process_time()
    two_voices(long, mask)
    return time.perf_counter() - start, time.process_time() - used


def _text(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _print(name: str, row: Figures) -> None:
    print(
        f"{name:<14}{row['calls']:4d} calls, {row['told_apart']:.0%} told apart; speaker error "
        f"{_text(row['speaker_error'], '.1%')}, at most {row['largest_speaker_error']:.0%}, "
        f"{row['large_errors']} above {LARGE_ERROR:.0%} "
        f"({row['large_errors_without_notice']} without a notice); not scored until somebody "
        f"says who is the customer {row['asked']:.0%}; of the others agent taken for the customer "
        f"{_text(row['exchanged'], '.0%')}, score {_text(row['score_difference'], '.2f')} from "
        f"stereo's, same outcome {_text(row['same_outcome'], '.0%')}"
    )


def _sexes(data: Path) -> dict[str, str]:
    table = data.parent / crema_d.DEMOGRAPHICS_FILE
    return crema_d.sex_by_speaker(table) if table.is_file() else {}


def _row(call: MonoCall) -> Figures:
    return {
        "customer": call.call.customer,
        "agent": call.call.agent,
        "trajectory": call.call.trajectory,
        "level_difference_db": round(call.call.level_difference_db, 1),
        "overtalk": round(call.call.overtalk, 3),
        "how": call.mono.speakers.how,
        "doubt": round(call.mono.speakers.doubt, 3),
        "speaker_error": round(call.speaker_error, 4),
        "scores": [call.mono.score.value, call.stereo.score.value],
        "outcomes": [call.mono.score.outcome, call.stereo.score.outcome],
    }


def _look_for_strangers(clips: Sequence[Clip], options: argparse.Namespace) -> None:
    composed = compose_stranger_calls(
        clips, read_clip=read_clip, seed=options.seed, strange=options.strangers,
        plain=options.plain,
    )  # fmt: skip
    total = options.strangers + options.plain
    calls = list(
        tqdm(
            judged(composed, sexes=_sexes(options.data)),
            total=total, desc="composed calls", disable=None,
        )
    )  # fmt: skip
    results = stranger_figures(calls)
    for name, row in results.items():
        print(
            f"{name:<28}{row['calls']:4d} calls, left out in {row['excluded']:.0%}, told of in "
            f"{row['told']:.0%}; {row['customer_lost']:.1%} of the customer's speech lost"
        )
    write_json(options.json, {"figures": results, "calls": [asdict(call) for call in calls]})


def _measure_crosstalk(clips: Sequence[Clip], options: argparse.Namespace) -> None:
    composed = compose_conversations(clips, read_clip=read_clip, seed=options.seed)
    calls = list(
        tqdm(
            analysed_with_crosstalk(
                _spread(composed, options.crosstalk, total=_total(clips)),
                load_classifier(options.artifacts), seed=options.seed,
            ),
            total=options.crosstalk, desc="composed calls", disable=None,
        )
    )  # fmt: skip
    results = crosstalk_figures(calls)
    for name, row in results.items():
        print(
            f"{name:<8}{row['calls']:4d} calls, {row['told_apart']} told apart; given to the "
            f"customer of their own speech {_text(row['attributed'], '.1%')} (at least "
            f"{_text(row['least_attributed'], '.0%')}), of the agent's "
            f"{_text(row['given_away'], '.1%')}; agent taken for the customer {row['exchanged']}; "
            f"agent's segments scored {row['agents_segments']}, both scored as one "
            f"{row['both_scored_as_one']}; {row['scored']} scored, "
            f"{_text(row['score_difference'], '.2f')} from the clean call's; same outcome "
            f"{row['same_outcome']}"
        )
    write_json(options.json, {"figures": results, "calls": [asdict(call) for call in calls]})


def _measure_turns(clips: Sequence[Clip], options: argparse.Namespace) -> None:
    composed = compose_conversations(clips, read_clip=read_clip, seed=options.seed)
    total = _total(clips)
    chosen = _spread(composed, options.calls, total=total)
    calls = list(
        tqdm(
            told_turns(chosen, sexes=_sexes(options.data)),
            total=min(options.calls or total, total), desc="composed calls", disable=None,
        )
    )  # fmt: skip
    row = turn_figures(calls)
    print(
        f"{row['calls']} calls, {row['told_apart']:.0%} told apart; speaker error "
        f"{_text(row['speaker_error'], '.1%')}, median "
        f"{_text(row['median_speaker_error'], '.1%')}, at most "
        f"{row['largest_speaker_error']:.0%}, {row['large_errors']} above "
        f"{LARGE_ERROR:.0%} ({row['large_errors_without_notice']} without a notice); "
        f"{row['small_errors_with_notice']} of the others with one"
    )
    write_json(options.json, {"figures": row, "calls": [asdict(call) for call in calls]})


def _total(clips: Sequence[Clip]) -> int:
    return len({clip.speaker for clip in clips}) * len(TRAJECTORIES)


def _spread(
    composed: Iterable[Conversation], wanted: int | None, *, total: int
) -> Iterator[Conversation]:
    """Return so many of the composed calls, from the first to the last."""
    places = set(np.linspace(0, total - 1, min(wanted or total, total)).astype(int).tolist())
    return (call for number, call in enumerate(composed) if number in places)


def _measure_mono(clips: Sequence[Clip], options: argparse.Namespace) -> None:
    total = _total(clips)
    composed = compose_conversations(clips, read_clip=read_clip, seed=options.seed)
    seconds, processor_seconds = extra_seconds(
        next(compose_conversations(clips, read_clip=read_clip))
    )
    chosen = _spread(composed, options.calls, total=total)
    calls = list(
        tqdm(
            analysed(
                chosen, load_classifier(options.artifacts), sexes=_sexes(options.data),
                direction=options.direction,
            ),
            total=min(options.calls or total, total), desc="composed calls", disable=None,
        )
    )  # fmt: skip
    groups = {
        "all": calls,
        "same sex": [call for call in calls if call.same_sex],
        "other sex": [call for call in calls if call.same_sex is False],
    }
    results = {name: figures(group) for name, group in groups.items() if group}
    for name, row in results.items():
        _print(name, row)
    print(f"ten minutes take {seconds:.1f} s more, {processor_seconds:.1f} s of all processors")
    content = {
        "figures": results,
        "seconds_for_ten_minutes": round(seconds, 2),
        "processor_seconds_for_ten_minutes": round(processor_seconds, 2),
        "calls": [_row(call) for call in calls],
    }
    write_json(options.json, content)


@with_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, default=Path("data/AudioWAV"), help="CREMA-D's clips")
    parser.add_argument("--artifacts", type=Path, default=DEFAULT_ARTIFACTS)
    parser.add_argument("--calls", type=int, help="how many, spread over all; all by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--direction", choices=("inbound", "outbound", "unknown"), default="unknown",
        help="what is said of the mono calls; all of them come in",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    parser.add_argument("--turns-only", action="store_true", help="who speaks when; no scores")
    parser.add_argument("--strangers", type=int, help="calls with somebody else, instead")
    parser.add_argument("--plain", type=int, default=60, help="calls without, beside them")
    parser.add_argument("--crosstalk", type=int, help="stereo calls with crosstalk, instead")
    options = parser.parse_args(arguments)
    clips = validation_clips(options.data)
    if options.turns_only:
        _measure_turns(clips, options)
    elif options.strangers is not None:
        _look_for_strangers(clips, options)
    elif options.crosstalk is not None:
        _measure_crosstalk(clips, options)
    else:
        _measure_mono(clips, options)


if __name__ == "__main__":
    sys.exit(main())
