"""What a file is by how it begins, and where that is: behind a tag, or what was sent before it."""

from __future__ import annotations

import re

from calmscore.audio.joined_files import Readable

# What libsndfile reads best, and what FFmpeg does: joined files to their true end, for one.
SNDFILE_MARKS = re.compile(
    rb"RIFF|RIFX|RF64|BW64|riff|FORM|\.snd|dns\.|fLaC|NIST|2BIT|PVF1|fap | paf"
    rb"|\x64\xa3[\x01-\x04]\x00|\x00[\x01-\x04]\xa3\x64"
)
_FFMPEG_MARKS = re.compile(
    rb"OggS|ID3|....ftyp|....mdat|....moov|\x1a\x45\xdf\xa3|\x30\x26\xb2\x75|#!AMR|caff|FLV\x01"
    rb"|TTA[12]|wvpk|MAC |ADIF|\x0b\x77|Creative Voi|\.RMF|\.ra\xfd|nut/multimedia|\0\0\x01\xba"
    rb"|#!iLBC|\x02dss|\x03ds2|tBaK|MPCK|MP\+|ajkg|\x7f\xfe\x80\x01|....\xf8\x72\x6f"
    rb"|G.{187}G.{187}G",
    re.DOTALL,
)
# Marks that are long enough to be looked for amid anything.
_LONG_MARKS = re.compile(
    rb"RI(?:FF|FX)....WAVE|(?:RF|BW)64....WAVE|FORM....AIF[FC]|fLaC[\0\x80]\0\0\x22|OggS\0\x02"
    rb"|\0\0\0[\x10-\x40]ftyp|ID3[\x02-\x04]\0|\x1a\x45\xdf\xa3.{,40}(?:webm|matroska)"
    rb"|caff\0\x01\0\0|riff\x2e\x91\xcf\x11|\.snd\0\0.{6}\0\0\0[\x01-\x1b]",
    re.DOTALL,
)
_LOOKED_AT_BYTES, _FRAMES_WITHIN = 1 << 16, 1 << 12
_TAG_HEAD_BYTES, _MOST_TAGS = 10, 10
_FRAME_BYTES = re.compile(rb"\xff[\xe2-\xff]")
# So many frames in a row are no chance; fewer are enough where a file begins with them.
_LEAST_FRAMES, _LEAST_FRAMES_AMID = 4, 8
_ADTS_HEAD_BYTES = 7
_MPEG_RATES_HZ = ((11_025, 12_000, 8_000), (), (22_050, 24_000, 16_000), (44_100, 48_000, 32_000))
_LAYER_3, _LAYER_2, _LAYER_1 = 1, 2, 3
_BIT_RATES = {
    (True, _LAYER_1): tuple(range(32, 449, 32)),
    (True, _LAYER_2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, _LAYER_3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, _LAYER_1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, _LAYER_2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def first_bytes(stream: Readable) -> bytes:
    """Return the beginning of a stream, enough of it to tell what it is."""
    stream.seek(0)
    return stream.read(_LOOKED_AT_BYTES)


def sound_start(stream: Readable) -> int:
    """Return where the file begins that a decoder knows.

    Parameters
    ----------
    stream : binary file object
        Anything; left anywhere.

    Returns
    -------
    int
        0 of most files, and where nothing is known to begin. Else what stands before it is a tag
        that belongs to MP3 alone, the head of an answer of a server, of an e-mail, or nothing.
    """
    first = first_bytes(stream)
    if first.startswith(b"ID3"):
        start = _after_tags(stream)
        stream.seek(start)
        return start if is_known(stream.read(_LOOKED_AT_BYTES)) else 0
    if is_known(first):
        return 0
    if found := _LONG_MARKS.search(first):
        return found.start()
    for frame in _FRAME_BYTES.finditer(first, 0, _FRAMES_WITHIN):
        if _has_frames(first[frame.start() :], least=_LEAST_FRAMES_AMID):
            return frame.start()
    return 0


def is_known(first: bytes) -> bool:
    """Tell whether a file begins as one of a form that libsndfile or FFmpeg finds out by itself."""
    return bool(SNDFILE_MARKS.match(first) or _FFMPEG_MARKS.match(first)) or _has_frames(
        first, least=_LEAST_FRAMES
    )


def _after_tags(stream: Readable) -> int:
    start = 0
    for _ in range(_MOST_TAGS):
        stream.seek(start)
        head = stream.read(_TAG_HEAD_BYTES)
        if len(head) < _TAG_HEAD_BYTES or not head.startswith(b"ID3"):
            break
        # Four times seven bits.
        length = sum(
            (byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True)
        )
        start += _TAG_HEAD_BYTES + length
    return start


def _has_frames(data: bytes, *, least: int) -> bool:
    """Tell whether data begins with frames of MPEG, one behind the other, as an MP3 does."""
    position, count, kind = 0, 0, None
    while count < least:
        head = data[position : position + _ADTS_HEAD_BYTES]
        length = _frame_length(head)
        if not length or kind not in (None, head[1] & 0xFE):
            return count > 1 and not head
        kind = head[1] & 0xFE
        position += length
        count += 1
    return True


def _frame_length(head: bytes) -> int:
    """Return the bytes of a frame of MPEG audio, or of AAC; 0 of anything else."""
    if len(head) < _ADTS_HEAD_BYTES or head[0] != 0xFF or head[1] < 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    if layer == 0:
        known = head[1] & 0xF6 == 0xF0 and head[2] >> 2 & 15 < 13
        length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        return length if known and length > _ADTS_HEAD_BYTES else 0
    first = version == 3
    bit_rate, rate = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or bit_rate in (0, 15) or rate == 3:
        return 0
    # What is no first version has its second and third layers in common.
    of_layer = layer if first else max(layer, _LAYER_2)
    bits = 1000 * _BIT_RATES[first, of_layer][bit_rate - 1]
    rate_hz, padded = _MPEG_RATES_HZ[version][rate], head[2] >> 1 & 1
    if layer == _LAYER_1:
        return 4 * (12 * bits // rate_hz + padded)
    return (144 if first or layer == _LAYER_2 else 72) * bits // rate_hz + padded
