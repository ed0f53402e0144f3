"""The one tree of errors: what went wrong, how far the call got, and whether trying again can help.

    KISError
    +- ConfigurationError        the settings are wrong; nothing was sent
    +- InvalidRequestError       refused by us before any call
    |  +- NotOnPaperError        paper trading has no such API
    +- AuthenticationError       the keys were not accepted
    |  +- AccessTokenError       the access token was not accepted; a new one may be
    +- RateLimitError            no slot in time, or the server's limit was hit (also a TimeoutError)
    +- RequestRefusedError       KIS answered no: cash, hours, price, account
    +- ServerError               KIS answered, but not with something usable
    |  +- StaleCursorError       the pages changed while they were read
    +- NetworkError              no answer (also a builtin ConnectionError)
    +- OrderUncertainError       an order that may or may not have reached the exchange
    +- JournalError              the journal of orders cannot be written, so none is sent
    +- BrokerClosedError         the broker was closed

No error holds a header, a body or a secret, and every one can be pickled.

This room changes when there is a new way to fail.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any


class Reach(str, enum.Enum):
    """How far a call got before it failed."""

    NOT_EXECUTED = "not executed"  # it never left, or the gateway turned it away unread
    REFUSED = "refused"  # KIS looked at it and said no
    MAYBE_EXECUTED = "maybe executed"  # nobody can tell from here


class KISError(Exception):
    """Base of every error of kis-sync.

    ``message`` says what happened, ``code`` is KIS's ``msg_cd`` or ``error_code`` (or ``None``),
    ``endpoint`` the name of the API, ``http_status`` the status of the answer (or ``None``),
    ``reach`` how far the call got, ``can_retry`` whether the same read can succeed when repeated.
    """

    default_reach = Reach.NOT_EXECUTED
    default_can_retry = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        endpoint: str | None = None,
        http_status: int | None = None,
        reach: Reach | None = None,
        can_retry: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.endpoint = endpoint
        self.http_status = http_status
        self.reach = self.default_reach if reach is None else reach
        self.can_retry = self.default_can_retry if can_retry is None else can_retry

    def conceal(self, hide: Callable[[str], str]) -> None:
        """Pass what the server may have written through ``hide``; a code that it changes is left out."""
        self.message = hide(self.message)
        self.args = (self.message,)
        if self.code is not None and hide(self.code) != self.code:
            self.code = None

    def __str__(self) -> str:
        facts = [self.endpoint, self.code, f"HTTP {self.http_status}" if self.http_status else None]
        told = ", ".join(fact for fact in facts if fact)
        return f"{self.message} ({told})" if told else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, dict(self.__dict__))


def _rebuild(kind: type[KISError], message: str, state: dict[str, Any]) -> KISError:
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class ConfigurationError(KISError):
    """The settings cannot work; every fault is listed, and nothing was sent."""


class InvalidRequestError(KISError, ValueError):
    """Refused by kis-sync before any call: the message says what was expected."""


class NotOnPaperError(InvalidRequestError):
    """Paper trading does not offer this API; nothing was sent."""


class AuthenticationError(KISError):
    """The keys were not accepted, or no usable access token can be had."""

    default_reach = Reach.REFUSED


class AccessTokenError(AuthenticationError):
    """The gateway did not accept the access token: the call was not executed."""

    default_reach = Reach.NOT_EXECUTED


class RateLimitError(KISError, TimeoutError):
    """No slot became free in time, or the server's own limit was hit: the call was not executed."""

    default_can_retry = True


class RequestRefusedError(KISError):
    """KIS understood the call and refused it."""

    default_reach = Reach.REFUSED


class ServerError(KISError):
    """The server answered, but failed or sent something unreadable."""

    default_reach = Reach.MAYBE_EXECUTED
    default_can_retry = True


class StaleCursorError(ServerError):
    """The server no longer knows the page that was asked for; reading starts again at the first."""

    default_can_retry = False


class NetworkError(KISError, ConnectionError):
    """No answer: the connection failed, broke or timed out."""

    default_reach = Reach.MAYBE_EXECUTED
    default_can_retry = True


class OrderUncertainError(KISError):
    """An order that may or may not have reached the exchange; it was not, and must not be, sent again.

    ``order_request`` is what was asked for, as text; ``order`` the order as the journal has it, whose
    ``client_order_id`` names it from now on. ``broker.recover()`` settles it as soon as KIS's lists allow.
    """

    default_reach = Reach.MAYBE_EXECUTED

    def __init__(
        self, message: str, *, order_request: str | None = None, order: Any = None, **facts: Any
    ) -> None:
        super().__init__(message, **facts)
        self.order_request = order_request
        self.order = order


class JournalError(KISError):
    """The journal of orders cannot be written; an order that was not sent yet is not sent."""


class BrokerClosedError(KISError):
    """The broker was closed; make a new one."""
