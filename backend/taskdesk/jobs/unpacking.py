"""Unpack what RQ stores compressed, within a limit: a few kilobytes in Redis could become gigabytes of memory."""

from __future__ import annotations

import zlib
from types import SimpleNamespace

import rq.job
import rq.results

MAX_UNPACKED_BYTES = 32_000_000
_CUT_BYTES = 100_000


class TooLarge(zlib.error):
    """Raised for data that is larger than MAX_UNPACKED_BYTES."""


def unpack(data: bytes) -> bytes:
    """Return the unpacked data. Raises TooLarge, or another zlib.error if it is damaged."""
    unpacker = zlib.decompressobj()
    unpacked = unpacker.decompress(data, MAX_UNPACKED_BYTES + 1)
    if len(unpacked) > MAX_UNPACKED_BYTES:
        raise TooLarge(f"it has more than {MAX_UNPACKED_BYTES:,} bytes")
    if not unpacker.eof:
        raise zlib.error("it is incomplete")
    return unpacked


def bound_rq() -> None:
    """Apply the limit to RQ's own classes in this process. They get the beginning of larger data."""
    bounded = SimpleNamespace(compress=zlib.compress, decompress=_unpack_or_cut, error=zlib.error)
    for module in (rq.job, rq.results):
        vars(module)["zlib"] = bounded


def _unpack_or_cut(data: bytes) -> bytes:
    try:
        return unpack(data)
    except TooLarge:
        return zlib.decompressobj().decompress(data, _CUT_BYTES)
