"""What people say is written down in their turns, by a parrot and by the shipped transcriber."""

from __future__ import annotations

import numpy as np
from heard_calls import ENGLISH, RATE_HZ, call_sides, recorded, scored

from calmscore.training.non_speech import non_speech_sounds
from calmscore.words.speech_to_text import write_down
from calmscore.words.transcriber import load_transcriber


def test_words_stand_in_the_turn_of_who_said_them(sample):
    report, recording = sample
    steps = []
    words, notices = write_down(
        call_sides(report, recording), transcriber=ENGLISH, progress=lambda *now: steps.append(now)
    )
    assert notices == ()
    assert steps[-1][0] == steps[-1][1]
    spoken = {(turn.speaker, turn.start_seconds) for turn in words.turns}
    assert spoken == {(turn.speaker, turn.start_seconds) for turn in report.talk.turns}
    starts = [turn.start_seconds for turn in words.turns]
    assert starts == sorted(starts)
    for turn in words.turns:
        for word in turn.words:
            assert turn.start_seconds <= word.start_seconds <= word.end_seconds
            assert word.end_seconds <= turn.end_seconds


def test_where_voices_are_mixed_nobody_is_named(sample):
    _, recording = sample
    one = recording.samples[1:2, : 16_000 * 20]
    alone = recorded(one[0][::2].astype(np.float64))
    report = scored(alone)
    assert report.speakers.how == "mixed"
    words, _ = write_down(call_sides(report, alone), transcriber=ENGLISH)
    assert {turn.speaker for turn in words.turns} == {None}


def test_the_shipped_transcriber_writes_down_a_call(sample):
    """The first half minute of the sample, whose text is known."""
    _, recording = sample
    part = recorded(recording.samples[:, : 16_000 * 24 : 2].T.astype(np.float64))
    words, _ = write_down(call_sides(scored(part), part), transcriber=load_transcriber())
    assert (words.language, words.model) == ("en", "whisper-base")
    by = {
        who: " ".join(turn.text for turn in words.turns if turn.speaker == who).lower()
        for who in ("agent", "customer")
    }
    assert "how can i help you" in by["agent"]
    assert "waiting for my parcel for two weeks" in by["customer"]
    assert "completely unacceptable" in by["customer"]
    (help_word,) = [
        word
        for turn in words.turns
        for word in turn.words
        if turn.speaker == "agent" and word.text.lower().startswith("help")
    ]
    assert 7.0 < help_word.start_seconds < 9.5


def test_no_word_is_invented_over_lines_ringing_and_music():
    sounds = [
        sound
        for seed in (0, 1)
        for sound in non_speech_sounds(10.0, sample_rate_hz=RATE_HZ, seed=seed).values()
    ]
    both = np.stack([np.concatenate(sounds), np.concatenate(sounds[::-1])], axis=1)
    call = recorded(np.clip(both, -1.0, 1.0))
    words, notices = write_down(call_sides(scored(call), call), transcriber=load_transcriber())
    assert words is None
    assert [notice.code for notice in notices] == ["words_no_speech"]
