"""Permission to send: at most so many calls in any second, handed out first come, first served.

``bucket`` is what a caller waits in, ``slots`` the arithmetic of what is free when, ``lowering`` the
answer to a server that refuses all the same, ``registry`` one bucket per app key and server. This room
changes when the way of counting calls changes.
"""

from kis_sync.ratelimit.bucket import BucketStats, Slot, TokenBucket
from kis_sync.ratelimit.registry import shared_bucket

__all__ = ["BucketStats", "Slot", "TokenBucket", "shared_bucket"]
