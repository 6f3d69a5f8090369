"""Make the sample calls: ``python -m samples.make_samples``, from the repository's root.

Nobody was recorded. A speech synthesiser speaks the lines; how angry or calm a
line sounds is set in ``MOODS``: tempo, pitch and loudness, and the brightness
that a raised voice has. The synthesiser describes a voice as a pitch curve and
spectra, so both can be changed before the sound is made, without artefacts.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from calmscore.training.augmentation import TELEPHONE_RATE_HZ, telephone_line

FloatArray = npt.NDArray[np.float32]
MoodName = Literal["angry", "annoyed", "calm", "relieved", "agent"]

FOLDER = Path(__file__).resolve().parent
INSTALL_COMMAND = "python -m pip install hibari-tts==0.2.1"

_SEED = 20
_CUSTOMER, _AGENT = 0, 1
_DECIBELS = np.float32(np.log(10.0) / 20.0)
"""Decibels to the natural logarithm of an amplitude, the synthesiser's unit."""
# The synthesiser's spectra have 601 bins up to 12 kHz; frames below 40 Hz are unvoiced.
_BINS, _BIN_HZ = 601, 20.0
_LOWEST_PITCH_HZ = 40.0
_TILT_PIVOT_HZ = 500.0
_TILT_OCTAVES = (-1.0, 3.0)

_TREMOR_HZ = 70.0
_SPEECH_LEVEL_DB = -22.0
_LEAK_DB, _LEAK_DELAY_SECONDS = -30.0, 0.03
_NOISE_DB = (34.0, 36.0)
_MUSIC_LEVEL_DB = -30.0
_RING_LEVEL_DB = -24.0
# Two notes for 2 s, then 4 s of silence: the ringing tone of North America, ITU-T E.180.
_RING_HZ, _RING_SECONDS, _RING_PAUSE_SECONDS = (440.0, 480.0), 2.0, 1.0
_HOLD_MARGIN_SECONDS = 0.7
_CLOSING_SECONDS = 1.0


class SynthesiserMissingError(RuntimeError):
    """The speech synthesiser is not installed; the message says how to install it."""


@dataclass(frozen=True, kw_only=True)
class Mood:
    """How a line is spoken, against the synthesiser's plain reading.

    Attributes
    ----------
    tempo : float
        Above 1 faster.
    pitch : float
        Factor on the mean pitch.
    intonation : float
        Exponent on the movement around the mean pitch: above 1 livelier, below 1 flatter.
    tilt_db_per_octave : float
        Added to the spectrum's slope: above 0 brighter, as in a raised voice, below 0 softer.
    formant : float
        Factor on the resonances; an open, shouting mouth raises them.
    breath_db : float
        Gain of the breathy part of the voice.
    dynamics : float
        Above 1 the stressed syllables stand out more.
    accent : float
        Exponent by which the pitch follows the loudness: stressed syllables jump up.
    jitter : float
        Irregularity of the pitch, as in a voice that breaks; a share of the pitch.
    roughness : float
        Depth of a fast tremor of the level, as in a scream, 0–1.
    drive : float
        Saturation, as in a voice that is strained; 0 for none.
    level_db : float
        Loudness against the other lines.
    """

    tempo: float = 1.0
    pitch: float = 1.0
    intonation: float = 1.0
    tilt_db_per_octave: float = 0.0
    formant: float = 1.0
    breath_db: float = 0.0
    dynamics: float = 1.0
    accent: float = 0.0
    jitter: float = 0.0
    roughness: float = 0.0
    drive: float = 0.0
    level_db: float = 0.0


# fmt: off
# Found by trying: each setting stays on its side of the emotion model's line for all lines of
# its mood, for both voices, through the telephone and wherever the segments are cut.
MOODS: dict[MoodName, Mood] = {
    "angry": Mood(tempo=0.7, pitch=1.87, intonation=0.85, tilt_db_per_octave=5.4, formant=0.99,
                  breath_db=-5.6, dynamics=0.6, accent=0.15, jitter=0.024, roughness=0.5,
                  drive=9.8, level_db=3.0),
    "annoyed": Mood(tempo=0.84, pitch=1.4, intonation=0.9, tilt_db_per_octave=3.0, formant=0.99,
                    breath_db=-3.0, dynamics=0.8, accent=0.1, jitter=0.012, roughness=0.25,
                    drive=4.5, level_db=1.0),
    "calm": Mood(tempo=1.03, pitch=0.84, intonation=0.6, tilt_db_per_octave=-4.0, formant=0.98,
                 breath_db=-1.5, dynamics=1.1, level_db=-3.0),
    "relieved": Mood(tempo=1.03, pitch=0.84, intonation=0.45, tilt_db_per_octave=-4.0,
                     formant=0.98, breath_db=-1.5, level_db=-3.0),
    "agent": Mood(),
}
# fmt: on


@dataclass(frozen=True, kw_only=True)
class Voice:
    """A speaker, as a change of the synthesiser's one voice.

    Attributes
    ----------
    pitch, formant : float
        Factors; a lower voice and a longer throat make a man's voice out of a woman's.
    """

    pitch: float
    formant: float


WOMAN = Voice(pitch=1.0, formant=1.0)
MAN = Voice(pitch=0.58, formant=0.86)


@dataclass(frozen=True, kw_only=True)
class Line:
    """What somebody says without a break.

    Attributes
    ----------
    mood : str
        A name in ``MOODS``; ``agent`` also says who speaks.
    text : str
        The words.
    pause_seconds : float
        Silence before the line; below 0 the speaker interrupts.
    """

    mood: MoodName
    text: str
    pause_seconds: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Hold:
    """The agent puts the customer on hold.

    Attributes
    ----------
    seconds : float
        Length of the music.
    """

    seconds: float


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call to make.

    Attributes
    ----------
    file_name : str
        Of the recording.
    customer, agent : Voice
        Who speaks.
    tones_on_both : bool
        Whether the exchange puts ringing and music on both channels, as some do,
        or on the agent's only, as what the customer hears.
    turns : tuple of Line or Hold
        The call, from the greeting on.
    """

    file_name: str
    customer: Voice
    agent: Voice
    tones_on_both: bool
    turns: tuple[Line | Hold, ...]


def _angry(text: str, pause_seconds: float = 0.3) -> Line:
    return Line(mood="angry", text=text, pause_seconds=pause_seconds)


def _annoyed(text: str, pause_seconds: float = 0.5) -> Line:
    return Line(mood="annoyed", text=text, pause_seconds=pause_seconds)


def _calm(text: str, pause_seconds: float = 0.6) -> Line:
    return Line(mood="calm", text=text, pause_seconds=pause_seconds)


def _relieved(text: str, pause_seconds: float = 0.6) -> Line:
    return Line(mood="relieved", text=text, pause_seconds=pause_seconds)


def _agent(text: str, pause_seconds: float = 0.5) -> Line:
    return Line(mood="agent", text=text, pause_seconds=pause_seconds)


CALMS_DOWN = Call(
    file_name="calms_down.wav",
    customer=WOMAN,
    agent=MAN,
    tones_on_both=False,
    turns=(
        _agent("Good morning, parcel service, this is Daniel. How can I help you?"),
        _angry(
            "I have been waiting for my parcel for two weeks! This is completely unacceptable! "
            "I stayed at home twice, and twice nobody came!"
        ),
        _agent("I am sorry to hear that. May I have your order number, please?"),
        _angry(
            "I gave you that number three times already! Why does nobody ever write it down? "
            "Nobody calls me back, and every time I hear another excuse!"
        ),
        _agent(
            "You are right, and I have it here. The house number is missing on the label. "
            "I will ring the depot at once. Please hold on for a moment."
        ),
        _annoyed("Fine. But please do not forget about me again."),
        Hold(seconds=6.0),
        _agent(
            "Thank you for waiting, Anna. The driver will bring your parcel today, between "
            "four and six, and you get the delivery charge back."
        ),
        _calm(
            "Today? Oh. All right, I will be at home then. "
            "And the delivery charge, does it go back to my card?"
        ),
        _agent("Yes, within three days. I have also corrected your address."),
        _calm(
            "Okay. That sounds good to me. I was worried that it would be the same again "
            "next week, so I am glad that it is settled."
        ),
        _agent("Is there anything else that I can do for you?"),
        _relieved(
            "No, that was everything. You are the first one who has really helped me. "
            "Thank you very much, Daniel, and have a nice day."
        ),
        _agent("You too, Anna. Goodbye."),
    ),
)

GETS_WORSE = Call(
    file_name="gets_worse.wav",
    customer=MAN,
    agent=WOMAN,
    tones_on_both=True,
    turns=(
        _agent("Good afternoon, billing department, this is Grace. What can I do for you?"),
        _calm(
            "Hello, this is Peter. I have a question about my bill for March. It shows two "
            "charges for the same month, and I think one of them is a mistake."
        ),
        _agent("I see. Did you perhaps order a second line?"),
        _calm("No, I did not. I have just the one line, as before. Could you have a look at it?"),
        _agent("On my screen the bill is correct. Let me ask. Please hold the line."),
        Hold(seconds=7.0),
        _agent(
            "Thank you for holding. I cannot change the bill. You would have to write a letter."
        ),
        _annoyed(
            "A letter? I have already written twice, and I never got an answer. "
            "Surely you can see both charges in front of you."
        ),
        _agent("I understand, but that is our procedure, and I have to ask you to"),
        _angry(
            "No, you do not understand! You took my money twice, and now I am supposed to "
            "write a letter?",
            pause_seconds=-0.5,
        ),
        _agent("There is nothing that I can do from here."),
        _angry(
            "That is what everybody tells me! Give me somebody who can do something about it, "
            "right now!"
        ),
        _agent("My supervisor is not available today."),
        _angry(
            "This is outrageous! I want my money back, and I want to cancel the contract today!"
        ),
        _agent("I will make a note of your complaint."),
        _angry("A note? I do not need a note! I have had enough of this! Goodbye!"),
    ),
)

CALLS = (CALMS_DOWN, GETS_WORSE)


def make_call(call: Call) -> FloatArray:
    """Speak a call and send it through the telephone.

    Parameters
    ----------
    call : Call
        What is said, by whom and how.

    Returns
    -------
    array of float32, shape (n, 2)
        Customer and agent at 8 kHz.

    Raises
    ------
    SynthesiserMissingError
        If the speech synthesiser is not installed.
    """
    generator = np.random.default_rng(_SEED)
    pieces = _arrange(call, generator)
    count = max(start + sound.size for _, start, sound in pieces)
    count += int(_CLOSING_SECONDS * TELEPHONE_RATE_HZ)
    channels = np.zeros((2, count), dtype=np.float32)
    for channel, start, sound in pieces:
        channels[channel, start : start + sound.size] += sound
    channels[_CUSTOMER] += _leak(channels[_AGENT])
    lines = [
        telephone_line(
            channel, sample_rate_hz=TELEPHONE_RATE_HZ, generator=generator, snr_db=_NOISE_DB
        )
        for channel in channels
    ]
    return np.stack(lines, axis=1)


def _arrange(call: Call, generator: np.random.Generator) -> list[tuple[int, int, FloatArray]]:
    """Return channel, first sample and sound of everything in the call."""
    tone_channels = (_CUSTOMER, _AGENT) if call.tones_on_both else (_AGENT,)
    ring = _ringing()
    pieces = [(channel, 0, ring) for channel in tone_channels]
    now = ring.size + _samples(_RING_PAUSE_SECONDS)
    for turn in call.turns:
        if isinstance(turn, Hold):
            start = now + _samples(_HOLD_MARGIN_SECONDS)
            music = _hold_music(turn.seconds)
            pieces += [(channel, start, music) for channel in tone_channels]
            now = start + music.size + _samples(_HOLD_MARGIN_SECONDS)
            continue
        channel = _AGENT if turn.mood == "agent" else _CUSTOMER
        voice = call.agent if turn.mood == "agent" else call.customer
        start = now + _samples(turn.pause_seconds)
        sound = speak(turn.text, mood=MOODS[turn.mood], voice=voice, generator=generator)
        pieces.append((channel, start, sound))
        now = start + sound.size
    return pieces


def _samples(seconds: float) -> int:
    return int(seconds * TELEPHONE_RATE_HZ)


def _leak(agent: FloatArray) -> FloatArray:
    delayed = np.roll(agent, _samples(_LEAK_DELAY_SECONDS))
    return np.asarray(delayed * 10.0 ** (_LEAK_DB / 20.0), dtype=np.float32)


def speak(text: str, *, mood: Mood, voice: Voice, generator: np.random.Generator) -> FloatArray:
    """Speak a line.

    Parameters
    ----------
    text : str
        English sentences.
    mood : Mood
        How they are spoken.
    voice : Voice
        Who speaks.
    generator : numpy.random.Generator
        Source of the breath noise.

    Returns
    -------
    array of float32, shape (n,)
        The line at 8 kHz and at its mood's level.

    Raises
    ------
    SynthesiserMissingError
        If the speech synthesiser is not installed.
    """
    sentences = [
        _speak_sentence(phonemes, mood, voice, generator)
        for phonemes in _synthesiser().phonemize(text)
    ]
    wide = np.concatenate(sentences)
    wide = _roughen(wide, mood.roughness)
    if mood.drive > 0.0:
        wide = _saturate(wide, mood.drive)
    narrow = soxr.resample(wide, _hibari().SAMPLE_RATE, TELEPHONE_RATE_HZ)
    return _at_level(narrow, _SPEECH_LEVEL_DB + mood.level_db)


def _speak_sentence(
    phonemes: str, mood: Mood, voice: Voice, generator: np.random.Generator
) -> FloatArray:
    synthesiser = _synthesiser()
    # A sentence's parts: log-amplitudes of its tonal, breathy and free components,
    # the phases of the tonal and the free one, and the pitch, each per 12.5 ms.
    outputs = synthesiser.sess.run(
        None,
        {
            "ids": np.asarray([synthesiser.ids(phonemes)], dtype=np.int64),
            "speed": np.asarray([mood.tempo], dtype=np.float32),
        },
    )
    tonal, tonal_phase, breathy, free, free_phase, pitch_hz = (output[0] for output in outputs)
    formant = mood.formant * voice.formant
    slope = _slope(mood.tilt_db_per_octave)
    stress = _stress(tonal, free, mood.dynamics)
    return np.asarray(
        _hibari().dsp.synth(
            _stretch(tonal, formant) + slope + stress,
            _stretch(tonal_phase, formant),
            _stretch(breathy, formant) + slope + stress + _DECIBELS * np.float32(mood.breath_db),
            _stretch(free, formant) + slope + stress,
            free_phase,
            _bend(pitch_hz, _level(tonal, free), mood=mood, voice=voice, generator=generator),
            generator,
        ),
        dtype=np.float32,
    )


def _bend(
    pitch_hz: FloatArray,
    level: FloatArray,
    *,
    mood: Mood,
    voice: Voice,
    generator: np.random.Generator,
) -> FloatArray:
    voiced = pitch_hz > _LOWEST_PITCH_HZ
    if not voiced.any():
        return pitch_hz
    mean_hz = np.exp(np.log(pitch_hz[voiced]).mean())
    loudness = np.exp(np.clip(level - np.median(level[voiced]), -1.0, 1.0))[voiced]
    irregular = 1.0 + mood.jitter * generator.standard_normal(int(voiced.sum()))
    bent = pitch_hz.copy()
    bent[voiced] = (
        mean_hz * mood.pitch * voice.pitch
        * (pitch_hz[voiced] / mean_hz) ** mood.intonation
        * loudness**mood.accent * irregular
    )  # fmt: skip
    return bent


def _stretch(spectra: FloatArray, factor: float) -> FloatArray:
    """Stretch spectra of shape (bins, frames) along the frequency."""
    places = np.clip(np.arange(_BINS) / factor, 0, _BINS - 1)
    below = np.floor(places).astype(int)
    above = np.minimum(below + 1, _BINS - 1)
    share = (places - below)[:, None].astype(np.float32)
    return np.asarray(spectra[below] * (1 - share) + spectra[above] * share, dtype=np.float32)


def _slope(db_per_octave: float) -> FloatArray:
    frequencies_hz = np.maximum(np.arange(_BINS) * _BIN_HZ, _BIN_HZ)
    octaves = np.clip(np.log2(frequencies_hz / _TILT_PIVOT_HZ), *_TILT_OCTAVES)
    return np.asarray(_DECIBELS * db_per_octave * octaves, dtype=np.float32)[:, None]


def _stress(tonal: FloatArray, free: FloatArray, dynamics: float) -> FloatArray:
    """Return the gain per frame that moves the level further from, or nearer to, its peaks."""
    level = _level(tonal, free)
    distance = np.clip(level - np.percentile(level, 80), -3.0, 2.0)
    return np.asarray((dynamics - 1.0) * distance, dtype=np.float32)


def _level(tonal: FloatArray, free: FloatArray) -> FloatArray:
    """Return the logarithm of the amplitude of each frame."""
    power = (np.exp(2 * np.minimum(tonal, 7)) + np.exp(2 * np.minimum(free, 7))).mean(axis=0)
    return np.asarray(np.log(power) / 2, dtype=np.float32)


def _roughen(samples: FloatArray, depth: float) -> FloatArray:
    seconds = np.arange(samples.size) / _hibari().SAMPLE_RATE
    tremor = 1.0 + depth * np.sin(2 * np.pi * _TREMOR_HZ * seconds)
    return np.asarray(samples * tremor, dtype=np.float32)


def _saturate(samples: FloatArray, drive: float) -> FloatArray:
    ceiling = 4.0 * float(np.sqrt(np.mean(np.square(samples))))
    return np.asarray(np.tanh(drive * samples / ceiling) * ceiling / drive, dtype=np.float32)


def _at_level(samples: npt.NDArray[Any], level_db: float) -> FloatArray:
    level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    return np.asarray(samples * (10.0 ** (level_db / 20.0) / max(level, 1e-9)), dtype=np.float32)


def _ringing() -> FloatArray:
    seconds = np.arange(_samples(_RING_SECONDS)) / TELEPHONE_RATE_HZ
    tones = sum(np.sin(2 * np.pi * tone_hz * seconds) for tone_hz in _RING_HZ)
    return _at_level(np.asarray(tones), _RING_LEVEL_DB)


def _hold_music(duration_seconds: float) -> FloatArray:
    """Play broken chords on something like a music box."""
    chords_hz = (
        (261.6, 329.6, 392.0),
        (220.0, 261.6, 329.6),
        (174.6, 220.0, 261.6),
        (196.0, 246.9, 293.7),
    )
    beat = _samples(0.3)
    music = np.zeros(_samples(duration_seconds) + 4 * beat)
    for index, start in enumerate(range(0, _samples(duration_seconds), beat)):
        chord = chords_hz[index // 6 % len(chords_hz)]
        note = _note(2.0 * chord[(0, 1, 2, 1, 2, 1)[index % 6]])
        music[start : start + note.size] += note[: music.size - start]
    return _at_level(music[: _samples(duration_seconds)], _MUSIC_LEVEL_DB)


def _note(frequency_hz: float) -> npt.NDArray[np.float64]:
    seconds = np.arange(_samples(1.2)) / TELEPHONE_RATE_HZ
    partials = ((1, 1.0), (2, 0.3), (3, 0.1))
    tone = sum(
        share * np.sin(2 * np.pi * number * frequency_hz * seconds) for number, share in partials
    )
    return np.asarray(tone * np.exp(-4.0 * seconds) * np.minimum(seconds / 0.01, 1.0))


def _hibari() -> ModuleType:
    try:
        importlib.import_module("hibari.dsp")
        return importlib.import_module("hibari")
    except ImportError as error:
        raise SynthesiserMissingError(
            "the speech synthesiser hibari is not installed; install it with: " + INSTALL_COMMAND
        ) from error


@lru_cache(maxsize=1)
def _synthesiser() -> Any:
    return _hibari().Hibari()


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the calls from the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of the process by default.

    Returns
    -------
    int
        Exit code: 0, or 1 without the synthesiser.
    """
    parser = argparse.ArgumentParser(description="Make the sample calls with synthetic voices.")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder for the calls")
    folder = parser.parse_args(arguments).output
    folder.mkdir(parents=True, exist_ok=True)
    for call in CALLS:
        try:
            sound = make_call(call)
        except SynthesiserMissingError as error:
            print(f"make_samples: {error}", file=sys.stderr)
            return 1
        path = folder / call.file_name
        soundfile.write(path, sound, TELEPHONE_RATE_HZ, format="WAV", subtype="ULAW")
        print(f"{path}: {len(sound) / TELEPHONE_RATE_HZ:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
