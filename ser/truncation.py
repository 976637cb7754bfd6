"""Does a file end before its container says so?

FFmpeg reads WAV, MP3, Ogg and WebM files that were cut off in the middle without a complaint. Their
headers tell, so that no answer is given on half a recording. What cannot be told (a stream of
frames without any length, a cut exactly between two pages, a million parts) counts as whole.
"""

import os
from pathlib import Path
from typing import BinaryIO

_SLACK_BYTES = 64  # some recorders count the header into the length of the sound
_RIFF_UNKNOWN_BYTES = 0x7FFF_0000  # written by programs that could not go back to the header
_MOST_PARTS = 1_000_000  # of a container; half an hour has a tenth of that
_OGG_PAGE_BYTES = 27 + 255 + 255 * 255  # header, lacing values, longest body
_EBML_SEGMENT, _EBML_CLUSTER = 0x18538067, 0x1F43B675


def is_cut_off(path: Path) -> bool:
    """True when the end of the file at `path` is known to be missing."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(12)
        if head[:4] == b"RIFF" and head[8:] == b"WAVE":
            return _is_wav_cut_off(file, size)
        if head[:4] == b"OggS":
            return _is_ogg_cut_off(file, size)
        if head[:4] == b"\x1a\x45\xdf\xa3":
            return _is_webm_cut_off(file, size)
        if head[4:8] == b"ftyp":
            return _is_mp4_cut_off(file, size)
        return _is_mp3_cut_off(file, size)


def _is_wav_cut_off(file: BinaryIO, size: int) -> bool:
    """RIFF: four letters, length (little endian), body padded to an even length."""
    position = 12
    for _ in range(_MOST_PARTS):
        if position + 8 > size:
            return True  # the header ends before the sound begins
        file.seek(position)
        kind, length = file.read(4), int.from_bytes(file.read(4), "little")
        position += 8
        if kind == b"data":
            return length < _RIFF_UNKNOWN_BYTES and position + length > size + _SLACK_BYTES
        position += length + length % 2
    return False


def _is_mp3_cut_off(file: BinaryIO, size: int) -> bool:
    """MP3: the first frame, behind an ID3 tag or not, may tell the bytes of all (Xing header)."""
    file.seek(0)
    start = 0
    tag = file.read(10)
    if tag[:3] == b"ID3" and len(tag) == 10:
        seven_bits = tag[6] << 21 | tag[7] << 14 | tag[8] << 7 | tag[9]
        start = 10 + seven_bits
        if start > size:
            return True
    file.seek(start)
    frame = file.read(64)  # header, side information of up to 32 bytes, Xing header
    xing = max(frame.find(b"Xing"), frame.find(b"Info"))
    if frame[:1] != b"\xff" or xing < 0 or len(frame) < xing + 16 or not frame[xing + 7] & 2:
        return False
    field = xing + 8 + 4 * (frame[xing + 7] & 1)  # the number of frames may come first
    return start + int.from_bytes(frame[field : field + 4], "big") > size + _SLACK_BYTES


def _is_ogg_cut_off(file: BinaryIO, size: int) -> bool:
    """Ogg: a page holds a 27-byte header, the number and the values of its lacing, the body."""
    file.seek(max(0, size - _OGG_PAGE_BYTES))
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    if not page.startswith(b"OggS"):
        return False
    lacing = page[27 : 27 + page[26]] if len(page) > 26 else b""
    return len(page) < 27 or len(lacing) < page[26] or len(page) < 27 + page[26] + sum(lacing)


def _is_webm_cut_off(file: BinaryIO, size: int) -> bool:
    """EBML: elements of id, length and body. Browsers leave the lengths of the outer ones open."""
    position = 0
    for _ in range(_MOST_PARTS):
        if position >= size:
            return position > size
        file.seek(position)
        header = file.read(12)
        id_bytes = 9 - header[0].bit_length()
        if id_bytes > 4:
            return False  # no element: something was appended
        if len(header) <= id_bytes:
            return True
        length_bytes = 9 - header[id_bytes].bit_length()
        if length_bytes > 8:
            return False
        position += id_bytes + length_bytes
        coded = int.from_bytes(header[id_bytes : id_bytes + length_bytes], "big")
        unknown = 2 ** (7 * length_bytes) - 1
        length = coded & unknown
        if length != unknown:
            position += length
        elif int.from_bytes(header[:id_bytes], "big") not in (_EBML_SEGMENT, _EBML_CLUSTER):
            return False
    return False


def _is_mp4_cut_off(file: BinaryIO, size: int) -> bool:
    """MP4: boxes of length (big endian), four letters, body; length 1: 8 more bytes hold it."""
    position = 0
    for _ in range(_MOST_PARTS):
        if position + 8 > size:
            return position > size
        file.seek(position)
        length = int.from_bytes(file.read(4), "big")
        if length == 1:
            file.seek(position + 8)
            length = int.from_bytes(file.read(8), "big")
        if length < 8:
            return False  # reaches to the end of the file, or something was appended
        position += length
    return False
