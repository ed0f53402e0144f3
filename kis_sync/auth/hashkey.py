"""The hash key of an order: asked from the server for the very body that is sent.

This room changes when KIS changes its hash keys.
"""

from __future__ import annotations

from kis_sync.envelope import Envelope
from kis_sync.errors import Reach, ServerError


def read_hashkey(envelope: Envelope) -> str:
    """The hash key from an answer of /uapi/hashkey; ``ServerError`` when it holds none."""
    value = envelope.top().text("HASH")
    if not value or not value.isascii() or not value.isalnum():
        raise ServerError(
            "the answer holds no hash key, so the order was not sent",
            endpoint=envelope.endpoint,
            reach=Reach.NOT_EXECUTED,
        )
    return value
