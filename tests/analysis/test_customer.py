"""Who is the customer: by how the call begins, who called whom, and the rest of the call."""

from __future__ import annotations

import numpy as np
import pytest

from calmscore.analysis.call_direction import CallDirection, call_direction
from calmscore.analysis.customer import (
    doubt_given_words,
    guess_customer,
    order_doubt_of,
    without_slips,
)
from calmscore.analysis.spoken_cues import Said

LEFT, RIGHT = 0, 1


def masks(*talks: tuple[int, float, float], voices: int = 2, seconds: float = 60.0):
    """Let voices talk: (which, from, to) in seconds."""
    made = [np.zeros(round(seconds * 100), dtype=bool) for _ in range(voices)]
    for voice, start, end in talks:
        made[voice][round(start * 100) : round(end * 100)] = True
    return made


# What the call begins with, who is the customer by it, and whether that is doubtful.
OPENINGS = {
    "a greeting, then a problem": ([(0, 1, 5), (1, 5.5, 14), (0, 15, 18)], "unknown", 1, False),
    "hello, then who calls": ([(0, 1, 1.7), (1, 2.5, 8), (0, 8.5, 9.2)], "unknown", 0, False),
    "hello before the greeting": ([(0, 1, 1.6), (1, 2, 6), (0, 6.5, 14)], "unknown", 0, False),
    "a cough before the greeting": (
        [(1, 0.5, 0.7), (0, 1, 5), (1, 5.5, 14), (0, 15, 18)], "unknown", 1, False
    ),
    "a short greeting may be a hello": (
        [(0, 1, 2.5), (1, 3, 6), (0, 6.5, 8.5)], "unknown", 0, True
    ),
    "a short greeting of a call that comes in": (
        [(0, 1, 2.5), (1, 3, 9), (0, 9.5, 12)], "inbound", 1, False
    ),
    "a long hello of a call that goes out": (
        [(0, 1, 3.5), (1, 4, 7), (0, 7.5, 9)], "outbound", 0, False
    ),
    "as long as a greeting, but the call goes out": (
        [(0, 1, 4.2), (1, 4.6, 10), (0, 10.5, 12)], "outbound", 0, False
    ),
    "a greeting of which half is too soft to be heard": (
        [(0, 1, 1.6), (0, 2.1, 2.5), (0, 3, 3.4), (0, 3.9, 4.6), (1, 5, 12), (0, 13, 16)],
        "unknown", 1, False,
    ),
    "a hello that nobody hears": (
        [(0, 1, 5), (1, 5.5, 6.3), (0, 6.8, 12), (1, 12.5, 13.4)], "outbound", 1, False
    ),
    "a notice that the call is recorded": (
        [(0, 1, 13), (1, 13.5, 20), (0, 21, 24)], "unknown", 1, False
    ),
    "an announcement, a wait, then the greeting": (
        [(0, 1, 11), (0, 30, 34), (1, 34.5, 44), (0, 45, 48)], "unknown", 1, False
    ),
    "a voice menu that is answered, a wait, then the greeting": (
        [(0, 1, 9), (1, 9.5, 10.2), (0, 10.6, 12.5), (0, 26, 30), (1, 30.5, 40), (0, 41, 44)],
        "unknown", 1, False,
    ),
    "put through to a colleague, who greets again": (
        [(0, 1, 4.5), (1, 5, 12), (0, 13, 16), (0, 30, 33), (1, 34, 42), (0, 43, 46)],
        "unknown", 1, False,
    ),
    "a greeting that begins before the recorder": (
        [(0, 0, 1.9), (1, 2.6, 25), (0, 25.5, 30)], "unknown", 1, False
    ),
    "a hello at the very beginning": (
        [(0, 0, 0.6), (1, 1.2, 7), (0, 7.5, 8.3)], "unknown", 0, False
    ),
    "mhm takes no turn": (
        [(0, 1, 6), (1, 3, 3.4), (1, 6.5, 14), (0, 15, 18)], "unknown", 1, False
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OPENINGS)
@pytest.mark.parametrize("swapped", [False, True])
def test_how_a_call_begins_tells_who_is_the_customer(name, swapped):
    talks, direction, customer, doubtful = OPENINGS[name]
    made = masks(*talks)  # type: ignore[misc]
    guess = guess_customer(made[::-1] if swapped else made, direction=direction)
    assert guess.voice == (1 - customer if swapped else customer)
    assert (guess.doubt > 0.3) == doubtful


@pytest.mark.parametrize(
    ("before", "word", "after", "kept"),
    [
        (3.0, (3.0, 3.8), 3.8, False), (3.0, (3.1, 3.8), 3.9, False),
        (3.0, (3.3, 3.8), 3.8, True), (3.0, (3.0, 3.8), 4.2, True), (3.0, (3.0, 4.6), 4.6, True),
    ],
)  # fmt: skip
def test_a_word_in_the_midst_of_what_another_says_is_a_slip(before, word, after, kept):
    made = masks((0, 1, before), (1, *word), (0, after, 7), (1, 8, 12))
    clean = without_slips(made)
    assert clean[1][round(100 * word[0]) : round(100 * word[1])].all() == kept
    assert clean[1][800:1200].all()
    # Nothing is lost.
    assert np.array_equal(clean[0] | clean[1], made[0] | made[1])


def test_a_slip_in_the_greeting_makes_no_hello_of_it():
    slipped = masks((0, 1, 2.1), (1, 2.1, 2.9), (0, 2.9, 7.2), (1, 12, 13.1), (0, 13.4, 15))
    guess = guess_customer(without_slips(slipped))
    assert guess.voice == 1
    assert guess.doubt < guess_customer(slipped).doubt - 0.1


def test_who_begins_at_the_same_time_as_the_other_tells_nothing():
    assert guess_customer(masks((LEFT, 1, 6), (RIGHT, 1.5, 7))).doubt > 0.4


def test_an_agent_ends_silences_and_has_the_last_word():
    together = [(LEFT, 1, 6), (RIGHT, 1.5, 7)]
    later = [(LEFT, 20, 24), (RIGHT, 25, 27), (LEFT, 40, 43), (RIGHT, 44, 44.6)]
    guess = guess_customer(masks(*together, *later))
    assert guess.voice == RIGHT
    assert guess.doubt < guess_customer(masks(*together)).doubt


def test_a_call_that_ends_amid_the_talk_has_no_last_word():
    together = [(LEFT, 1, 6), (RIGHT, 1.5, 7), (LEFT, 10, 14), (RIGHT, 15, 18)]
    doubts = [
        guess_customer(masks(*together, *last)).doubt
        for last in ([], [(LEFT, 19, 23)], [(LEFT, 19, 23), (RIGHT, 23.5, 24.2)])
    ]
    assert doubts[0] == doubts[1] == pytest.approx(0.5) and doubts[2] < 0.45


@pytest.mark.parametrize(("asks_to_wait", "comes_back"), [(LEFT, LEFT), (RIGHT, LEFT)])
def test_who_comes_back_after_a_long_silence_is_rather_the_agent(asks_to_wait, comes_back):
    together = [(LEFT, 1, 6), (RIGHT, 1.5, 7)]
    doubts = []
    for start in (12.0, 30.0):
        last = [(RIGHT, start + 4, start + 6), (LEFT, start + 7, start + 9)]
        last.append((RIGHT, start + 9.5, start + 10))
        talks = [*together, (asks_to_wait, 8, 11), (comes_back, start, start + 3), *last]
        guess = guess_customer(masks(*talks))
        assert guess.voice == 1 - comes_back
        doubts.append(guess.doubt)
    assert doubts[1] < doubts[0] - 0.1


def test_a_hello_that_is_cut_off_by_the_beginning_may_have_been_a_greeting():
    cut_off = masks((0, 0, 0.8), (1, 1.6, 7), (0, 7.5, 9))
    whole = masks((0, 2, 2.8), (1, 3.6, 9), (0, 9.5, 11))
    assert guess_customer(cut_off).voice == guess_customer(whole).voice == 0
    assert guess_customer(cut_off).doubt > guess_customer(whole).doubt + 0.05


MIDWAY = {
    "the customer tells": [(0, 0, 5.8), (1, 6.6, 10.4), (0, 11, 22.9), (1, 24, 32.4)],
    "the customer tells for long": [(0, 0, 17.5), (1, 18.5, 23.3), (0, 24, 27.8), (1, 29, 57.3)],
}


@pytest.mark.parametrize("name", MIDWAY)
def test_a_recording_that_begins_amid_a_long_turn_may_have_missed_who_greeted(name):
    guess = guess_customer(masks(*MIDWAY[name]))
    assert guess.voice == 0 or guess.doubt > 0.3
    greeted = [(voice, first + 2.0, last + 2.0) for voice, first, last in MIDWAY[name]]
    assert guess_customer(masks(*greeted)).doubt < guess.doubt - 0.1


@pytest.mark.parametrize("lengths", [(5.0, 4.0, 7.5), (3.0, 4.5, 3.5), (6.5, 4.0, 4.5)])
def test_a_recording_that_begins_within_a_pause_of_the_call_may_have_missed_who_greeted(lengths):
    doubts = []
    for silent in (0.0, 0.4, 2.0):
        ends = silent + np.cumsum(lengths) + 0.5 * np.arange(3)
        talks = zip((0, 1, 0), ends - lengths, ends, strict=True)
        doubts.append(guess_customer(masks(*talks)).doubt)
    assert doubts[0] > doubts[2] + 0.1 and doubts[1] > doubts[2] + 0.05


@pytest.mark.parametrize("lengths", [(4.5, 7.0, 3.0), (3.0, 10.0, 4.0), (5.5, 5.0, 2.0)])
def test_a_recorder_that_is_quick_is_not_asked_about_a_plain_greeting(lengths):
    for silent in (0.0, 0.3):
        ends = silent + np.cumsum(lengths) + 0.5 * np.arange(3)
        guess = guess_customer(masks(*zip((1, 0, 1), ends - lengths, ends, strict=True)))
        assert guess.voice == 0 and guess.doubt < 0.3


@pytest.mark.parametrize(
    ("talks", "customer"),
    [
        ([(1, 16, 20), (0, 20.5, 28), (1, 29, 32)], 0),
        ([(1, 18, 20), (0, 20.5, 32), (1, 33, 38)], 0),
        ([(1, 16, 16.8), (0, 17.5, 22), (1, 22.5, 23.2)], 1),
    ],
)
def test_an_announcement_greets_nobody_whoever_it_sounds_like(talks, customer):
    guess = guess_customer(masks((0, 1, 13), *talks))
    assert guess.voice == customer or guess.doubt > 0.3


def test_who_is_answered_at_once_made_no_announcement():
    def chance_of_a_greeting(pause):
        talks = [(1, 13, 20), (0, 20.5, 25)]
        later = [(voice, first + pause, last + pause) for voice, first, last in talks]
        guess = guess_customer(masks((0, 1, 13), *later))
        return guess.doubt if guess.voice == 0 else 1.0 - guess.doubt

    assert chance_of_a_greeting(0.5) > chance_of_a_greeting(4.0) + 0.1


def test_the_less_sure_the_order_is_the_more_doubt_stays():
    talks, direction, customer, _ = OPENINGS["a greeting, then a problem"]
    doubts = []
    for order_doubt in (0.0, 0.1, 0.3, 0.5):
        guess = guess_customer(masks(*talks), direction=direction, order_doubt=order_doubt)  # type: ignore[misc]
        assert guess.voice == customer or order_doubt == 0.5
        doubts.append(guess.doubt)
    assert doubts == sorted(doubts) and doubts[-1] > 0.4


def test_who_is_answered_in_a_word_is_rather_the_agent():
    asks = [(LEFT, 1, 6), (RIGHT, 1.5, 7)]
    for start in (10, 20, 30):
        asks += [(LEFT, start, start + 4), (RIGHT, start + 4.5, start + 5)]
    guess = guess_customer(masks(*asks))
    assert guess.voice == RIGHT and guess.doubt < 0.4
    # An "okay" after a short word answers nothing.
    echoed = [(LEFT, start, start + 0.6) if end - start == 4 else (voice, start, end)
              for voice, start, end in asks]  # fmt: skip
    assert guess_customer(masks(*echoed)).doubt > guess.doubt


def test_the_direction_lowers_the_doubt():
    made = masks((LEFT, 1, 3.2), (RIGHT, 3.6, 8), (LEFT, 8.5, 11))
    doubts = {way: guess_customer(made, direction=way).doubt for way in ("unknown", "inbound")}
    assert doubts["inbound"] < doubts["unknown"]


def test_of_three_people_the_customer_is_who_stays():
    talks = [(0, 1, 5), (2, 5.5, 12), (0, 13, 16), (2, 17, 20), (1, 30, 34), (2, 35, 55)]
    guess = guess_customer(masks(*talks, voices=3))
    assert guess.voice == 2
    assert 0.05 < guess.doubt < 0.45


@pytest.mark.parametrize("talks", [[], [(0, 1, 30)]])
def test_without_an_answer_nobody_can_tell(talks):
    assert guess_customer(masks(*talks)).doubt == 0.5


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("20260302-140500_in_4711.wav", "inbound"),
        ("out-4420-2001-20260302.wav", "outbound"),
        ("Call.Outgoing.mp3", "outbound"),
        ("inbound.wav", "inbound"),
        ("INCOMING 12.wav", "inbound"),
        ("invoice_outage.wav", "unknown"),
        ("in_and_out.wav", "unknown"),
        ("call.wav", "unknown"),
    ],
)
def test_a_file_name_tells_the_direction(name, direction):
    found = call_direction(name)
    assert found == CallDirection(
        value=direction, cue=None if direction == "unknown" else "file_name"
    )


def test_what_somebody_says_goes_before_the_name_and_that_before_what_is_usual():
    said = CallDirection(value="outbound", cue="direction")
    assert call_direction("a_in_1.wav", said="outbound", usual="inbound") == said
    assert call_direction("a_in_1.wav", usual="outbound").value == "inbound"
    assert call_direction("call.wav", usual="outbound") == said
    assert call_direction("a_in_1.wav", said="unknown").value == "unknown"


GREETS = "Thank you for calling Acme, how can I help you?"
COMPLAINS = "I'm calling because my order never came."


def test_words_join_the_other_cues():
    together = masks((LEFT, 1, 6), (RIGHT, 1.5, 7))
    assert guess_customer(together).doubt > 0.4
    said = [Said(place=LEFT, text=COMPLAINS), Said(place=RIGHT, text=GREETS)]
    told = guess_customer(together, said=said)
    assert told.voice == LEFT and told.doubt < 0.05
    assert told.doubt_without_words > 0.4
    nothing = guess_customer(together, said=[Said(place=LEFT, text="Yes.")])
    assert nothing.doubt == nothing.doubt_without_words > 0.4


def test_words_that_are_sure_go_before_how_the_call_begins():
    talks, _, customer, _ = OPENINGS["a greeting, then a problem"]
    made = masks(*talks)  # type: ignore[misc]
    said = [Said(place=customer, text=GREETS), Said(place=1 - customer, text=COMPLAINS)]
    told = guess_customer(made, said=said)
    assert told.voice == 1 - customer and told.doubt < 0.3 < 0.5 < told.doubt_without_words


@pytest.mark.parametrize(
    ("direction", "lines"),
    [
        # A person, or the recorder, said who called whom: two sources differ.
        ("inbound", (COMPLAINS, GREETS)),
        # One phrase may be anybody's.
        ("unknown", ("Yes.", "How can I help you?")),
    ],
)
def test_where_words_contradict_without_deciding_nobody_knows(direction, lines):
    made, customer = masks((0, 2, 5.5), (1, 6, 15), (0, 16, 19)), 1
    said = [Said(place=1 - customer, text=lines[0]), Said(place=customer, text=lines[1])]
    told = guess_customer(made, direction=direction, said=said)
    assert told.doubt == 0.5 < told.doubt_without_words


def test_the_doubt_of_a_guess_is_the_same_by_either_way():
    talks, _, customer, _ = OPENINGS["a short greeting may be a hello"]
    made = masks(*talks)  # type: ignore[misc]
    said = [Said(place=customer, text=COMPLAINS), Said(place=1 - customer, text=GREETS)]
    before, after = guess_customer(made), guess_customer(made, said=said)
    assert before.voice == after.voice == customer
    assert doubt_given_words(before.doubt, said, customer=customer) == pytest.approx(after.doubt)


@pytest.mark.parametrize("voice", [0, 1])
@pytest.mark.parametrize(
    ("like_its_voice", "doubt"), [(1.0, 0.0), (0.9, 0.0), (0.0, 0.25), (-1, 0.25)]
)
def test_a_first_turn_that_hardly_sounds_like_its_voice_may_be_the_others(
    voice, like_its_voice, doubt
):
    talks = masks((voice, 1.0, 2.0), (1 - voice, 2.5, 12.0), (voice, 13.0, 18.0))
    # Windows speak more for a voice here, and less there.
    leaning = np.where(talks[1], 1.0, -1.0) * np.linspace(0.7, 1.3, talks[0].size)
    leaning[100:200] = like_its_voice * (1.0 if voice == 1 else -1.0)
    assert order_doubt_of(talks, leaning) == doubt


def test_where_nobody_speaks_there_is_no_order_to_doubt():
    assert order_doubt_of(masks(), np.zeros(6000, dtype=np.float32)) == 0.0


def test_a_short_hello_of_which_the_beginning_was_missed_may_have_been_a_greeting():
    talks = masks((0, 1.0, 1.5), (1, 2.0, 9.0), (0, 10.0, 13.0))
    heard = guess_customer(talks)
    missed = guess_customer(talks, missed_seconds=0.6)
    assert heard.voice == 0 and heard.doubt < missed.doubt
    long = masks((0, 1.0, 6.0), (1, 7.0, 16.0), (0, 17.0, 20.0))
    told = [guess_customer(long, missed_seconds=seconds) for seconds in (0.0, 0.6)]
    assert told[0].voice == told[1].voice == 1
    assert told[1].doubt == pytest.approx(told[0].doubt, abs=0.05)
