"""Two people on one channel: who of the two is the customer, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_voices import people, side_of
from test_segments import channel, codes, recording, statuses, where_there_is_sound

from calmscore.analysis import customer_side, segments, voice_windows, voices
from calmscore.analysis.call import score_given_the_call
from calmscore.analysis.customer import CustomerGuess
from calmscore.analysis.segments import segment_call
from calmscore.analysis.spoken_cues import Said
from calmscore.analysis.voice_ways import clearest_way, two_people_ways
from calmscore.analysis.voice_windows import Voices
from calmscore.analysis.voices import TwoVoices, exchanged_part, two_voices
from calmscore.audio.recording import read_recording
from calmscore.audio.voice_activity import speech_mask
from calmscore.locations import shipped

FIRST, SECOND = (0, 4), (6, 9)
# As a recording that begins before the call.
GREETED = (1, 5), (7, 10)


@pytest.mark.parametrize("name", ["calms_down.wav", "gets_worse.wav"])
@pytest.mark.parametrize("shares", [(1.0, 1.0), (0.5, 0.5), (0.4, 0.7)])
def test_a_customer_who_is_upset_and_calm_is_one_person(name, shares):
    call = read_recording(shipped("samples") / name)
    sides = call.samples.astype(np.float32)
    truth = [speech_mask(side) for side in sides]
    mixed = np.float32(shares) @ sides
    found = two_voices(mixed, speech_mask(mixed))
    assert found is not None and found.doubt < 0.4
    only = truth[0] ^ truth[1]
    said = [mask & only for mask in found.masks]
    wrong = min(
        np.sum(said[0] & truth[1]) + np.sum(said[1] & truth[0]),
        np.sum(said[0] & truth[0]) + np.sum(said[1] & truth[1]),
    )
    assert wrong / np.sum(said) < 0.08


@pytest.fixture
def told_apart(monkeypatch):
    """Make the embeddings say that nobody but the first speaks before the fifth second."""

    def halves(_, mask):
        early = np.arange(mask.size) < 500
        return TwoVoices(masks=(mask & ~early, mask & early), evidence=0.5)

    monkeypatch.setattr(segments, "speech_mask", where_there_is_sound)
    monkeypatch.setattr(segments, "two_voices", halves)


@pytest.mark.parametrize(
    ("choice", "customer", "cue", "heard"),
    [
        ("auto", "mixed", "greeting", SECOND),
        ("right", "right", "chosen", SECOND),
        ("left", "left", "chosen", FIRST),
    ],
)
def test_left_is_who_speaks_first_of_two_on_one_channel(told_apart, choice, customer, cue, heard):
    sound = channel(13, *GREETED)
    for sides in ((sound,), (sound, -sound)):
        call = segment_call(recording(*sides), customer_channel=choice)
        assert call.customer_channel == customer
        assert (call.speakers.how, call.speakers.customer_from) == ("separated", cue)
        assert codes(call) == ["voices_separated"]
        assert [turn.speaker for turn in call.talk.turns] == (
            ["customer", "agent"] if heard == FIRST else ["agent", "customer"]
        )
        expected = ["scored", "scored"] if heard == FIRST else ["no_speech", "no_speech"]
        assert statuses(call)[:2] == expected


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize(("doubt", "asks"), [(0.29, False), (0.31, True), (0.44, True)])
def test_from_one_doubt_on_somebody_is_asked_be_it_stereo_or_mono(
    monkeypatch, told_apart, sides, doubt, asks
):
    def doubted(masks, **_):
        return CustomerGuess(voice=1, doubt=doubt, first=0, doubt_without_words=doubt)

    monkeypatch.setattr(segments, "guess_customer", doubted)
    monkeypatch.setattr(customer_side, "guess_customer", doubted)
    sounds = channel(12, FIRST), channel(12, SECOND)
    call = segment_call(recording(*sounds) if sides == 2 else recording(sounds[0] + sounds[1]))
    assert call.speakers.how == ("channels" if sides == 2 else "separated")
    assert ("customer_unclear" in codes(call)) == asks == (not call.judged)
    assert (call.speakers.customer_from is None) == asks
    told = " ".join(notice.message for notice in call.warnings)
    assert ("was taken for the customer" in told) == (not asks)


def test_a_first_turn_that_may_be_the_others_leaves_more_doubt(told_apart, monkeypatch):
    two_voices = segments.two_voices
    doubts = []
    for like_its_voice in (1.0, 0.0):

        def unsure(samples, mask, like=like_its_voice):
            found = TwoVoices(masks=two_voices(samples, mask).masks, evidence=0.5)
            leaning = np.where(found.masks[1], like, -1.0) * np.linspace(1.3, 0.7, mask.size)
            return replace(found, leaning=leaning)

        monkeypatch.setattr(segments, "two_voices", unsure)
        call = segment_call(recording(channel(40, (1, 5), (8, 20), (22, 38))))
        doubts.append(call.speakers.doubt)
    assert doubts[1] > doubts[0] + 0.1


GREETS = "Thank you for calling Acme, how can I help you?"
COMPLAINS = "I'm calling because my order never came and I want to cancel it."


@pytest.mark.parametrize(
    ("lines", "customer", "heard"),
    [((COMPLAINS, GREETS), "left", FIRST), ((GREETS, COMPLAINS), "mixed", SECOND)],
)
def test_words_tell_which_of_two_voices_on_one_channel_is_the_customers(
    told_apart, lines, customer, heard
):
    sound = channel(13, *GREETED)
    before = segment_call(recording(sound))
    said = [Said(place=place, text=text) for place, text in enumerate(lines)]
    call = segment_call(recording(sound), said=said)
    assert call.customer_channel == customer
    assert call.speakers.how == "separated" and call.speakers.doubt < 0.3
    turned = before.customer_channel != customer
    assert turned == (heard == FIRST)
    assert (call.speakers.customer_from == "words") == turned
    assert ("customer_by_words" in codes(call)) == turned
    speaking = ["customer", "agent"] if heard == FIRST else ["agent", "customer"]
    assert [turn.speaker for turn in call.talk.turns] == speaking


@pytest.mark.parametrize("sides", [1, 2])
def test_who_asks_for_a_mix_gets_it(told_apart, sides):
    sounds = [channel(12, FIRST, seed=1), channel(12, SECOND)] if sides == 2 else [
        channel(12, FIRST, SECOND)
    ]  # fmt: skip
    call = segment_call(recording(*sounds), customer_channel="mixed")
    assert (call.customer_channel, call.speakers.how) == ("mixed", "mixed")
    assert codes(call) == ["voices_mixed"]
    assert statuses(call) == ["scored", "scored", "scored", "no_speech"]


def test_voices_that_are_much_alike_are_told_of(told_apart, monkeypatch):
    call = segment_call(recording(channel(12, FIRST, SECOND)))
    assert "much alike" not in call.warnings[0].message
    monkeypatch.setattr(TwoVoices, "doubt", property(lambda _: 0.45))
    call = segment_call(recording(channel(12, FIRST, SECOND)))
    assert "much alike" in call.warnings[0].message
    assert call.speakers.doubt == 0.45


def test_voices_that_are_too_much_alike_get_a_timeline_and_no_score(told_apart, monkeypatch):
    monkeypatch.setattr(TwoVoices, "doubt", property(lambda _: 1.0))
    call = segment_call(recording(channel(18, (0, 4), (6, 17))))
    assert (call.speakers.how, codes(call)) == ("mixed", ["voices_mixed"])
    assert len(call.judged) == 6
    score = score_given_the_call(call, np.full((6, 6), 1 / 6))
    assert (score.value, score.outcome) == (None, "insufficient evidence")
    assert "too much alike" in score.summary
    assert all(value is not None for value in score.distress)


@pytest.mark.parametrize(
    ("evidence", "doubt"), [(-0.04, 1.0), (-0.035, 0.5), (0.0475, 0.25), (0.13, 0.0), (0.4, 0.0)]
)
def test_the_less_speaks_for_two_people_the_more_doubt(evidence, doubt):
    nobody = np.zeros(3, dtype=bool)
    two = TwoVoices(masks=(nobody, nobody), evidence=evidence)
    assert two.doubt == pytest.approx(doubt)


@pytest.mark.parametrize(("rival", "doubt"), [(0.0, 0.0), (0.068, 0.2), (0.136, 0.4), (0.5, 0.5)])
def test_another_way_that_is_nearly_as_good_makes_doubt(rival, doubt):
    nobody = np.zeros(3, dtype=bool)
    two = TwoVoices(masks=(nobody, nobody), evidence=0.4, rival=rival)
    assert two.doubt == pytest.approx(doubt)
    assert TwoVoices(masks=(nobody, nobody), evidence=-0.04, rival=rival).doubt == 1.0


def test_two_moods_of_two_people_can_be_cut_in_two_ways_and_two_people_in_one():
    def doubt(likeness_of_people: float, likeness_of_moods: float) -> float:
        person, mood = people(likeness_of_people), people(likeness_of_moods)
        # Turns alternate; the first half of each person's is in one mood, the second in another.
        points = [
            np.concatenate([person[turn % 2], mood[turn // 2 % 2]]) / np.sqrt(2.0)
            for turn in range(64)
        ]
        side = side_of(np.array(points))
        ways = two_people_ways(side.points, side.windows)
        return clearest_way(side.points, ways, side.windows)[1]

    assert doubt(0.0, 0.9) < 0.1
    assert doubt(0.5, 0.5) > 0.3


def test_exchanged_sides_are_told_from_moods_and_from_nothing_at_all():
    customer, agent = people(0.3)
    as_usual = side_of(np.stack([customer] * 20)), side_of(np.stack([agent] * 20), seed=1)
    assert exchanged_part(as_usual) is None
    exchanged = (
        side_of(np.stack([customer] * 10 + [agent] * 10)),
        side_of(np.stack([agent] * 10 + [customer] * 10), seed=1),
    )
    part = exchanged_part(exchanged)
    assert part is not None and abs(part[0] - 3000) <= 300 and part[1] is None
    calm = people(0.1)[1]
    in_two_moods = side_of(np.stack([customer] * 10 + [calm] * 10))
    assert exchanged_part((in_two_moods, as_usual[1])) is None
    assert exchanged_part((as_usual[0], side_of(np.zeros((0, 2))))) is None


def test_four_voices_that_are_all_much_alike_are_nobody_exchanged():
    alike = np.full((4, 4), 0.7)
    np.fill_diagonal(alike, 1.0)
    alike[0, 1] = alike[1, 0] = 0.68
    alike[2, 3] = alike[3, 2] = 0.42
    first, second, other, another = np.linalg.cholesky(alike)
    left = side_of(np.stack([first] * 10 + [second] * 10))
    right = side_of(np.stack([other] * 10 + [another] * 10), seed=1)
    assert exchanged_part((left, right)) is None


def test_sides_that_are_exchanged_and_put_right_again_are_told_with_both_moments():
    customer, agent = people(0.3)
    there_and_back = [
        side_of(np.stack([own] * 8 + [other] * 8 + [own] * 8), seed=seed)
        for seed, (own, other) in enumerate([(customer, agent), (agent, customer)])
    ]
    part = exchanged_part((there_and_back[0], there_and_back[1]))
    assert part is not None and part[1] is not None
    assert abs(part[0] - 2400) <= 300 and abs(part[1] - 4800) <= 300


def test_other_people_on_the_other_sides_are_nobody_exchanged():
    # Two joined calls: a man after a woman and a woman after a man.
    man, other_man = np.pad(people(0.6), ((0, 0), (0, 2)))
    woman, other_woman = np.pad(people(0.6), ((0, 0), (2, 0)))
    left = side_of(np.stack([man] * 10 + [other_woman] * 10))
    right = side_of(np.stack([woman] * 10 + [other_man] * 10), seed=1)
    assert exchanged_part((left, right)) is None


def test_a_long_call_costs_no_more_windows_than_a_short_one(monkeypatch):
    class Network:
        def embed(self, windows):
            return np.ones((len(windows), 2), dtype=np.float32)

    monkeypatch.setattr(voice_windows, "load_speaker_embedding", Network)
    mask = np.arange(100 * 3600) % 300 < 200
    placed = voice_windows.place_voices(np.zeros(160 * mask.size, dtype=np.float16), mask, most=40)
    assert len(placed.windows) == len(placed.points) == 40
    assert placed.windows[-1].last > 0.99 * mask.size


def test_silence_holds_no_two_voices():
    assert two_voices(np.zeros(16_000), np.zeros(100, dtype=bool)) is None


@pytest.mark.parametrize(("pause_seconds", "told"), [(0.5, True), (5.0, False)])
def test_who_may_be_two_people_is_two_where_turns_follow_and_one_where_somebody_waits(
    monkeypatch, pause_seconds, told
):
    alike = people(0.75)
    turn, pause = 450, int(100 * pause_seconds)
    mask = np.arange(20 * (turn + pause)) % (turn + pause) < turn

    def placed(samples, windows, bounds, *, frames):
        whose = np.array([window.stretch % 2 for window in windows])
        return Voices(windows, side_of(alike[whose]).points)

    monkeypatch.setattr(voices, "placed_windows", placed)
    two = two_voices(np.zeros(160 * mask.size, dtype=np.float16), mask)
    assert (two is not None and two.doubt <= 0.5) == told
