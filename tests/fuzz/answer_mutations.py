"""Mutations of HTTP answers: body bytes, headers, status line, framing, and how the connection ends.

A mutated answer is a pure function of a random generator and of an answer to start from. This room changes
when there is another way in which an answer can be odd.
"""

from __future__ import annotations

import gzip
import json
import random
import zlib
from dataclasses import dataclass, field
from functools import cache

from tests.fuzz import telltale
from tests.fuzz.json_mutations import CODES, bend, bend_envelope, text_of
from tests.fuzz.memory import Plain

Header = tuple[bytes, bytes]
_LARGE = 500_000  # bytes; a body that large is bent no further as JSON, or it might grow without end


@dataclass
class Draft:
    """An answer in the making."""

    body: bytes
    status: bytes = b"HTTP/1.1 200 OK"
    headers: list[Header] = field(default_factory=list)
    before: bytes = b""
    framing: str = "length"  # or chunked, none, or said by a header
    end: str = "eof"
    kinds: list[str] = field(default_factory=list)

    @property
    def is_plain(self) -> bool:
        """Whether only the body is odd, so that http.client has nothing to find in it."""
        return {*self.kinds} <= {"json", "bytes"}

    def plain(self) -> Plain:
        """Status, headers and body of a plain answer."""
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.headers]
        return int(self.status.split()[1]), headers, self.body

    def written(self) -> bytes:
        """The bytes that go over the wire."""
        lines = [b": ".join(each) for each in self.headers]
        body = self.body
        if self.framing == "length":
            lines.append(b"Content-Length: %d" % len(body))
        elif self.framing == "chunked":
            lines.append(b"Transfer-Encoding: chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
        return self.before + b"\r\n".join([self.status, *lines, b"", body])


_DATES = (
    b"", b" ", b"Tue, 24 Nov 2026 01:30:20 GMT", b"Mon, 01 Jan 0001 00:00:00 GMT",
    b"Fri, 31 Dec 9999 23:59:59 GMT", b"Fri, 31 Dec 9999 14:59:59 GMT", b"Fri, 01 Jan 0100 00:00:00 GMT",
    b"Fri, 01 Jan 0999 00:00:00 GMT", b"Fri, 31 Dec 9999 23:59:59 -2359",
    b"Mon, 01 Jan 0001 00:00:00 +2359", b"Tue, 24 Nov 2026 01:30:20 +9999999", b"0", b"24 Nov",
    b"Tue, 32 Nov 2026 25:61:61 GMT", b"Tue, 24 Nov 99999999999 01:30:20 GMT", b"1700000000",
    b"Tue, 24 Nov 2026 01:30:20", b"Tue, 24 Nov 69 01:30:20 GMT", b"2026-11-24T01:30:20Z", b"\xff\xfe",
    b"-1", b"Tue, 24 Nov 2026 01:30:20 -0000", b"Thu, 01 Jan 1970 00:00:00 GMT",
    b"Tue, 24 Nov 1026 01:30:20 GMT", b"Tue, 24 Nov 8026 01:30:20 GMT", b",", b", ,", b"Tue,", b"::",
    b"Tue, 24 Nov \xb2 01:30:20 GMT", b"a b c d e f",
)  # fmt: skip
_TR_CONT = (
    b"",
    b" ",
    b"M",
    b"F",
    b"D",
    b"E",
    b"m",
    b"N",
    b"MM",
    b"\xff",
    b"M, M",
    b"0",
    b"None",
    b"M" * 2000,
)
_COOKIES = (
    b"a=b", b"=", b";", b"a=b; expires=" + b"9" * 30, b"a=b; max-age=" + b"9" * 400,
    b"a=b; Max-Age=-1; Path=/; Domain=.", b'a="b; Version=1; Port="99999999999"', b"a=b; domain=\xff",
    b"a=b; expires=Tue, 99-Nov-2026 99:99:99 GMT", b"a=b; version=x; port=", b"\x00=\x00",
    b"a=b, c=d; expires=Mon, 01 Jan 0001 00:00:00 GMT", b"x" * 9000,
)  # fmt: skip
_CONTENT_TYPES = (
    b"", b";", b"text/html", b"application/json; charset=utf-16", b"application/json; charset=",
    b"text/plain; charset=x", b'application/json; charset="', b"application/json;charset=\xff;x",
    b"=" * 500, b"multipart/mixed; boundary=x", b"message/rfc822", b"multipart/form-data",
    b'multipart/mixed; boundary="', b"application/json; charset*=''x",
)  # fmt: skip
_ENCODINGS = (
    b"gzip", b"deflate", b"br", b"zstd", b"identity", b"x-gzip", b"gzip, gzip", b"gzip,deflate", b"GZIP",
    b"compress", b", ".join([b"gzip"] * 50), b"\xff", b"", b"gzip;q=1", b"none",
)  # fmt: skip
_TRANSFER = (
    b"chunked",
    b"Chunked",
    b"gzip, chunked",
    b"chunked, chunked",
    b"identity",
    b"x",
    b"",
    b"chunked;x=1",
)
_LENGTHS = (
    b"0",
    b"1",
    b"-1",
    b"99999",
    b"9" * 30,
    b"x",
    b"",
    b" 5",
    b"+5",
    b"5, 5",
    b"5, 6",
    b"0x5",
    b"\xb2",
    b"1_0",
)
_LOCATIONS = (
    b"/",
    b"http://127.0.0.1:9/",
    b"https://[",
    b"//x",
    b"\xff\xfe",
    b"http://user:pass@x/",
    b"javascript:x",
)
_LINES = (
    b"no colon", b": no name", b" folded", b"x y: z", b"x:", b"\x00: \x00", b"a\rb: c", b"x: \x80\xff",
    b"X" * 200 + b": y", b"Connection: close", b"Connection: keep-alive, upgrade",
    b"Keep-Alive: timeout=-1", b"Upgrade: h2c", b"Trailer: Date", b"Retry-After: 99999999999",
    b"Retry-After: x", b"WWW-Authenticate: Basic realm=\"", b"Strict-Transport-Security: x",
)  # fmt: skip
_STATUS_LINES = (
    b"HTTP/1.1 200", b"HTTP/1.1  200  OK", b"HTTP/1.0 200 OK", b"HTTP/0.9 200 OK", b"HTTP/2 200",
    b"HTTP/9.9 200 x", b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK", b"HTTP/1.1 -1 OK", b"HTTP/1.1 000 OK",
    b"HTTP/1.1 099 x", b"HTTP/1.1 999 x", b"HTTP/1.1 \xb2\xb2\xb2 x", b"HTTP/1.1 2e2 x", b"HTTP/1.1",
    b"HTTP/1.1 OK", b"ICY 200 OK", b"", b"\r\n", b"\x16\x03\x01\x02", b"HTTP/1.1 200 " + b"x" * 70_000,
    b"HTTP/1.1 200 \xff\xfe\xb0\xa1", b"good morning", b"{}", b"http/1.1 200 ok", b"HTTP/1.1 1_0_0 x",
    b"HTTP/1.1 +200 x",
)  # fmt: skip


@cache
def bombs() -> tuple[bytes, ...]:
    """Packed bodies that grow beyond what may be read, and some that do not."""
    blanks = b" " * (20 << 20)
    return (
        gzip.compress(blanks, mtime=0),
        zlib.compress(blanks),
        gzip.compress(gzip.compress(blanks, mtime=0), mtime=0),
        gzip.compress(b"[" * 500_000, mtime=0),
    )


def generic(rng: random.Random) -> bytes:
    """An answer that KIS, or something before it, might give to any call."""
    code, way = rng.choice(CODES), rng.randrange(8)
    if way == 0:
        return json.dumps(
            {"error_code": code, "error_description": "접근토큰 발급 실패"}, ensure_ascii=False
        ).encode()
    if way == 1:
        return f"<html><body>{telltale.guise(rng)}</body></html>".encode()
    if way == 2:
        return telltale.guise(rng).encode()
    if way == 3:
        content = {
            "rt_cd": "0",
            "msg_cd": "MCA00000",
            "msg1": "정상",
            "output": {},
            "output1": [],
            "output2": [{}],
        }
        return json.dumps(content, ensure_ascii=False).encode()
    message = telltale.guise(rng) if way == 4 else "초당 거래건수를 초과하였습니다."
    content = {"rt_cd": rng.choice("127"), "msg_cd": code, "msg1": message.ljust(80)}
    return json.dumps(content, ensure_ascii=False).encode()


def _flip(rng: random.Random, body: bytes) -> bytes:
    bent = bytearray(body)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if bent:
            bent[rng.randrange(len(bent))] = rng.randrange(256)
    return bytes(bent)


def _cut(rng: random.Random, body: bytes) -> bytes:
    return body[: rng.randrange(len(body) + 1)]


def _insert(rng: random.Random, body: bytes) -> bytes:
    at = rng.randrange(len(body) + 1)
    what = rng.choice(
        (b"\x00", b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b'"', b"}", b"\\", b"\xef\xbb\xbf", b"NaN", b"  ")
    )
    return body[:at] + what + body[at:]


def _repeat(rng: random.Random, body: bytes) -> bytes:
    start = rng.randrange(len(body) + 1)
    piece = body[start : start + rng.choice((1, 8, 200))]
    return body[:start] + piece * rng.choice((2, 3, 50)) + body[start:]


def _recode(rng: random.Random, body: bytes) -> bytes:
    way = rng.randrange(7)
    text = body.decode("utf-8", "replace")
    if way == 0:
        return b"\xef\xbb\xbf" + body
    if way == 1:
        return text.encode("cp949", "replace")
    if way == 2:
        return text.encode(rng.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32")), "replace")
    if way == 3:
        return text.encode("utf-16")[: -rng.randrange(1, 4)]
    if way == 4:
        return b"\x00" + body
    if way == 5:
        return b" \r\n\t" * rng.choice((1, 100)) + body + b"\x00" * rng.choice((0, 1))
    return rng.choice((b"", b" ", b"null", b"0", b'""', b"[]", b"{}", b"NaN", b"\x00", b"\x1f\x8b"))


_BYTES = (_flip, _flip, _cut, _insert, _repeat, _recode, _recode)


def bend_bytes(rng: random.Random, body: bytes) -> bytes:
    """The bytes with some of them changed, cut, repeated, or put into another encoding."""
    return rng.choice(_BYTES)(rng, body)


def _bend_bytes(rng: random.Random, draft: Draft) -> None:
    draft.body = bend_bytes(rng, draft.body)


def _bend_json(rng: random.Random, draft: Draft) -> None:
    if len(draft.body) > _LARGE:
        return _bend_bytes(rng, draft)
    try:
        tree = json.loads(draft.body)
        changes = [bend_envelope if rng.random() < 0.25 else bend for _ in range(rng.choice((1, 1, 1, 2, 4)))]
        for change in changes:
            tree = change(rng, tree)
        draft.body = text_of(rng, tree).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        _bend_bytes(rng, draft)
    return None


def _bend_status(rng: random.Random, draft: Draft) -> None:
    way = rng.randrange(10)
    if way < 5:
        draft.status = b"HTTP/1.1 %d whatever" % rng.randrange(200, 600)
    elif way < 7:
        draft.status = b"HTTP/1.1 %d x" % rng.choice(
            (204, 301, 302, 304, 307, 401, 403, 404, 429, 500, 502, 503)
        )
    elif way < 8:
        draft.before = (
            b"HTTP/1.1 %d x\r\n\r\n" % rng.choice((100, 100, 101, 102, 103, 199)) * rng.choice((1, 2, 30))
        )
    else:
        draft.status = rng.choice(_STATUS_LINES)


def _bend_headers(rng: random.Random, draft: Draft) -> None:
    for _ in range(rng.choice((1, 1, 2, 3))):
        _bend_one_header(rng, draft)


def _bend_one_header(rng: random.Random, draft: Draft) -> None:
    way = rng.randrange(14)
    secret = telltale.guise(rng).encode("utf-8", "replace")
    if rng.random() < 0.8:
        secret = secret.replace(b"\n", b" ")
    choices: tuple[tuple[bytes, bytes], ...] = (
        (b"tr_cont", rng.choice(_TR_CONT)),
        (b"tr_cont", rng.choice(_TR_CONT)),
        (b"Date", rng.choice(_DATES)),
        (b"Date", rng.choice(_DATES)),
        (b"Set-Cookie", rng.choice(_COOKIES)),
        (b"Content-Type", rng.choice(_CONTENT_TYPES)),
        (b"Location", rng.choice(_LOCATIONS)),
        (
            rng.choice((b"Location", b"Date", b"tr_cont", b"Set-Cookie", b"x", b"Content-Type", b"tr_id")),
            secret,
        ),
        (secret, b"y"),
    )
    if way < len(choices):
        name = choices[way][0].lower()
        if rng.random() < 0.8:
            draft.headers = [each for each in draft.headers if each[0].lower() != name]
        draft.headers.append(choices[way])
    elif way == 9:
        draft.headers.insert(0, (rng.choice(_LINES), b""))
    elif way == 10:
        draft.headers += [(b"x-%d" % number, b"y") for number in range(rng.choice((20, 120)))]
    elif way == 11:
        draft.headers.append((b"x", b"y" * rng.choice((100, 5000, 70_000))))
    else:
        _bend_framing(rng, draft)


def _bend_framing(rng: random.Random, draft: Draft) -> None:
    way = rng.randrange(10)
    if way < 3:
        _bend_packing(rng, draft)
    elif way < 5:
        draft.framing = rng.choice(("chunked", "none"))
    elif way < 7:
        draft.headers.append((b"Content-Length", rng.choice(_LENGTHS)))
        draft.framing = rng.choice(("none", "none", "length"))
    elif way < 8:
        draft.headers.append((b"Transfer-Encoding", rng.choice(_TRANSFER)))
        draft.framing = rng.choice(("none", "length"))
    elif way < 9:
        draft.headers.append((b"Transfer-Encoding", b"chunked"))
        draft.framing = "none"
        draft.body = odd_chunks(rng, draft.body)
    else:
        draft.end = rng.choice(("reset", "timeout"))
        draft.headers.append((b"Content-Length", b"%d" % (len(draft.body) + rng.randrange(3))))
        draft.framing = "none"


def odd_chunks(rng: random.Random, body: bytes) -> bytes:
    """A body in a chunk whose size, or end, may be wrong."""
    size = rng.choice(
        (
            b"%x" % len(body),
            b"-5",
            b"zz",
            b"",
            b"%x;ext=1" % len(body),
            b"0" * 300,
            b"f" * 30,
            b"%X " % len(body),
        )
    )
    return (
        size
        + rng.choice((b"\r\n", b"\n", b"\r"))
        + body
        + rng.choice((b"\r\n0\r\n\r\n", b"\r\n0\r\nDate: x\r\n\r\n", b"", b"0"))
    )


def _bend_packing(rng: random.Random, draft: Draft) -> None:
    encoding = rng.choice(_ENCODINGS)
    draft.headers.append((b"Content-Encoding", encoding))
    way = rng.random()
    if way < 0.02:
        draft.body = rng.choice(bombs())
    elif way < 0.5:
        draft.body = (
            gzip.compress(draft.body, 1, mtime=0)
            if b"gzip" in encoding.lower()
            else zlib.compress(draft.body, 1)
        )
        if way < 0.15:
            draft.body = _flip(rng, draft.body)
        elif way < 0.2:
            draft.body = draft.body[: rng.randrange(len(draft.body))]
        elif way < 0.25:
            draft.body += draft.body


_KINDS = (
    *[("json", _bend_json)] * 11,
    *[("bytes", _bend_bytes)] * 3,
    *[("headers", _bend_headers)] * 4,
    *[("status", _bend_status)] * 2,
)


def mutated(rng: random.Random, body: bytes, headers: list[Header], status: bytes) -> Draft:
    """An answer made from a good one; ``kinds`` tells what was done to it."""
    draft = Draft(body, status, list(headers))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        kind, change = rng.choice(_KINDS)
        draft.kinds.append(kind)
        change(rng, draft)
    return draft
