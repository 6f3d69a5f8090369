import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from calmscore.analysis.call_score import (
    CALM_THROUGHOUT,
    DE_ESCALATED,
    ESCALATED,
    INSUFFICIENT_EVIDENCE,
    OUTCOMES,
    PARTLY_DE_ESCALATED,
    UNRESOLVED,
)
from calmscore.analysis.distress import (
    DISTRESS_MIDPOINT,
    DISTRESS_SLOPE,
    DISTRESSED,
    distress,
    told_emotions,
)
from calmscore.analysis.formats import format_change, format_clock, format_duration, format_points
from calmscore.analysis.scoring import (
    CALL_DEVIATION,
    CALM,
    WIDEST_INTERVAL,
    score_emotions,
    score_probabilities,
)
from calmscore.emotions import BY_NAME, DISTRESS_WEIGHTS, EMOTIONS
from calmscore.errors import ParameterError

ANGER, HAPPY, NEUTRAL, SAD = ["anger"], ["happy"], ["neutral"], ["sad"]
SEQUENCES = {
    "anger then neutral": 10 * ANGER + 10 * NEUTRAL,
    "anger then happy": 10 * ANGER + 10 * HAPPY,
    "anger then briefly neutral": 10 * ANGER + 4 * NEUTRAL,
    "neutral": 20 * NEUTRAL,
    "happy": 20 * HAPPY,
    "relapse": 2 * (5 * ANGER + 5 * NEUTRAL),
    "anger": 20 * ANGER,
    "sad": 20 * SAD,
    "neutral then anger": 10 * NEUTRAL + 10 * ANGER,
    "happy then anger": 10 * HAPPY + 10 * ANGER,
}
WEIGHTS = np.array(DISTRESS_WEIGHTS)
JARGON = ("probabil", "logit", "softmax", "calibrat", "valence", "level", "smooth", "threshold",
          "None", "nan", "[", "{", "_")  # fmt: skip

names = st.lists(st.sampled_from(EMOTIONS), min_size=4, max_size=40)


@st.composite
def tables(draw, min_rows=4, max_rows=24):
    """Random probabilities, sure and doubtful, and random seconds of speech; all rows scored."""
    count = draw(st.integers(min_rows, max_rows))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sureness = draw(st.sampled_from((0.05, 0.3, 1.0, 5.0)))
    table = generator.dirichlet(np.full(len(EMOTIONS), sureness), size=count)
    return table, generator.uniform(0.5, 3.0, size=count)


def unclipped(score) -> float:
    return score.start_value + sum(transition.points for transition in score.transitions)


def score_of(table, speech):
    return score_probabilities(table, speech_seconds=speech)


def sure(emotion: str) -> np.ndarray:
    return np.eye(len(EMOTIONS))[EMOTIONS.index(emotion)]


def texts(score) -> list[str]:
    return [score.summary, *(transition.reason for transition in score.transitions)]


@pytest.mark.parametrize(
    ("name", "lowest", "highest", "outcome", "relapses"),
    [
        ("anger then neutral", 8.5, 10.0, DE_ESCALATED, 0),
        ("anger then happy", 8.5, 10.0, DE_ESCALATED, 0),
        ("anger then briefly neutral", 7.0, 9.0, DE_ESCALATED, 0),
        ("neutral", 6.5, 7.5, CALM_THROUGHOUT, 0),
        ("happy", 7.0, 8.5, CALM_THROUGHOUT, 0),
        ("relapse", 5.5, 8.0, DE_ESCALATED, 1),
        ("anger", 2.5, 4.5, UNRESOLVED, 0),
        ("sad", 2.5, 6.0, UNRESOLVED, 0),
        ("neutral then anger", 1.0, 2.5, ESCALATED, 0),
        ("happy then anger", 1.0, 2.5, ESCALATED, 0),
    ],
)
def test_anchor_calls_score_as_designed(name, lowest, highest, outcome, relapses):
    score = score_emotions(SEQUENCES[name])
    assert lowest <= score.value <= highest
    assert (score.outcome, score.relapses) == (outcome, relapses)


@pytest.mark.parametrize(
    ("better", "worse", "may_tie"),
    [
        ("anger then happy", "anger then neutral", True),
        ("anger then neutral", "anger then briefly neutral", False),
        ("anger then neutral", "relapse", False),
        ("sad", "anger", False),
        ("neutral then anger", "happy then anger", True),
    ],
)
def test_anchor_calls_stand_in_the_designed_order(better, worse, may_tie):
    above, below = (score_emotions(SEQUENCES[name]).value for name in (better, worse))
    assert above > below or (may_tie and above == below)


@pytest.mark.parametrize(
    ("emotion", "expected"), [("anger", 1.0), ("neutral", 0.0), ("happy", 0.0)]
)
def test_distress_keeps_certainty_at_both_ends(emotion, expected):
    assert distress(sure(emotion))[0] == pytest.approx(expected, abs=1e-12)


def test_distress_is_a_half_at_the_midpoint_and_rises_with_the_weight():
    shares = np.linspace(0.0, 1.0, 41)
    table = [share * sure("anger") + (1.0 - share) * sure("neutral") for share in shares]
    values = distress(table)
    assert (np.diff(values) > 0.0).all()
    middle = DISTRESS_MIDPOINT * sure("anger") + (1.0 - DISTRESS_MIDPOINT) * sure("neutral")
    assert distress(middle)[0] == pytest.approx(0.5)


@given(tables())
def test_nobody_distressed_is_told_as_calm_and_everybody_else_as_what_is_likeliest(call):
    table, _ = call
    levels = distress(table)
    for row, level, place in zip(table, levels, told_emotions(table, levels), strict=True):
        allowed = [
            share
            for name, share in zip(EMOTIONS, row, strict=True)
            if level < DISTRESSED or BY_NAME[name].valence == "negative"
        ]
        assert row[place] == max(allowed)
        assert level < DISTRESSED or BY_NAME[EMOTIONS[place]].valence == "negative"


def test_a_call_that_gets_worse_is_told_so_though_calm_alone_is_likeliest_throughout():
    calm = [0.02, 0.02, 0.02, 0.02, 0.9, 0.02]
    upset = [0.2, 0.16, 0.15, 0.02, 0.3, 0.17]
    score = score_of(np.array([calm] * 6 + [upset] * 6), np.full(12, 3.0))
    (change,) = score.transitions
    assert (change.from_emotion, change.to_emotion) == ("neutral", "anger")
    assert change.points < 0.0


@given(tables())
def test_the_interval_holds_the_value_and_narrows_with_certainty(call):
    table, speech = call
    score = score_of(table, speech)
    assert 1.0 <= score.low <= score.value <= score.high <= 10.0
    surer = np.eye(len(EMOTIONS))[table.argmax(axis=1)]
    certain = score_of(surer, speech)
    # What remains is that voices differ, whatever the segments say.
    assert certain.high - certain.low < 2.7 * CALL_DEVIATION
    assert score == score_of(table, speech)


def test_what_could_not_be_judged_is_never_calm():
    calm = np.tile(sure("neutral"), (6, 1))
    full = score_probabilities(calm, speech_seconds=[3.0] * 6)
    assert (full.outcome, full.coverage) == (CALM_THROUGHOUT, 1.0)
    most = score_probabilities(calm, speech_seconds=[3.0] * 6, unjudged_seconds=9.0)
    assert most.outcome == CALM_THROUGHOUT and most.coverage == pytest.approx(2 / 3)
    little = score_probabilities(calm, speech_seconds=[3.0] * 6, unjudged_seconds=18.0)
    assert (little.value, little.outcome) == (None, INSUFFICIENT_EVIDENCE)
    assert "50%" in little.summary


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_seconds_that_were_not_judged_are_a_number_from_zero_on(seconds):
    with pytest.raises(ParameterError, match="unjudged_seconds"):
        score_probabilities(
            np.tile(sure("sad"), (4, 1)), speech_seconds=[3.0] * 4, unjudged_seconds=seconds
        )


@given(names)
def test_value_of_names_is_within_bounds_and_the_same_every_time(emotions):
    score = score_emotions(emotions)
    assert 1.0 <= score.value <= 10.0
    assert score.outcome in OUTCOMES
    assert score == score_emotions(list(emotions))


@given(tables())
def test_value_of_probabilities_is_within_bounds_and_the_same_every_time(call):
    score = score_of(*call)
    assert 1.0 <= score.value <= 10.0
    for share in (score.start_distress, score.end_distress, score.peak_distress):
        assert 0.0 <= share <= 1.0
    assert score == score_of(*call)


@given(tables())
def test_start_value_and_points_add_up_to_the_value(call):
    score = score_of(*call)
    assert np.clip(unclipped(score), 1.0, 10.0) == pytest.approx(score.value, abs=1e-9)


@given(names)
@example(20 * ["anger"])
@example(["anger", "sad", "anger", "happy"])
def test_names_add_up_to_the_value_too(emotions):
    score = score_emotions(emotions)
    assert np.clip(unclipped(score), 1.0, 10.0) == pytest.approx(score.value, abs=1e-9)


@given(tables())
def test_points_add_up_to_the_integral_that_defines_the_score(call):
    table, speech = call
    edges = np.concatenate([[0.0], np.cumsum(speech) / speech.sum()])
    fine = np.linspace(0.0, 1.0, 20_001)
    middle = (fine[1:] + fine[:-1]) / 2
    weight = np.where(middle < 0.5, 13.6, 40.0) * (0.5 - middle)
    weights = table @ WEIGHTS
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = weights / (1 - weights) * (1 - DISTRESS_MIDPOINT) / DISTRESS_MIDPOINT
        scaled = 1 - 1 / (1 + odds**DISTRESS_SLOPE)
    level = np.where(weights > 0, scaled, weights)[np.searchsorted(edges[1:-1], middle)]
    expected = 7.0 + float(np.mean(weight * level))
    assert unclipped(score_of(table, speech)) == pytest.approx(expected, abs=0.01)


@given(tables())
def test_doubling_every_segment_keeps_the_score(call):
    table, speech = call
    doubled = score_of(np.repeat(table, 2, axis=0), np.repeat(speech, 2))
    assert doubled.value == pytest.approx(score_of(table, speech).value, abs=0.3)


@given(names)
def test_doubling_every_name_keeps_the_score(emotions):
    doubled = score_emotions([name for name in emotions for _ in range(2)])
    assert doubled.value == pytest.approx(score_emotions(emotions).value, abs=0.3)


@given(tables(), st.data())
def test_a_calmer_segment_in_the_last_third_never_lowers_the_score(call, data):
    table, speech = call
    middles = (np.cumsum(speech) - speech / 2) / speech.sum()
    place = data.draw(st.sampled_from(list(np.flatnonzero(middles >= 2 / 3))))
    calmer_names = [e for e in EMOTIONS if sure(e) @ WEIGHTS <= table[place] @ WEIGHTS]
    assume(calmer_names)
    calmer = table.copy()
    share = data.draw(st.floats(0.0, 1.0))
    calmer[place] = (1 - share) * table[place] + share * sure(
        data.draw(st.sampled_from(calmer_names))
    )
    assert score_of(calmer, speech).value >= score_of(table, speech).value - 1e-9


@given(names, st.data())
def test_a_calmer_name_in_the_last_third_never_lowers_the_score(emotions, data):
    place = data.draw(st.integers(-(-2 * len(emotions) // 3), len(emotions) - 1))
    weight = dict(zip(EMOTIONS, DISTRESS_WEIGHTS, strict=True))
    calmer = [e for e in EMOTIONS if weight[e] <= weight[emotions[place]]]
    changed = list(emotions)
    changed[place] = data.draw(st.sampled_from(calmer))
    assert score_emotions(changed).value >= score_emotions(emotions).value - 1e-9


@given(tables(), st.sampled_from(EMOTIONS))
def test_the_end_counts_more_than_the_beginning(call, emotion):
    table = call[0]
    speech = np.full(len(table), 3.0)
    calm = np.tile(sure("neutral"), (len(table), 1))
    effects = []
    for place in (0, -1):
        changed = calm.copy()
        changed[place] = table[place] = sure(emotion)
        effects.append(abs(unclipped(score_of(changed, speech)) - 7.0))
    assert effects[1] > effects[0] or emotion == "neutral"


@given(tables())
def test_distress_first_scores_best_and_distress_last_worst(call):
    table = call[0]
    speech = np.full(len(table), 3.0)
    rising = table[np.argsort(table @ WEIGHTS)]
    lowest, as_is, highest = (
        score_of(rows, speech).value for rows in (rising, table, rising[::-1])
    )
    assert lowest - 1e-9 <= as_is <= highest + 1e-9


@given(tables(), st.lists(st.integers(0, 100), max_size=12))
def test_silence_changes_nothing(call, places):
    table, speech = call
    before = np.sort(np.minimum(places, len(table))).astype(int)
    # What stands in the row of a silent segment must not matter.
    silent_table = np.insert(table, before, np.full(len(EMOTIONS), np.nan), axis=0)
    silent = score_of(silent_table, np.insert(speech, before, 0.0))
    spoken = score_of(table, speech)
    for name in ("value", "outcome", "summary", "start_value", "relapses", "peak_distress"):
        if name == "summary" and spoken.seconds_to_calm is not None:
            continue  # it tells the seconds on the clock, silence included
        assert getattr(silent, name) == getattr(spoken, name), name
    points = [transition.points for transition in spoken.transitions]
    assert [transition.points for transition in silent.transitions] == points
    assert [d for d in silent.distress if d is not None] == list(spoken.distress)


@given(tables(), st.data())
def test_a_doubtful_segment_moves_the_score_less_than_a_sure_one(call, data):
    table, speech = call
    place = data.draw(st.integers(0, len(table) - 1))
    emotion = data.draw(st.sampled_from(EMOTIONS))
    share = data.draw(st.floats(0.05, 0.95))
    plain, moved_sure, moved_doubtful = table.copy(), table.copy(), table.copy()
    plain[place] = sure("neutral")
    moved_sure[place] = sure(emotion)
    moved_doubtful[place] = share * sure(emotion) + (1 - share) * sure("neutral")
    base, far, near = (
        unclipped(score_of(rows, speech)) for rows in (plain, moved_sure, moved_doubtful)
    )
    assert abs(near - base) <= abs(far - base) + 1e-12
    if abs(far - base) > 1e-6:
        assert abs(near - base) < abs(far - base)


def test_why_a_score_is_withheld_is_said_though_nothing_could_be_scored_either():
    nothing = np.zeros((3, len(EMOTIONS)))
    score = score_probabilities(
        nothing, speech_seconds=[0.0] * 3, unjudged_seconds=9.0, withheld_because="Nobody knows."
    )
    assert (score.value, score.summary) == (None, "Nobody knows.")


@given(st.lists(st.sampled_from((None, *EMOTIONS)), max_size=30))
def test_fewer_than_four_scored_segments_are_no_evidence(emotions):
    score = score_emotions(emotions)
    scored = sum(name is not None for name in emotions)
    assert (score.value is None) == (scored < 4)
    assert (score.outcome == INSUFFICIENT_EVIDENCE) == (scored < 4)
    if scored < 4:
        assert (score.start_value, score.transitions, score.relapses) == (None, (), 0)
        assert "at least 4" in score.summary


@given(st.lists(st.sampled_from(("happy", "neutral")), min_size=4, max_size=40))
def test_a_call_without_distress_is_calm_throughout(emotions):
    score = score_emotions(emotions)
    assert score.outcome == CALM_THROUGHOUT
    assert (score.seconds_to_calm, score.relapses, score.peak_distress) == (None, 0, 0.0)


@given(tables())
def test_outcome_fits_the_distress(call):
    score = score_of(*call)
    assert (score.outcome == INSUFFICIENT_EVIDENCE) == (score.high - score.low > WIDEST_INTERVAL)
    assume(score.outcome != INSUFFICIENT_EVIDENCE)
    assert (score.outcome == CALM_THROUGHOUT) == (score.peak_distress < DISTRESSED)
    if score.outcome == DE_ESCALATED:
        assert score.end_distress < score.peak_distress
    if score.outcome == ESCALATED:
        assert score.end_distress > score.start_distress


def test_less_distress_that_is_not_yet_calm_is_a_partly_de_escalated_call():
    # Listeners are divided, a little more of them for neutral.
    half = 0.36 * sure("anger") + 0.64 * sure("neutral")
    score = score_of([sure("anger")] * 10 + [half] * 10, [3.0] * 20)
    assert score.outcome == PARTLY_DE_ESCALATED
    assert CALM < score.end_distress < DISTRESSED


@pytest.mark.parametrize(
    ("emotions", "peak_at", "to_calm", "relapses"),
    [
        # Silence takes time on the clock, and no part in the smoothing.
        (4 * NEUTRAL + 2 * [None] + 3 * ANGER + 4 * NEUTRAL, 21.0, 9.0, 0),
        (4 * ANGER + 5 * [None] + 4 * NEUTRAL, 0.0, 27.0, 0),
        (4 * NEUTRAL + 4 * ANGER, 15.0, None, 0),
        (4 * NEUTRAL + 4 * ANGER + [None] + 4 * NEUTRAL + 4 * SAD, 15.0, None, 1),
        (3 * (3 * ANGER + 3 * NEUTRAL), 0.0, 45.0, 2),
        (4 * ANGER + 4 * NEUTRAL + SAD + 4 * NEUTRAL, 0.0, 12.0, 0),
    ],
)  # fmt: skip
def test_peak_time_to_calm_and_relapses(emotions, peak_at, to_calm, relapses):
    score = score_emotions(emotions)
    assert score.peak_at_seconds == peak_at
    assert score.seconds_to_calm == to_calm
    assert score.relapses == relapses


def test_a_wobble_is_no_relapse():
    wobble = 0.35 * sure("anger") + 0.65 * sure("neutral")
    calm = 5 * [sure("neutral")]
    score = score_of([*(5 * [sure("anger")]), *calm, *(3 * [wobble]), *calm], [3.0] * 18)
    assert (score.relapses, score.seconds_to_calm) == (0, 15.0)
    relapse = score_of([*(5 * [sure("anger")]), *calm, *(3 * [sure("sad")]), *calm], [3.0] * 18)
    assert (relapse.relapses, relapse.seconds_to_calm) == (1, 39.0)


def test_distress_has_one_value_per_segment_and_none_for_silence():
    score = score_emotions([None, "anger", "happy", None, "sad", "neutral"])
    assert score.distress == (
        None,
        1.0,
        0.0,
        None,
        pytest.approx(float(distress(sure("sad"))[0])),
        0.0,
    )
    assert [value is None for value in score.smoothed_distress] == [
        True, False, False, True, False, False,
    ]  # fmt: skip


def test_transitions_name_the_moment_and_both_emotions():
    score = score_emotions([None] + 5 * ANGER + [None] + 5 * NEUTRAL)
    (transition,) = score.transitions
    assert (transition.from_emotion, transition.to_emotion) == ("anger", "neutral")
    assert transition.at_seconds == 21.0
    assert transition.points > 0.0
    assert transition.reason.startswith("Calmer in time for the second half")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (2 * ANGER, 10 * NEUTRAL, "Calmer early on"),
        (5 * ANGER, 5 * NEUTRAL, "second half of the call, which counts most"),
        (8 * ANGER, 3 * NEUTRAL, "the end counts most, but part of it had passed"),
        (19 * ANGER, 2 * NEUTRAL, "at the very end"),
        (2 * NEUTRAL, 10 * ANGER, "with time left to put it right"),
        (19 * NEUTRAL, 2 * ANGER, "More upset at the very end"),
    ],
)
def test_a_reason_says_why_the_place_in_the_call_matters(before, after, words):
    (transition,) = score_emotions(before + after).transitions
    assert words in transition.reason


@given(tables())
def test_no_moment_says_that_somebody_calmed_down_who_did_not(call):
    for change in score_of(*call).transitions:
        eased = BY_NAME[change.from_emotion].distress - BY_NAME[change.to_emotion].distress
        if abs(eased) > 0.15:
            assert eased * change.points >= 0.0
        elif change.points >= 0.05:
            assert change.from_emotion == change.to_emotion
        if abs(change.points) >= 0.05:
            assert change.reason.startswith("Calmer" if change.points > 0 else "More upset")


@pytest.mark.parametrize(
    ("emotions", "changes"),
    [
        (5 * NEUTRAL + ["fear"] + 5 * ANGER, [("neutral", "anger")]),
        (5 * NEUTRAL + ["disgust", "fear", "anger", "disgust"], [("neutral", "fear")]),
        (5 * ANGER + ["fear"] + 5 * ANGER + 5 * NEUTRAL, [("anger", "neutral")]),
        (5 * NEUTRAL + ["fear"] + 5 * NEUTRAL, [("neutral", "fear"), ("fear", "neutral")]),
        (5 * NEUTRAL + 2 * ["fear"] + 5 * ANGER, [("neutral", "fear"), ("fear", "anger")]),
    ],
)
def test_one_segment_in_another_of_the_upset_emotions_is_no_change(emotions, changes):
    score = score_emotions(emotions)
    assert [(c.from_emotion, c.to_emotion) for c in score.transitions] == changes


@given(tables())
def test_small_shifts_within_one_emotion_are_told_as_one_line(call):
    table = 0.2 * call[0] + 0.8 * sure("neutral")
    score = score_of(table, call[1])
    assert len(score.transitions) <= 1
    for transition in score.transitions:
        assert transition.from_emotion == transition.to_emotion == "neutral"
        assert "calm" in transition.reason


@given(tables())
def test_texts_are_plain_sentences(call):
    score = score_of(*call)
    for text in texts(score):
        assert text[0].isupper() and text.endswith(".") and not text.endswith("..")
        assert not [word for word in JARGON if word.lower() in text.lower()]


@pytest.mark.parametrize(
    ("emotions", "summary"),
    [
        (20 * NEUTRAL, "The customer sounded calm from beginning to end."),
        (20 * ANGER, "The customer sounded distressed and was not calmer at the end."),
        (
            25 * ANGER + 25 * NEUTRAL,
            "The customer sounded distressed and was calm at the end, "
            "1 min 15 s after the distress began.",
        ),
        (
            3 * (5 * ANGER + 5 * NEUTRAL),
            "The customer sounded distressed and was calm at the end, "
            "1 min 15 s after the distress began; distress came back 2 times.",
        ),
        (
            ANGER,
            "Too little of the customer's speech to score: only 1 segment could be scored, "
            "at least 4 are needed.",
        ),
        (
            [],
            "Too little of the customer's speech to score: no segment could be scored, "
            "at least 4 are needed.",
        ),
    ],
)
def test_summaries(emotions, summary):
    assert score_emotions(emotions).summary == summary


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (45, "45 s"), (59.6, "1 min"), (60, "1 min"), (125, "2 min 5 s")],
)
def test_durations_read_well(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (65.9, "1:05"), (599, "9:59"), (3725, "1:02:05")]
)
def test_places_in_a_call_read_well(seconds, text):
    assert format_clock(seconds) == text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("anger", "neutral"), "angry → calm"),
        (("fear", "fear"), "fearful"),
        (("happy", "disgust"), "happy → disgusted"),
    ],
)
def test_a_change_is_told_in_the_words_for_a_person(change, told):
    assert format_change(*change) == told


@pytest.mark.parametrize(
    ("points", "decimals", "told"), [(-6.12, 1, "−6.1"), (1.6, 1, "+1.6"), (-0.5, 2, "−0.50")]
)
def test_points_have_a_true_sign(points, decimals, told):
    assert format_points(points, decimals=decimals) == told


@pytest.mark.parametrize(
    ("emotions", "segment_seconds"),
    [
        (["anger", "joy"], 3.0),
        (["Anger"], 3.0),
        (["anger", ""], 3.0),
        (4 * ANGER, 0.0),
        (4 * ANGER, -3.0),
        (4 * ANGER, float("nan")),
        (4 * ANGER, float("inf")),
    ],
)
def test_bad_names_and_lengths_are_refused(emotions, segment_seconds):
    with pytest.raises(ParameterError):
        score_emotions(emotions, segment_seconds=segment_seconds)


@pytest.mark.parametrize(
    ("table", "speech", "segment_seconds"),
    [
        (np.full((4, 5), 0.2), np.ones(4), 3.0),
        (np.full(6, 1 / 6), np.ones(1), 3.0),
        (np.full((4, 6), 1 / 6), np.ones(3), 3.0),
        (np.full((4, 6), 1 / 6), np.ones((4, 1)), 3.0),
        (np.full((4, 6), 0.1), np.ones(4), 3.0),
        (np.full((4, 6), np.nan), np.ones(4), 3.0),
        (np.tile([2.0, -1.0, 0.0, 0.0, 0.0, 0.0], (4, 1)), np.ones(4), 3.0),
        (np.full((4, 6), 1 / 6), -np.ones(4), 3.0),
        (np.full((4, 6), 1 / 6), np.full(4, np.nan), 3.0),
        (np.full((4, 6), 1 / 6), np.full(4, np.inf), 3.0),
        (np.full((4, 6), 1 / 6), np.ones(4), float("inf")),
    ],
)
def test_bad_tables_are_refused(table, speech, segment_seconds):
    with pytest.raises(ParameterError):
        score_probabilities(table, speech_seconds=speech, segment_seconds=segment_seconds)
