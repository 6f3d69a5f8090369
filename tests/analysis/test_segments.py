import numpy as np
import pytest

from calmscore.analysis import segments
from calmscore.analysis.cutting import SEGMENT_SECONDS
from calmscore.analysis.segments import segment_call
from calmscore.audio.recording import Recording
from calmscore.audio.voice_activity import leak_mask, speech_mask
from calmscore.errors import ParameterError

RATE_HZ = 16_000


def voice(seconds: float, *, seed: int = 0, amplitude: float = 0.1) -> np.ndarray:
    """Noise that swells and fades four times a second, as syllables do."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    swell = 0.2 + np.sin(2 * np.pi * 2.0 * time + seed) ** 2
    return amplitude * swell * generator.standard_normal(time.size)


def channel(seconds: float, *talks: tuple[float, float], seed: int = 0, amplitude=0.1):
    """Put voices from and to the given seconds into a silent channel."""
    sound = np.zeros(round(seconds * RATE_HZ))
    for start, end in talks:
        first = round(start * RATE_HZ)
        part = voice(end - start, seed=seed, amplitude=amplitude)
        sound[first : first + part.size] = part
    return sound


def recording(*channels: np.ndarray) -> Recording:
    samples = np.stack(channels).astype(np.float16)
    return Recording(
        file_name="call.wav", sha256="0" * 64, sample_rate_hz=8_000,
        duration_seconds=samples.shape[1] / RATE_HZ, samples=samples, warnings=(),
    )  # fmt: skip


def where_there_is_sound(samples: np.ndarray) -> np.ndarray:
    """Stand-in for the voice detector: whatever is not silent is speech."""
    padded = np.zeros(-(-samples.size // 160) * 160)
    padded[: samples.size] = np.abs(samples)
    return padded.reshape(-1, 160).max(axis=1) > 0.0


@pytest.fixture
def sound_is_speech(monkeypatch):
    monkeypatch.setattr(segments, "speech_mask", where_there_is_sound)


def statuses(call) -> list[str]:
    return [segment.status for segment in call.segments]


def codes(call) -> list[str]:
    return [notice.code for notice in call.warnings]


@pytest.mark.parametrize("seconds", [0.6, 3.0, 3.01, 7.5, 12.0])
def test_segments_stand_on_the_calls_clock_without_gaps(sound_is_speech, seconds):
    call = segment_call(recording(channel(seconds, (0.0, seconds))))
    count = int(np.ceil(round(seconds / SEGMENT_SECONDS, 6)))
    assert [segment.index for segment in call.segments] == list(range(count))
    assert [segment.start_seconds for segment in call.segments] == [3.0 * i for i in range(count)]
    ends = [segment.end_seconds for segment in call.segments]
    assert ends[:-1] == [segment.start_seconds for segment in call.segments[1:]]
    assert ends[-1] == pytest.approx(seconds, abs=1e-4)


@pytest.mark.parametrize(
    ("talk_seconds", "status"),
    [(0.0, "no_speech"), (0.4, "no_speech"), (0.5, "scored"), (3.0, "scored")],
)
def test_half_a_second_of_speech_is_needed(sound_is_speech, talk_seconds, status):
    call = segment_call(recording(channel(6.0, (3.0, 3.0 + talk_seconds))))
    assert statuses(call) == ["no_speech", status]
    assert call.segments[1].speech_seconds == pytest.approx(talk_seconds, abs=0.011)
    assert (call.segments[1].samples is not None) == (status == "scored")


@pytest.mark.parametrize("amplitude", [3e-4, 0.01, 0.2, 8.0])
def test_the_level_of_a_whole_call_excludes_nothing(sound_is_speech, amplitude):
    sound = np.clip(channel(3.0, (0.0, 3.0), amplitude=amplitude), -1.0, 1.0)
    call = segment_call(recording(sound))
    assert [segment.status for segment in call.segments] == ["scored"]
    assert ("overdriven" in [notice.code for notice in call.warnings]) == (amplitude > 1.0)


def test_what_is_far_below_the_rest_of_the_call_is_not_judged(sound_is_speech):
    loud = channel(9.0, (0.0, 9.0), amplitude=0.2)
    loud[3 * RATE_HZ : 6 * RATE_HZ] *= 0.01
    assert statuses(segment_call(recording(loud))) == ["scored", "low_information", "scored"]


def test_a_few_clipped_samples_do_no_harm(sound_is_speech):
    sound = channel(3.0, (0.0, 3.0))
    sound[::50] = 1.0
    assert statuses(segment_call(recording(sound))) == ["scored"]


def test_samples_reach_from_the_first_to_the_last_speech(sound_is_speech):
    sound = channel(6.0, (4.0, 4.6), (5.0, 5.5))
    (silent, spoken) = segment_call(recording(sound)).segments
    assert silent.samples is None
    # A tenth of a second more on both sides.
    assert spoken.samples.size / RATE_HZ == pytest.approx(1.7, abs=0.03)
    assert spoken.speech_seconds == pytest.approx(1.1, abs=0.02)
    assert float(np.square(spoken.samples).sum()) == pytest.approx(
        float(np.square(sound).sum()), rel=0.01
    )


def test_what_is_no_speech_between_two_words_is_muted(monkeypatch):
    mask = np.zeros(300, dtype=bool)
    mask[:60] = mask[240:] = True
    monkeypatch.setattr(segments, "speech_mask", lambda samples: mask)
    (segment,) = segment_call(recording(voice(3.0))).segments
    assert segment.samples.size == 3 * RATE_HZ
    assert not segment.samples[round(0.75 * RATE_HZ) : round(2.25 * RATE_HZ)].any()
    assert segment.samples[: round(0.6 * RATE_HZ)].any()


AGENT_FIRST = [
    # (left talks, right talks, customer, words of the reason)
    ([(2, 6)], [(6.5, 11)], "right", "left channel speaks first"),
    ([(6.5, 11)], [(2, 6)], "left", "right channel speaks first"),
    # A short word is no greeting.
    ([(2, 2.3), (8, 11)], [(4, 7)], "left", "says hello first"),
]


@pytest.mark.parametrize(("left", "right", "customer", "reason"), AGENT_FIRST)
def test_the_customer_is_who_speaks_second(sound_is_speech, left, right, customer, reason):
    call = segment_call(recording(channel(12, *left), channel(12, *right, seed=1)))
    assert call.customer_channel == customer
    assert codes(call) == ["customer_channel_guessed"]
    assert reason in call.warnings[0].message
    assert f"The {customer} channel" in call.warnings[0].message


@pytest.mark.parametrize("starts", [(0.0, 0.6), (0.6, 0.0)])
def test_where_both_begin_together_nothing_is_scored_until_somebody_chooses(
    sound_is_speech, starts
):
    both = recording(channel(12, (starts[0], 5)), channel(12, (starts[1], 5), seed=1))
    call = segment_call(both)
    assert codes(call) == ["customer_unclear"]
    assert not call.judged
    assert call.speakers.customer_from is None and call.speakers.doubt >= 0.45
    assert segment_call(both, customer_channel="left").judged


@pytest.mark.parametrize(("softer_db", "asks"), [(24.0, True), (10.0, False)])
def test_a_radio_before_the_greeting_greets_nobody(sound_is_speech, softer_db, asks):
    radio = channel(40, (1.5, 6), amplitude=0.1 * 10.0 ** (-softer_db / 20.0))
    customer = radio + channel(40, (12, 20), (24, 28))
    call = segment_call(recording(customer, channel(40, (7, 11), (21, 23), (29, 33), seed=1)))
    assert ("customer_unclear" in codes(call)) == asks == (not call.judged)


@pytest.mark.parametrize("heard", ["left", "right"])
def test_a_single_voice_may_be_the_agents_and_is_not_scored_unasked(sound_is_speech, heard):
    voice, silence = channel(6, (2, 6)), channel(6)
    both = recording(*((voice, silence) if heard == "left" else (silence, voice)))
    call = segment_call(both)
    assert statuses(call) == ["no_speech", "no_speech"]
    assert "one_side_silent" in codes(call)
    assert call.speakers.customer_from is None
    assert call.talk.agent_seconds == pytest.approx(4.0)
    chosen = segment_call(both, customer_channel=heard)
    assert "scored" in statuses(chosen)
    assert chosen.speakers.customer_from == "chosen"


def test_where_nobody_speaks_there_is_nothing_to_guess(sound_is_speech):
    call = segment_call(recording(channel(6), channel(6)))
    assert call.customer_channel == "left"
    assert codes(call) == []
    assert statuses(call) == ["no_speech", "no_speech"]


def test_swapping_the_channels_swaps_the_people(sound_is_speech):
    both = recording(channel(12, (0, 4)), channel(12, (5, 11), seed=1))
    left, right = (segment_call(both, customer_channel=side) for side in ("left", "right"))
    assert (left.customer_channel, right.customer_channel) == ("left", "right")
    assert codes(left) == codes(right) == []
    assert left.talk.customer_seconds == right.talk.agent_seconds == pytest.approx(4.0)
    assert left.talk.agent_seconds == right.talk.customer_seconds == pytest.approx(6.0)
    assert statuses(left) == ["scored", "scored", "no_speech", "no_speech"]
    assert statuses(right) == ["no_speech", "scored", "scored", "scored"]


@pytest.mark.parametrize("choice", ["auto", "left", "right", "mixed"])
def test_a_mono_call_is_mixed_whatever_was_asked_for(sound_is_speech, choice):
    call = segment_call(recording(channel(6, (0, 5))), customer_channel=choice)
    assert call.customer_channel == "mixed"
    assert codes(call) == ["voices_mixed"]
    assert "one channel" in call.warnings[0].message
    asked_in_vain = choice in ("left", "right")
    assert (f"there is no {choice} channel" in call.warnings[0].message) == asked_in_vain


@pytest.mark.parametrize("second_gain", [1.0, 0.3])
def test_stereo_that_holds_the_same_twice_is_mixed(sound_is_speech, second_gain):
    sound = channel(6, (0, 5))
    call = segment_call(recording(sound, second_gain * sound))
    assert call.customer_channel == "mixed"
    assert codes(call) == ["voices_mixed"]
    assert "the same voices" in call.warnings[0].message


def test_both_channels_are_mixed_on_request(sound_is_speech):
    both = recording(channel(12, (0, 4)), channel(12, (6, 9), seed=1))
    call = segment_call(both, customer_channel="mixed")
    assert call.customer_channel == "mixed"
    assert codes(call) == ["voices_mixed"]
    assert statuses(call) == ["scored", "scored", "scored", "no_speech"]
    assert call.talk.customer_seconds == pytest.approx(7.0)


def test_an_unknown_channel_is_refused(sound_is_speech):
    with pytest.raises(ParameterError, match="middle"):
        segment_call(recording(channel(3)), customer_channel="middle")


def test_talk_figures_add_up(sound_is_speech):
    call = segment_call(
        recording(channel(20, (0, 5)), channel(20, (4, 8), (12, 14), seed=1)),
        customer_channel="right",
    )
    assert call.talk.customer_seconds == pytest.approx(6.0)
    assert call.talk.agent_seconds == pytest.approx(5.0)
    assert call.talk.overtalk_seconds == pytest.approx(1.0)
    assert call.talk.silence_seconds == pytest.approx(20 - 10.0)
    assert call.talk.longest_silence_seconds == pytest.approx(6.0)


def test_talk_figures_of_mixed_voices_leave_the_agent_open(sound_is_speech):
    talk = segment_call(recording(channel(10, (1, 4)))).talk
    assert (talk.agent_seconds, talk.overtalk_seconds) == (None, None)
    assert talk.customer_seconds == pytest.approx(3.0)
    assert talk.silence_seconds == pytest.approx(7.0)
    assert talk.longest_silence_seconds == pytest.approx(6.0)


def test_an_echo_of_the_agent_is_not_the_customer(sound_is_speech):
    agent = channel(12, (1, 5))
    customer = channel(12, (6, 9), seed=1)
    echo = 0.1 * np.roll(agent, round(0.08 * RATE_HZ))
    call = segment_call(recording(agent, customer + echo))
    assert call.customer_channel == "right"
    assert call.talk.customer_seconds == pytest.approx(3.0, abs=0.6)
    assert call.talk.overtalk_seconds == pytest.approx(0.0, abs=0.2)
    assert statuses(call)[0] == "no_speech"


def time_axis(seconds: float = 8.0) -> np.ndarray:
    return np.arange(round(seconds * RATE_HZ)) / RATE_HZ


def ringing() -> np.ndarray:
    t = time_axis()
    return 0.2 * (np.sin(2 * np.pi * 440 * t) + np.sin(2 * np.pi * 480 * t)) * (t % 6 < 2)


def chords() -> np.ndarray:
    t = time_axis()
    notes_hz = (130.8, 261.6, 329.6, 392.0, 523.2)
    return sum(0.1 * np.sin(2 * np.pi * hz * t) * np.exp(-2 * (t % 1)) for hz in notes_hz)


def line_noise(deviation: float) -> np.ndarray:
    return deviation * np.random.default_rng(0).standard_normal(time_axis().size)


def vowels() -> np.ndarray:
    """Buzzing pulses through two resonances that change with each syllable."""
    t = time_axis()
    pitch_hz = 120 * (1 + 0.15 * np.sin(2 * np.pi * 0.7 * t))
    pulses = np.diff(np.floor(np.cumsum(pitch_hz) / RATE_HZ), prepend=0)
    spectrum, hz = np.fft.rfft(pulses), np.fft.rfftfreq(t.size, 1 / RATE_HZ)
    sound = np.zeros_like(t)
    for turn, formants_hz in enumerate(((700, 1200, 2500), (300, 2300, 3000), (450, 900, 2600))):
        passed = sum(1 / (1 + ((hz - formant) / 60) ** 2) for formant in formants_hz)
        vowel = np.fft.irfft(spectrum * passed, t.size)
        its_turn = np.floor(4 * t) % 3 == turn
        sound += its_turn * np.sin(np.pi * (4 * t % 1)) * vowel / np.abs(vowel).max()
    return 0.3 * sound


@pytest.mark.parametrize(
    "sound",
    [ringing(), chords(), line_noise(0.1), line_noise(1e-3), np.zeros(8 * RATE_HZ), np.zeros(0)],
    ids=["ringing", "chords", "noise", "soft noise", "silence", "nothing"],
)
def test_what_is_not_a_voice_is_not_speech(sound):
    mask = speech_mask(sound.astype(np.float16))
    assert mask.shape == (-(-sound.size // 160),)
    assert not mask.any()


@pytest.mark.parametrize("gain", [1.0, 0.03])
def test_what_sounds_like_syllables_is_speech_and_the_pauses_are_not(gain):
    pause = np.zeros(5 * RATE_HZ)
    sound = gain * np.concatenate([pause, vowels(), pause])
    mask = speech_mask(sound.astype(np.float16))
    assert mask[550:1250].mean() > 0.8
    assert mask[:450].mean() == mask[1350:].mean() == 0.0


def leak_share(samples: np.ndarray, other: np.ndarray) -> float:
    heard = np.ones(other.size // 160, dtype=bool)
    leaks = leak_mask(
        samples.astype(np.float16), other.astype(np.float16), heard=heard, other_heard=heard
    )
    assert leaks.shape == heard.shape
    return float(leaks.mean())


@pytest.mark.parametrize("delay_seconds", [0.0, 0.03, 0.15, 0.24])
@pytest.mark.parametrize("gain", [0.02, 0.3])
def test_a_soft_later_copy_is_a_leak(gain, delay_seconds):
    there = voice(6.0, seed=2)
    shift = round(delay_seconds * RATE_HZ)
    here = gain * np.concatenate([np.zeros(shift), there[: there.size - shift]])
    assert leak_share(here, there) > 0.9


@pytest.mark.parametrize(
    "here",
    [voice(6.0, seed=3), 0.3 * voice(6.0, seed=3), np.zeros(6 * RATE_HZ),
     0.8 * voice(6.0, seed=2), np.roll(0.3 * voice(6.0, seed=2), RATE_HZ)],
    ids=["other voice", "softer", "silence", "as loud", "a second later"],
)  # fmt: skip
def test_anything_else_is_no_leak(here):
    assert leak_share(here, voice(6.0, seed=2)) == 0.0


def test_a_leak_is_found_from_the_first_moment_of_the_call():
    there = voice(1.0, seed=2)
    here = 0.1 * np.concatenate([np.zeros(1600), there[:-1600]])
    assert leak_share(here, there) == 1.0


def test_a_voice_far_below_another_cannot_be_told_from_a_leak():
    here, there = 0.02 * voice(6.0, seed=3), voice(6.0, seed=2)
    heard = np.ones(600, dtype=bool)
    assert leak_mask(here, there, heard=heard, other_heard=heard).all()
    # Loud music on the other channel is no voice that could have leaked.
    assert not leak_mask(here, there, heard=heard, other_heard=~heard).any()


def test_a_leak_is_found_wherever_the_channel_is_heard():
    there = voice(4.0, seed=2)
    heard = np.zeros(400, dtype=bool)
    heard[100:230] = True
    leaks = leak_mask(0.1 * there, there, heard=heard, other_heard=np.zeros(400, dtype=bool))
    np.testing.assert_array_equal(leaks, heard)
