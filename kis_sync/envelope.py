"""KIS's answer, opened: success with its outputs, or the error that it stands for.

KIS reports failures as HTTP 500 with JSON, as HTTP 200 with an ``rt_cd`` other than "0", and as
``error_code`` on OAuth paths. This room changes when the form of KIS's answers changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import NamedTuple

from kis_sync.catalog.codes import Meaning, meaning
from kis_sync.clock import KST
from kis_sync.errors import (
    AccessTokenError,
    AuthenticationError,
    KISError,
    RateLimitError,
    Reach,
    RequestRefusedError,
    ServerError,
    StaleCursorError,
)
from kis_sync.values import Row

_EXCERPT = 120
_LONG_RUN = re.compile(r"[\w+/=.\-\\]{20,}")  # long enough to be a key, a token or a hash (JSON has \/ for /)
_CODE = re.compile(r"[0-9A-Z]{1,8}")  # those of paper trading are eight digits, as an account number is
_PLAIN_WORDS = re.compile(r"[^\W\d_A-Z]{0,24}(?:[._/\-]+[^\W\d_A-Z]{0,24})*")
_CUT_RUN = re.compile(r"[\w+/=.\-\\]*\Z")
_LONG_NUMBER = re.compile(r"\d{8,}")  # long enough to be an account number
_OUTPUT = re.compile(r"(?i)output[0-9a-z_]{0,6}")  # a name too may be what a server makes up
_LETTER = re.compile(r"[0-9A-Za-z]")
_PIECE = 8  # letters and digits: a whole account number, and too many of a key to tell


class Envelope(NamedTuple):
    """A successful answer: its body, paging word, and when the server says that it answered."""

    endpoint: str
    body: Mapping[str, object]
    tr_cont: str = ""
    date: str | None = None

    def __repr__(self) -> str:
        """Without the body, which may hold an access token or an account number."""
        outputs = [name for name in self.body if _OUTPUT.fullmatch(name)]
        return f"Envelope({self.endpoint}, outputs={outputs})"

    @property
    def answered_at(self) -> datetime | None:
        """The ``Date`` header as an aware datetime in KST, ``None`` when absent or unreadable."""
        return server_time(self.date)

    @property
    def has_more(self) -> bool:
        """Whether another page follows."""
        return self.tr_cont in ("F", "M")

    def top(self) -> Row:
        """The answer's own fields, beside its outputs."""
        return Row(self.body, self.endpoint)

    def row(self, name: str) -> Row:
        """An output that is one object (a list of exactly one is taken too)."""
        value = self._output(name)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, dict):
            raise ServerError(f"the answer's {name} is not an object", endpoint=self.endpoint)
        return Row(value, self.endpoint)

    def rows(self, name: str) -> list[Row]:
        """An output that is a list of objects."""
        value = self._output(name)
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise ServerError(f"the answer's {name} is not a list of objects", endpoint=self.endpoint)
        return [Row(each, self.endpoint) for each in value]

    def _output(self, name: str) -> object:
        return self.body[name] if name in self.body else self.body.get(name.capitalize())


@lru_cache(maxsize=8)  # a header has whole seconds, and is asked about twice for each answer
def server_time(date: str | None) -> datetime | None:
    """A ``Date`` header as an aware datetime in KST; ``None`` when it cannot be read or is of another age."""
    if not date:
        return None
    try:
        at = parsedate_to_datetime(date).astimezone(KST)
    except (ValueError, OverflowError):
        return None
    return at if 2000 <= at.year < 9000 else None  # beyond lie years that cannot be written, or reckoned with


def opened(
    endpoint: str,
    status: int,
    content: bytes,
    *,
    tr_cont: str = "",
    date: str | None = None,
    quotes: bool = True,
) -> Envelope:
    """The envelope of a successful answer; raises the error that any other answer stands for.

    The error quotes the beginning of what is no JSON, unless ``quotes`` is off.
    """
    if status in (301, 302, 303, 307, 308):
        raise ServerError(
            "the server answered with a redirect, which is not followed",
            endpoint=endpoint,
            http_status=status,
        )
    body = _json_object(endpoint, status, content, quotes)
    code = _failure_code(body)
    if code is None and 200 <= status < 300:
        return Envelope(endpoint, body, tr_cont.strip().upper(), date)
    raise _failure(endpoint, status, code or None, _reason(body))


def _json_object(endpoint: str, status: int, content: bytes, quotes: bool) -> dict[str, object]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        what = "something that is not JSON" if content.strip() else "nothing"
    else:
        if isinstance(body, dict):
            return body
        what = "JSON that is not an object"
    if quotes and content.strip():
        what += f": {excerpt(content)}"
    raise _unusable(endpoint, status, f"the server sent {what}")  # out here: json's error holds the body


def _unusable(endpoint: str, status: int, message: str) -> KISError:
    if status == 404:
        return RequestRefusedError(
            "the server does not know this path",
            endpoint=endpoint,
            http_status=status,
            reach=Reach.MAYBE_EXECUTED,  # something on the way may have said so
        )
    return ServerError(message, endpoint=endpoint, http_status=status)


def _failure_code(body: Mapping[str, object]) -> str | None:
    """The failure code, "" when KIS gave none; ``None`` means success."""
    if "error_code" in body:
        return _code(body, "error_code")
    if body.get("rt_cd") == "0":
        return None
    return _code(body, "msg_cd") if "rt_cd" in body and _text(body, "rt_cd") != "0" else None


def _reason(body: Mapping[str, object]) -> str:
    """What KIS says about a failure."""
    if "error_code" in body:
        return _text(body, "error_description")
    return _text(body, "msg1") or _text(body, "msg")


def _code(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    code = value.strip() if isinstance(value, str) else ""
    return code if _CODE.fullmatch(code) else _text(body, name)


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    if isinstance(value, int):
        value = str(value)
    return _on_one_line(masked(value))[:200] if isinstance(value, str) else ""


_KIND: dict[Meaning, tuple[type[KISError], Reach, bool]] = {
    Meaning.OVER_THE_LIMIT: (RateLimitError, Reach.NOT_EXECUTED, True),
    Meaning.OVER_THE_LEDGER_LIMIT: (RateLimitError, Reach.REFUSED, True),
    Meaning.BAD_ACCESS_TOKEN: (AccessTokenError, Reach.NOT_EXECUTED, False),
    Meaning.BAD_KEYS: (AuthenticationError, Reach.REFUSED, False),
    Meaning.REFUSED: (RequestRefusedError, Reach.REFUSED, False),
    Meaning.STALE_PAGE: (StaleCursorError, Reach.MAYBE_EXECUTED, False),
    Meaning.TROUBLE: (ServerError, Reach.MAYBE_EXECUTED, True),
}


def _failure(endpoint: str, status: int, code: str | None, message: str) -> KISError:
    kind, reach, can_retry = _KIND.get(meaning(code)) or _by_status(status)
    if kind is AuthenticationError and reach is Reach.REFUSED:
        message += " Check app_key and app_secret, and that they are keys of this mode (live or paper)."
    return kind(
        message or "the server gave no reason",
        code=code,
        endpoint=endpoint,
        http_status=status,
        reach=reach,
        can_retry=can_retry,
    )


def _by_status(status: int) -> tuple[type[KISError], Reach, bool]:
    """What an answer without a listed code is worth: never proof that an order did not run."""
    if status == 429:
        return RateLimitError, Reach.MAYBE_EXECUTED, True
    if status in (401, 403):
        return AuthenticationError, Reach.MAYBE_EXECUTED, False
    if status >= 500:
        return ServerError, Reach.MAYBE_EXECUTED, True
    return RequestRefusedError, Reach.MAYBE_EXECUTED, False


def masked(text: str) -> str:
    """The text without anything long enough to be a key, a token or an account number."""
    return _LONG_NUMBER.sub("***", _LONG_RUN.sub(_unless_plain_words, text))


def _unless_plain_words(run: re.Match[str]) -> str:
    """A path or the name of an API is made of lower-case words; a key, a token or a hash is not."""
    return run.group() if _PLAIN_WORDS.fullmatch(run.group()) else "***"


def concealed(text: str, secrets: Sequence[str]) -> str:
    """The text without any of ``secrets``: whole or a piece, in either case, whatever divides its letters."""
    places = [at for at, letter in enumerate(text) if _LETTER.fullmatch(letter)]
    bare = "".join(text[at] for at in places).lower()
    hidden: list[tuple[int, int]] = []
    for first in _places_of_pieces(bare, secrets):
        start, end = places[first], places[first + _PIECE - 1] + 1
        if hidden and start < hidden[-1][1]:
            start = hidden.pop()[0]
        hidden.append((start, end))
    for start, end in reversed(hidden):
        text = f"{text[:start]}***{text[end:]}"
    for secret in secrets:
        text = text.replace(secret, "***")  # one shorter than a piece
    return text


def _places_of_pieces(bare: str, secrets: Sequence[str]) -> list[int]:
    """Where in ``bare``, letters in lower case, a piece of a secret begins."""
    pieces = {
        letters[at : at + _PIECE]
        for letters in ("".join(_LETTER.findall(secret)).lower() for secret in secrets)
        for at in range(len(letters) - _PIECE + 1)
    }
    return [at for at in range(len(bare) - _PIECE + 1) if bare[at : at + _PIECE] in pieces]


def excerpt(content: bytes) -> str:
    """The beginning of an unreadable body, on one line, with nothing in it that could be a secret."""
    text = content[: 4 * _EXCERPT].decode("utf-8", "replace")
    if len(content) > 4 * _EXCERPT:
        text = _CUT_RUN.sub("", text)  # the rest of a secret may lie behind the cut
    return repr(_on_one_line(_LONG_NUMBER.sub("***", _LONG_RUN.sub("***", text)))[:_EXCERPT])


def _on_one_line(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
