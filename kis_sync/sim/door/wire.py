"""Requests and answers as values, and the shapes that KIS gives its answers.

This room changes when KIS changes its envelope or its headers.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, unquote

JSON_TYPE = "application/json; charset=utf-8"
MESSAGE_WIDTH = 80
"""KIS pads ``msg1`` of account answers with blanks to this many characters."""

_ORIGIN = re.compile(r"^https?://[^/?#]*", re.IGNORECASE)


class Cut(str, enum.Enum):
    """How a door breaks off instead of answering properly."""

    DROP = "drop"  # close the connection without a byte
    RESET = "reset"  # the same with a TCP reset
    HALF = "half"  # the whole head, half of the body, then close


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request: header names in lower case, query names in upper case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def parse(cls, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Request:
        """A request from what stands on the wire.

        Repeated slashes, percent-encoding and the case of names do not matter.
        """
        where, _, asked = _ORIGIN.sub("", target).partition("#")[0].partition("?")
        path = "/" + "/".join(part for part in unquote(where).split("/") if part)
        query = {name.upper(): value for name, value in parse_qsl(asked, keep_blank_values=True)}
        return cls(
            method,
            path,
            query,
            {name.lower(): " ".join(value.split()) for name, value in headers.items()},
            body,
        )

    def header(self, name: str) -> str:
        """The value of a header, blank when it was not sent."""
        return self.headers.get(name, "")

    def json_object(self) -> dict[str, Any] | None:
        """The body as a JSON object, or ``None`` when it is not one."""
        try:
            loaded = json.loads(self.body)
            if b"\\u" in self.body:
                encode(loaded)  # half a surrogate pair can be written in JSON, but is no text
        except (ValueError, RecursionError):
            return None
        return loaded if isinstance(loaded, dict) else None


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer; ``msg_cd`` repeats the body's code, ``cut`` asks the door to break off."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    msg_cd: str = ""
    tr_cont: str = ""
    cut: Cut | None = None
    is_refusal: bool = False

    def with_cut(self, cut: Cut) -> Response:
        """The same answer, to be broken off."""
        return replace(self, cut=cut)


def encode(content: Mapping[str, Any]) -> bytes:
    """JSON as KIS sends it: UTF-8, Korean unescaped, no blanks between the parts."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def success(
    content: Mapping[str, Any], msg_cd: str, msg1: str, *, tr_cont: str = "", padded: bool = False
) -> Response:
    """An answer with ``rt_cd`` 0: outputs first, then the envelope, as in the documented examples."""
    msg1 = msg1.ljust(MESSAGE_WIDTH) if padded else msg1
    body = encode({**content, "rt_cd": "0", "msg_cd": msg_cd, "msg1": msg1})
    return Response(200, body, msg_cd=msg_cd, tr_cont=tr_cont)


class RefusalError(Exception):
    """A request that is answered with a refusal; raised anywhere below the app, answered by it."""

    def __init__(
        self, msg_cd: str, msg1: str, *, rt_cd: str = "1", status: int = 500, padded: bool = False
    ) -> None:
        super().__init__(f"{msg_cd} {msg1}")
        self.msg_cd = msg_cd
        self.msg1 = msg1.ljust(MESSAGE_WIDTH) if padded else msg1
        self.rt_cd = rt_cd
        self.status = status

    def response(self) -> Response:
        """The refusal in the envelope of the REST calls."""
        body = encode({"rt_cd": self.rt_cd, "msg_cd": self.msg_cd, "msg1": self.msg1})
        return Response(self.status, body, msg_cd=self.msg_cd, is_refusal=True)


class OAuthRefusalError(RefusalError):
    """A refusal by tokenP, revokeP or Approval, which have an envelope of their own."""

    def __init__(self, error_code: str, description: str) -> None:
        super().__init__(error_code, description, status=403)

    def response(self) -> Response:
        """The refusal in the envelope of the OAuth calls."""
        body = encode({"error_description": self.msg1, "error_code": self.msg_cd})
        return Response(self.status, body, msg_cd=self.msg_cd, is_refusal=True)
