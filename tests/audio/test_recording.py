import io
import os
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import numpy as np
import pytest
import soundfile
from av_files import FORMS, MONO_ONLY, av_file
from fuzzing import mutated_files
from hypothesis import given, settings
from hypothesis import strategies as st

from calmscore.audio.recording import ANALYSIS_RATE_HZ, ReadingRules, read_recording
from calmscore.errors import CallFileError

WAV_SUBTYPES = "PCM_U8 PCM_16 PCM_24 PCM_32 FLOAT DOUBLE ULAW ALAW GSM610 IMA_ADPCM MS_ADPCM"
OTHERS = ("RF64/PCM_16 W64/PCM_16 WAVEX/PCM_16 AIFF/PCM_16 AU/PCM_16 FLAC/PCM_16 OGG/VORBIS "
          "OGG/OPUS MP3/MPEG_LAYER_III")  # fmt: skip
KINDS = [("WAV", subtype) for subtype in WAV_SUBTYPES.split()]
KINDS += [(container, coding) for container, coding in (o.split("/") for o in OTHERS.split())]


def tones(*, rate_hz: int, samples: int, channels: int) -> np.ndarray:
    """One rising tone a channel, the second starting higher."""
    seconds = np.arange(samples) / rate_hz
    starts_hz = (300.0, 900.0)[:channels]
    phases = [2 * np.pi * (hz + 100 * seconds) * seconds for hz in starts_hz]
    return 0.4 * np.sin(np.stack(phases, axis=1))


def encoded(sound: np.ndarray, *, rate_hz: int = 8000, kind: tuple[str, str] = ("WAV", "PCM_16")):
    file = io.BytesIO()
    soundfile.write(file, sound, rate_hz, format=kind[0], subtype=kind[1])
    return file.getvalue()


def wave_file(*, channels=1, rate_hz=8000, codec=1, data=b"\1\0" * 800, announced=None) -> bytes:
    size = len(data) if announced is None else announced
    body = b"WAVEfmt " + struct.pack(
        "<IHHIIHH", 16, codec, channels, rate_hz, rate_hz * 2 & 0xFFFFFFFF, 2, 16
    )
    body += b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", len(body) if announced is None else 0) + body


@pytest.mark.parametrize(
    ("rate_hz", "played_hz"),
    [(4000, 16_000), (8000, 8000), (11_025, 11_025), (16_000, 16_000), (44_100, 16_000)],
)
def test_what_is_read_to_be_played_keeps_the_rate_of_a_telephone(rate_hz, played_hz):
    sound = tones(rate_hz=rate_hz, samples=2 * rate_hz, channels=2)
    file = io.BytesIO(encoded(sound, rate_hz=rate_hz))
    played, analysed = read_recording(file, to_play=True), read_recording(file)
    assert (played.samples_rate_hz, analysed.samples_rate_hz) == (played_hz, ANALYSIS_RATE_HZ)
    assert played.samples.shape == (2, 2 * played_hz)
    assert analysed.samples.shape == (2, 2 * ANALYSIS_RATE_HZ)
    assert played.duration_seconds == analysed.duration_seconds == 2.0
    if played_hz == rate_hz:
        assert played.samples == pytest.approx(sound.T, abs=1e-3)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("form", FORMS)
def test_what_ffmpeg_decodes_is_read(form, channels):
    if channels == 2 and form in MONO_ONLY:
        pytest.skip("this form is mono")
    rate_hz = FORMS[form][2]
    sound = tones(rate_hz=rate_hz, samples=int(2.5 * rate_hz), channels=channels)
    recording = read_recording(io.BytesIO(av_file(form, sound)), file_name=f"call.{form}")
    # Frequency-domain coders fill their first and last block.
    slack = 0.13 if form in ("aac", "m4a", "ts") else 0.03
    assert recording.duration_seconds == pytest.approx(2.5, abs=slack)
    assert recording.samples.shape[0] == channels
    assert recording.sample_rate_hz == rate_hz
    assert np.abs(recording.samples).max() > 0.2


@pytest.mark.parametrize("kind", [("MP3", "MPEG_LAYER_III"), ("OGG", "OPUS")], ids="-".join)
def test_files_that_were_joined_are_read_to_their_true_end(kind):
    parts = [
        encoded(tones(rate_hz=16_000, samples=count, channels=1), rate_hz=16_000, kind=kind)
        for count in (48_000, 80_000)
    ]
    recording = read_recording(io.BytesIO(b"".join(parts)))
    assert recording.duration_seconds == pytest.approx(8.0, abs=0.3)


@pytest.mark.parametrize("first, second", [((8_000, 1), (8_000, 2)), ((16_000, 2), (8_000, 1))])
def test_a_file_that_changes_its_form_on_the_way_is_read_on(first, second):
    # Where one part is stereo, all of it is.
    parts = [
        encoded(
            tones(rate_hz=rate_hz, samples=3 * rate_hz, channels=channels), rate_hz=rate_hz,
            kind=("MP3", "MPEG_LAYER_III"),
        )
        for rate_hz, channels in (first, second)
    ]  # fmt: skip
    recording = read_recording(io.BytesIO(b"".join(parts)))
    assert recording.duration_seconds == pytest.approx(6.0, abs=0.5)
    assert (recording.sample_rate_hz, len(recording.samples)) == (first[0], 2)


AFTER_THE_END = {
    "a second file": lambda data: data + data,
    "a second chunk of sound": lambda data: data + b"data" + data[40:],
    "bare samples": lambda data: data + data[44:],
    "another chunk, then a second file": lambda data: data + b"LIST\4\0\0\0INFO" + data,
}


@pytest.mark.parametrize("name", AFTER_THE_END)
def test_sound_after_the_announced_end_of_a_wave_file_is_named(name):
    data = encoded(tones(rate_hz=8000, samples=24_000, channels=1))
    recording = read_recording(io.BytesIO(AFTER_THE_END[name](data)))
    (notice,) = [n for n in recording.warnings if n.code == "sound_after_end"]
    assert "About 3.0 s" in notice.message
    assert recording.duration_seconds == pytest.approx(3.0)


@pytest.mark.parametrize("chunk", [b"LIST\4\0\0\0INFO", b"id3 \2\0\0\0xx", b"\0"])
def test_other_chunks_after_the_sound_are_nothing_to_tell(chunk):
    data = encoded(tones(rate_hz=8000, samples=24_000, channels=1)) + chunk
    assert "sound_after_end" not in [n.code for n in read_recording(io.BytesIO(data)).warnings]


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.astype(np.float64), b.astype(np.float64))[0, 1])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_every_kind_of_file_is_read(tmp_path, kind, channels):
    if kind[1] == "GSM610" and channels == 2:
        pytest.skip("GSM 6.10 is mono")
    rate_hz = 16_000 if kind[1] == "OPUS" else 8000
    data = encoded(
        tones(rate_hz=rate_hz, samples=int(2.5 * rate_hz), channels=channels),
        rate_hz=rate_hz, kind=kind,
    )  # fmt: skip
    path = tmp_path / "call.wav"
    path.write_bytes(data)
    recording = read_recording(path)
    # ADPCM, GSM, Vorbis and MP3 fill their last block.
    filling = ("GSM610", "IMA_ADPCM", "MS_ADPCM", "MPEG_LAYER_III", "VORBIS")
    slack = 0.07 if kind[1] in filling else 0.0005
    assert recording.duration_seconds == pytest.approx(2.5, abs=slack)
    assert recording.samples.shape[0] == channels
    assert recording.samples.dtype == np.float16
    assert recording.sample_rate_hz == (48_000 if kind[1] == "OPUS" else rate_hz)
    assert recording.sha256 == sha256(data).hexdigest()
    assert recording.file_name == "call.wav"
    assert recording.warnings == ()
    original = tones(rate_hz=ANALYSIS_RATE_HZ, samples=40_000, channels=channels)
    common = slice(200, min(40_000, recording.samples.shape[1]) - 200)
    for channel, sound in enumerate(recording.samples):
        assert correlation(sound[common], original[common, channel]) > 0.97
        assert abs(correlation(sound[common], original[common, channel - 1])) < 0.2 or channels == 1


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    rate_hz=st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000]),
    seconds=st.floats(0.05, 3.5),
    odd=st.integers(0, 997),
)
def test_blocks_leave_no_trace(rate_hz, seconds, odd):
    samples = int(seconds * rate_hz) + odd
    mono = tones(rate_hz=rate_hz, samples=samples, channels=1)
    recording = read_recording(
        io.BytesIO(encoded(np.repeat(mono, 2, axis=1), rate_hz=rate_hz, kind=("WAV", "PCM_24")))
    )
    assert recording.duration_seconds == samples / rate_hz
    length = recording.samples.shape[1]
    assert length / ANALYSIS_RATE_HZ == pytest.approx(samples / rate_hz, abs=0.001)
    assert np.array_equal(recording.samples[0], recording.samples[1])
    ideal = tones(rate_hz=ANALYSIS_RATE_HZ, samples=length, channels=1)[:, 0]
    inner = slice(160, -160)
    assert np.abs(recording.samples[0, inner] - ideal[inner]).max() < 0.004


VALID = wave_file()
FLOAT_KIND = ("WAV", "FLOAT")
BAD_FILES = [
    ("empty_file", b""),
    ("not_audio", b"Call notes: the customer rang at nine.\n" * 20),
    ("not_audio", b"\0" * 5000),
    ("unreadable_audio", b"\0\0\0\x20ftypM4A " + b"\0" * 500),
    ("unreadable_audio", b"fLaC" + b"\0" * 500),
    ("unreadable_audio", b"OggS" + b"\0" * 500),
    ("unreadable_audio", b"ID3"),
    ("damaged_header", VALID[:12]),
    ("damaged_header", VALID[:30]),
    ("damaged_header", VALID[:40]),
    ("damaged_header", b"RIFF\0\0\0\0WAVE" + b"\0" * 100_000),
    ("no_samples", VALID[:44]),
    ("no_samples", wave_file(data=b"")),
    ("no_channels", wave_file(channels=0)),
    ("too_many_channels", encoded(np.zeros((800, 9)))),
    ("too_many_channels", wave_file(channels=65535)),
    ("sample_rate_out_of_range", wave_file(rate_hz=0)),
    ("sample_rate_out_of_range", wave_file(rate_hz=2000)),
    ("sample_rate_out_of_range", wave_file(rate_hz=200_000)),
    ("sample_rate_out_of_range", wave_file(rate_hz=0xFFFFFFFF)),
    ("unsupported_codec", wave_file(codec=0x4242)),
    ("invalid_samples", encoded(np.array([0.1, np.nan] * 800), kind=FLOAT_KIND)),
    ("invalid_samples", encoded(np.array([0.1, -np.inf] * 800), kind=FLOAT_KIND)),
    ("invalid_samples", encoded(np.array([0.1, 1e30] * 800), kind=FLOAT_KIND)),
    ("invalid_samples", encoded(np.array([0.1, 1e300] * 800), kind=("WAV", "DOUBLE"))),
]


@pytest.mark.parametrize(
    "code, data", BAD_FILES, ids=[f"{i}-{code}" for i, (code, _) in enumerate(BAD_FILES)]
)
def test_bad_file_is_refused_by_name(tmp_path, code, data):
    path = tmp_path / "Call 7.wav"
    path.write_bytes(data)
    for source in (path, io.BytesIO(data)):
        with pytest.raises(CallFileError) as caught:
            read_recording(source, file_name="Call 7.wav")
        assert caught.value.code == code
        assert_calm(str(caught.value), "Call 7.wav")


def assert_calm(message: str, name: str) -> None:
    assert name in message
    assert message.endswith(".")
    assert ". " not in message
    assert "\n" not in message and "!" not in message
    # What only helps whoever runs the program is told apart.
    assert "CALMSCORE_" not in message and "0x" not in message and "begins with" not in message


@pytest.mark.parametrize(
    "code, rules, value",
    [
        ("file_too_large", ReadingRules(file_bytes=1000), "1644"),
        ("too_long", ReadingRules(duration_seconds=0.05), "0.1"),
    ],
)
def test_limits_are_kept(code, rules, value):
    with pytest.raises(CallFileError, match=value) as caught:
        read_recording(io.BytesIO(VALID), file_name="a.wav", rules=rules)
    assert caught.value.code == code
    assert_calm(str(caught.value).replace("0.1", ""), "a.wav")
    assert "CALMSCORE_MAX_" in caught.value.in_full


def test_limit_holds_where_the_header_announces_no_length():
    data = bytearray(encoded(np.zeros(32_000), kind=("FLAC", "PCM_16")))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    assert read_recording(io.BytesIO(data)).duration_seconds == 4.0
    with pytest.raises(CallFileError) as caught:
        read_recording(io.BytesIO(data), rules=ReadingRules(duration_seconds=2.5))
    assert caught.value.code == "too_long"


def refusal(source, **options) -> CallFileError:
    with pytest.raises(CallFileError) as caught:
        read_recording(source, **options)
    return caught.value


def test_places_that_hold_no_file(tmp_path):
    pipe = tmp_path / "call.fifo"
    os.mkfifo(pipe)
    for source, code in [
        (pipe, "not_a_file"),
        ("/dev/zero", "not_a_file"),
        (tmp_path, "is_a_folder"),
        (tmp_path / "gone.wav", "missing_file"),
        (str(tmp_path / ("long" * 100)), "unreadable_file"),
        ("nul\0byte.wav", "unreadable_file"),
    ]:
        error = refusal(source)
        assert error.code == code
        assert_calm(str(error), os.path.basename(source).replace("\0", ""))


def test_file_without_permission(tmp_path, monkeypatch):
    path = tmp_path / "locked.wav"
    path.write_bytes(VALID)

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    error = refusal(path)
    assert error.code == "no_permission"
    assert_calm(str(error), "locked.wav")


class Failing(io.BytesIO):
    """Fails after a while, as a network drive does."""

    reads = 0

    def read(self, size=-1):
        self.reads += 1
        if self.reads > 6:
            raise OSError(5, "Input/output error")
        return super().read(size)


def test_streams_that_cannot_be_read():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        assert refusal(pipe, file_name="a.wav").code == "not_seekable"
    os.close(writing)
    assert refusal(io.StringIO("text"), file_name="a.wav").code == "not_binary"
    assert refusal(Failing(VALID), file_name="a.wav").code == "unreadable_file"
    closed = io.BytesIO(VALID)
    closed.close()
    assert refusal(closed, file_name="a.wav").code == "unreadable_file"


@pytest.mark.parametrize(
    "given_name, kept",
    [
        ("/home/ann/calls/monday.wav", "monday.wav"),
        ("C:\\calls\\monday.wav", "monday.wav"),
        ("../../etc/monday.raw", "monday.raw"),
        ("mon\nday\x1b[31m\u202e.wav", "monday[31m.wav"),
        ("Grüße aus Köln.wav", "Grüße aus Köln.wav"),
        ("../", "recording"),
        ("", "recording"),
        (7, "recording"),
    ],
)
def test_upload_name_is_never_a_path(given_name, kept):
    upload = io.BytesIO(VALID)
    upload.name = given_name
    assert read_recording(upload).file_name == kept


def test_file_object_is_read_from_its_start_and_left_there():
    upload = io.BytesIO(VALID)
    upload.seek(500)
    first = read_recording(upload)
    assert upload.tell() == 0
    assert first.samples.shape == (1, 1600)
    assert read_recording(upload).sha256 == first.sha256


def test_silence_and_short_sounds_are_no_errors():
    assert not read_recording(io.BytesIO(encoded(np.zeros(8000)))).samples.any()
    single = read_recording(io.BytesIO(encoded(np.zeros(1), rate_hz=48_000)))
    assert single.samples.shape == (1, 1)


@pytest.mark.parametrize("kind", KINDS[:11], ids="-".join)
def test_truncated_wave_file_is_read_with_a_notice(kind):
    data = encoded(tones(rate_hz=8000, samples=80_000, channels=1), kind=kind)
    recording = read_recording(io.BytesIO(data[: len(data) // 2]))
    assert recording.duration_seconds == pytest.approx(5.0, abs=0.1)
    (notice,) = recording.warnings
    assert notice.code == "truncated_data"
    assert f"{recording.duration_seconds:.1f} s of 10." in notice.message.replace("9.9", "10.")


@pytest.mark.parametrize("kind", [("FLAC", "PCM_16"), ("MP3", "MPEG_LAYER_III")], ids="-".join)
def test_truncated_compressed_file_is_read_with_a_notice(kind):
    data = encoded(tones(rate_hz=8000, samples=80_000, channels=1), kind=kind)
    recording = read_recording(io.BytesIO(data[: len(data) // 2]))
    assert 3.0 < recording.duration_seconds < 6.0
    assert [notice.code for notice in recording.warnings] == ["truncated_data"]


@pytest.mark.parametrize("tag", [b"", b"TAG" + bytes(125)], ids=["plain", "tagged"])
def test_mp3_that_states_no_length_is_read_to_its_end(tag):
    # Loud, then quiet: a guess from the first frame's size would come out short.
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, 80_000)
    sound[16_000:] *= 0
    data = encoded(sound, kind=("MP3", "MPEG_LAYER_III"))
    without_length = data[data.index(data[:2], 2) :] + tag
    recording = read_recording(io.BytesIO(without_length))
    assert recording.duration_seconds == pytest.approx(10.0, abs=0.3)
    assert recording.warnings == ()


@pytest.mark.parametrize("announced", [0, 0x7FFFF000, 0x80000000, 0xFFFFFFFF])
def test_unfinished_header_is_no_truncation(announced):
    recording = read_recording(io.BytesIO(wave_file(announced=announced)))
    assert recording.duration_seconds == pytest.approx(0.1)
    assert recording.warnings == ()
    assert recording.samples.any()


def test_odd_chunks_before_the_sound_are_stepped_over():
    extra = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    body = VALID[8:36] + extra + VALID[36:]
    data = b"RIFF" + struct.pack("<I", len(body)) + body
    assert read_recording(io.BytesIO(data)).duration_seconds == 0.1
    assert read_recording(io.BytesIO(data[:-800])).warnings[0].code == "truncated_data"


@pytest.mark.parametrize("peak, divisor", [(3.0, 4), (20_000.0, 32_768), (2.0**31, 2**31)])
def test_samples_above_full_scale_are_scaled_with_a_notice(peak, divisor):
    sound = tones(rate_hz=8000, samples=24_000, channels=1)[:, 0] / 0.4
    # The quiet first half shows that what was read before the peak is scaled too.
    sound[:12_000] *= 0.01
    recording = read_recording(io.BytesIO(encoded(sound * peak, kind=FLOAT_KIND)))
    assert [notice.code for notice in recording.warnings] == ["level_scaled"]
    original = tones(rate_hz=16_000, samples=48_000, channels=1)[:, 0] / 0.4 * peak / divisor
    original[:24_000] *= 0.01
    assert np.abs(recording.samples[0] - original)[100:23_500].max() < 1e-4
    assert np.abs(recording.samples[0] - original)[24_100:-100].max() < 0.01


@pytest.mark.parametrize("level", [1e-3, 1e-4, 1e-5])
def test_floats_that_are_far_too_soft_are_made_louder(level):
    sound = tones(rate_hz=16_000, samples=32_000, channels=1)
    soft = read_recording(io.BytesIO(encoded(level * sound, rate_hz=16_000, kind=FLOAT_KIND)))
    assert 0.1 < float(np.abs(soft.samples).max()) <= 1.0
    assert np.corrcoef(soft.samples[0].astype(float), sound[:, 0])[0, 1] > 0.999


def test_two_calls_at_once_do_not_interfere():
    files = [encoded(np.random.default_rng(i).uniform(-0.5, 0.5, (40_000, 2))) for i in range(2)]
    alone = [read_recording(io.BytesIO(data)).samples.tobytes() for data in files]
    barrier = threading.Barrier(2)

    def read(index):
        barrier.wait()
        return [read_recording(io.BytesIO(files[index])).samples.tobytes() for _ in range(5)]

    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(read, range(2)))
    assert together == [[sound] * 5 for sound in alone]


def test_damaged_files_are_read_or_refused():
    for name, data in mutated_files(300, seed=2024):
        try:
            recording = read_recording(io.BytesIO(data), file_name=name)
        except CallFileError as error:
            assert name in str(error)
        else:
            assert recording.samples.shape[1] > 0
            assert np.isfinite(recording.samples).all()
