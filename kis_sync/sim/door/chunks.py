"""Request bodies that are sent in chunks, as many clients send theirs.

This room changes when HTTP changes how a body is sent in chunks.
"""

from __future__ import annotations

import re
from io import BufferedIOBase

_LINE_LIMIT = 256  # bytes of a size with its extensions; nobody sends any
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")


class BadChunkError(ValueError):
    """The bytes are no chunks."""


class TooLongError(ValueError):
    """The chunks are together longer than allowed."""


def read_chunks(source: BufferedIOBase, limit: int) -> bytes | None:
    """The bytes of all chunks together, ``None`` when the other side stopped before the last one.

    Extensions of a size are passed over. Raises ``BadChunkError`` for a wrong size, a chunk that does not
    end where its size says, and trailers (which no client of KIS has a use for); ``TooLongError`` for more
    than ``limit`` bytes, before they are read.
    """
    body = bytearray()
    while (size := _read_size(source)) is not None:
        if len(body) + size > limit:
            raise TooLongError
        chunk = source.read(size)
        ending = source.read(2)
        if len(chunk) < size or len(ending) < 2:
            return None
        if ending != b"\r\n":
            raise BadChunkError
        if not size:
            return bytes(body)
        body += chunk
    return None


def _read_size(source: BufferedIOBase) -> int | None:
    line = source.readline(_LINE_LIMIT)
    found = _SIZE_LINE.fullmatch(line)
    if found:
        return int(found[1], 16)
    if len(line) < _LINE_LIMIT and not line.endswith(b"\n"):
        return None
    raise BadChunkError
