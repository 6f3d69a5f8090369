"""Make the sample calls: ``python -m samples.make_samples``, from the repository's root.

Nobody was recorded. A speech synthesiser speaks the lines; how angry or calm a
line sounds is set in ``acted_voice.MOODS``: tempo, pitch and loudness, and the brightness
that a raised voice has.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from calmscore.training.augmentation import TELEPHONE_RATE_HZ, telephone_line
from samples.acted_voice import (
    MAN,
    MOODS,
    WOMAN,
    FloatArray,
    MoodName,
    SynthesiserMissingError,
    Voice,
    at_level,
    speak,
)

FOLDER = Path(__file__).resolve().parent

_SEED = 20
_CUSTOMER, _AGENT = 0, 1
_LEAK_DB, _LEAK_DELAY_SECONDS = -30.0, 0.03
_NOISE_DB = (34.0, 36.0)
_MUSIC_LEVEL_DB = -30.0
_RING_LEVEL_DB = -24.0
# Two notes for 2 s, then 4 s of silence: the ringing tone of North America, ITU-T E.180.
_RING_HZ, _RING_SECONDS, _RING_PAUSE_SECONDS = (440.0, 480.0), 2.0, 1.0
_HOLD_MARGIN_SECONDS = 0.7
_CLOSING_SECONDS = 1.0


# fmt: on


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


def _ringing() -> FloatArray:
    seconds = np.arange(_samples(_RING_SECONDS)) / TELEPHONE_RATE_HZ
    tones = sum(np.sin(2 * np.pi * tone_hz * seconds) for tone_hz in _RING_HZ)
    return at_level(np.asarray(tones), _RING_LEVEL_DB)


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
    return at_level(music[: _samples(duration_seconds)], _MUSIC_LEVEL_DB)


def _note(frequency_hz: float) -> npt.NDArray[np.float64]:
    seconds = np.arange(_samples(1.2)) / TELEPHONE_RATE_HZ
    partials = ((1, 1.0), (2, 0.3), (3, 0.1))
    tone = sum(
        share * np.sin(2 * np.pi * number * frequency_hz * seconds) for number, share in partials
    )
    return np.asarray(tone * np.exp(-4.0 * seconds) * np.minimum(seconds / 0.01, 1.0))


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
