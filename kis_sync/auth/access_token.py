"""The access token of an app key: issued once for all threads, processes and notebooks, renewed ahead.

The check is made twice: without the lock, which costs nothing while the token is good, and again inside
it. Lock order, everywhere: this lock, then the file's, then a slot; never the other way round. This room
changes when KIS changes its rules of issuing.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from kis_sync.auth.store import Issued, TokenStore
from kis_sync.catalog.codes import ISSUED_LESS_THAN_A_MINUTE_AGO
from kis_sync.clock import KST, Clock
from kis_sync.envelope import Envelope
from kis_sync.errors import AuthenticationError, KISError, ServerError

_log = logging.getLogger("kis_sync")

Issue = Callable[[], Envelope]

_RENEW_AHEAD = timedelta(minutes=30)  # a token lives a day; KIS returns the same one for six hours
_NEVER_USE_WITHIN = timedelta(seconds=30)  # of its end: clocks differ
_RETRY_RENEWAL_AFTER = 61.0  # seconds
_CLOCKS_AGREE = timedelta(seconds=5)
_A_MINUTE = 61.0  # KIS issues once a minute; a second more for clocks and the way
_LONGEST_BACK_OFF = 1800.0
_WAITS_FOR_THE_MINUTE = 2


class _Refusals:
    """The access token that the server last no longer knew, how many it refused in a row, and until when
    asking for another is no use.
    """

    def __init__(self) -> None:
        self.value = ""
        self.in_a_row = 0
        self.no_issue_before = 0.0


class AccessToken:
    """One app key's access token on one server; ``ensure`` gives one that can be used now."""

    def __init__(self, store: TokenStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._current: Issued | None = None
        self._renew_not_before = 0.0
        self._refused = _Refusals()

    def ensure(self, issue: Issue) -> str:
        """The access token, issued through ``issue`` if there is none that lasts.

        Raises ``AuthenticationError`` when KIS hands out none that it accepts, or what ``issue`` raises.
        """
        current = self._current
        if current is not None and self._is_fresh(current):
            return current.value
        with self._lock:
            current = self._current
            if current is not None and self._is_fresh(current):
                return current.value
            return self._renewed(issue).value

    def drop(self, value: str) -> None:
        """Say that the server no longer knows this access token; the next ``ensure`` gets another.

        When many threads say so of the same one, only the first counts. From the second refusal in a row
        on, asking for another is put off, each time twice as long.
        """
        with self._lock:
            if self._current is None or self._current.value != value:
                return
            self._current = None
            self._refused.value = value
            self._refused.in_a_row += 1
            if self._refused.in_a_row > 1:
                self._back_off()

    def confirm(self) -> None:
        """Say that the server accepted a call: refusals before it no longer count as in a row."""
        if self._refused.in_a_row:
            self._refused.in_a_row = 0

    def forget(self, value: str) -> None:
        """Let go of an access token that was revoked, here and on disk."""
        with self._lock:
            if self._current is not None and self._current.value == value:
                self._current = None
            self._refused.value = value
            with self._store.locked():
                self._store.forget(value)

    @property
    def value(self) -> str | None:
        """The access token at hand, ``None`` if there is none."""
        current = self._current  # read once: another thread may drop it
        return None if current is None else current.value

    def living(self) -> str | None:
        """The access token at hand or on disk that can still be used; asks nobody for another."""
        with self._lock:
            issued = self._living()
        return None if issued is None else issued.value

    def start_anew(self) -> None:
        """A lock of its own for a forked child: the parent's may be held by a thread that is not here."""
        self._lock = threading.Lock()

    def _is_fresh(self, issued: Issued) -> bool:
        left = issued.expires - self._clock.now()
        if left > _RENEW_AHEAD:
            return True
        # Renewal ahead of time has failed lately: go on with this one while it lives.
        return left > _NEVER_USE_WITHIN and self._clock.monotonic() < self._renew_not_before

    def _renewed(self, issue: Issue) -> Issued:
        """Another process's access token, or a new one; the old one while it lives if there is none."""
        stored = self._usable_from_store()
        if stored is not None:
            self._current = stored
            return stored
        with self._store.locked():
            stored = self._usable_from_store()  # another process may have been first
            if stored is None:
                try:
                    stored = self._issued(issue)
                except KISError as error:
                    stored = self._old_one(error)
                else:
                    self._store.write(stored)
                # Not yet fresh: the old one, or the same one once more, or one that soon ends.
                self._renew_not_before = self._clock.monotonic() + _RETRY_RENEWAL_AFTER
            self._current = stored
            return stored

    def _usable_from_store(self) -> Issued | None:
        stored = self._store.read()
        if stored is None or stored.value == self._refused.value or not self._is_fresh(stored):
            return None
        return stored

    def _living(self) -> Issued | None:
        """The access token that is to be renewed, be it at hand or on disk, while it can still be used."""
        if self._current is not None and self._lives(self._current):
            return self._current
        stored = self._store.read()
        return stored if stored is not None and self._lives(stored) else None

    def _lives(self, issued: Issued) -> bool:
        left = issued.expires - self._clock.now()
        return left > _NEVER_USE_WITHIN and issued.value != self._refused.value

    def _old_one(self, error: KISError) -> Issued:
        """The access token that was to be renewed, if it still lives; else the error."""
        old = self._living()
        if old is None:
            raise error
        _log.warning("the access token could not be renewed ahead of its end, the old one goes on: %s", error)
        return old

    def _issued(self, issue: Issue) -> Issued:
        wait = self._refused.no_issue_before - self._clock.monotonic()
        if wait > 0:
            raise AuthenticationError(
                "KIS keeps handing out an access token that it refuses; "
                f"asking again makes sense in {wait:.0f} s (it returns the same one for up to six hours)"
            )
        issued = self._read(self._issue_within_the_minute_rule(issue))
        if issued.value == self._refused.value:
            self._refused.in_a_row += 1
            self._back_off()
            raise AuthenticationError(
                "KIS handed out the same access token that it has just refused; it does so for up to six "
                "hours after issuing. Wait, or issue new keys on KIS's developer site"
            )
        if issued.expires - self._clock.now() <= _NEVER_USE_WITHIN:
            raise AuthenticationError(
                "KIS handed out an access token that has ended or is about to: "
                f"at {issued.expires:%Y-%m-%d %H:%M:%S} (KST)"
            )
        return issued

    def _back_off(self) -> None:
        refused = self._refused
        seconds = min(_LONGEST_BACK_OFF, _A_MINUTE * 2 ** max(0, refused.in_a_row - 2))
        refused.no_issue_before = self._clock.monotonic() + seconds

    def _issue_within_the_minute_rule(self, issue: Issue) -> Envelope:
        for _ in range(_WAITS_FOR_THE_MINUTE):
            try:
                return issue()
            except KISError as error:
                if error.code != ISSUED_LESS_THAN_A_MINUTE_AGO or self._living() is not None:
                    raise
            wait = self._rest_of_the_minute()
            _log.warning(
                "KIS issues one access token a minute and another program has just asked for one: "
                "waiting %.0f s",
                wait,
            )
            self._clock.sleep(wait)
        return issue()

    def _rest_of_the_minute(self) -> float:
        """Seconds until KIS issues again; a whole minute when nobody here knows of the last issue."""
        stored = self._store.read()
        since = _A_MINUTE if stored is None else (self._clock.now() - stored.issued).total_seconds()
        return _A_MINUTE - since if 0 <= since < _A_MINUTE else _A_MINUTE

    def _read(self, envelope: Envelope) -> Issued:
        answer = envelope.top()
        value, expires = answer.text("access_token"), answer.text("access_token_token_expired")
        now = self._clock.now()
        if not value or not value.isascii() or not value.isprintable():
            raise ServerError("the answer holds no access token", endpoint=envelope.endpoint)
        ends = _end(expires)
        if ends is None:
            lasts = answer.whole("expires_in")
            if not lasts or not 0 < lasts < 10**9:
                raise ServerError(
                    "the answer does not say when the access token ends", endpoint=envelope.endpoint
                )
            return Issued(value, now + timedelta(seconds=lasts), now)
        answered = envelope.answered_at
        if answered is not None and abs(answered - now) > _CLOCKS_AGREE:
            ends = _moved(ends, now - answered)  # its end by our clock, which is the one it is held against
        return Issued(value, ends, now)


def _end(text: str) -> datetime | None:
    """The end as KIS writes it, 2026-11-24 10:30:00 in KST; ``None`` for anything else."""
    if len(text) != len("2026-11-24 10:30:00"):
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=KST)  # strptime costs 5 ms to load
    except ValueError:
        return None


def _moved(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:  # the first or the last of all days, said by a server that means never or always
        return moment


_shared: dict[tuple[str, str, str], AccessToken] = {}
_shared_lock = threading.Lock()


def shared_access_token(
    app_key: str, server: str, folder: object, store: TokenStore, clock: Clock
) -> AccessToken:
    """The process's one access token for this app key, server and folder of its store."""
    key = (hashlib.sha256(app_key.encode()).hexdigest(), server, str(folder))
    with _shared_lock:
        if key not in _shared:
            _shared[key] = AccessToken(store, clock)
        return _shared[key]


def _start_anew_in_child() -> None:
    global _shared_lock
    _shared_lock = threading.Lock()
    for each in _shared.values():
        each.start_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew_in_child)
