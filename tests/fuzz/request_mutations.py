"""Mutations of requests to the simulator: fields, headers, methods, paths, bodies, and their framing.

The requests to start from are made of the catalogue, one for each API, so that none is forgotten. This room
changes when there is another way in which a request can be odd.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from urllib.parse import quote

from kis_sync import catalog
from kis_sync.catalog import Endpoint, Mode
from tests.fuzz import telltale
from tests.fuzz.answer_mutations import bend_bytes
from tests.fuzz.json_mutations import STRINGS, bend, text_of
from tests.fuzz.operations import fields_of

_VALUES = (
    *STRINGS, "9" * 4000, "9" * 5000, "-" + "9" * 400, str(10**400), "1" * 10, "0000000001", "9999999999",
    "0000000000", "0001569000", "1569000", "１５６９０００", "²³", "00000000", "00010101", "99991231",
    "20260229", "20261124", "2026-11-24", "20271231", "19000101", "235959", "090000", "900", "J", "NX",
    "UN", "U", "Q", "NAS", "NYS", "ALL", "%", "%25", "^", "1^", "^1", "100^0000000000000000",
    "-1^0000000000000000", "00", "01", "02", "03", "24", "99", "Y", "N", "S", "B", "005930", "000660",
    "069500", "Q500001", "999999", "AAPL", "0001", "KRX", "SOR", "A" * 13, "' OR 1=1 --", "<script>",
    "../../etc/passwd", "\x85",
)  # fmt: skip
_ENCODED = (
    "%FF%FE",
    "%00",
    "%0d%0aX-Header:1",
    "%",
    "%zz",
    "%ED%A0%80",
    "+",
    "&",
    "=",
    "#",
    ";",
    "%E1%84%80" * 40,
)
_METHODS = (
    "GET",
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "HEAD",
    "OPTIONS",
    "get",
    "TRACE",
    "CONNECT",
    "",
    "G E T",
    "가",
    "X" * 300,
)
_PATHS = (
    "", "/", "//", "*", ".", "/../..", "/uapi", "/uapi/", "/oauth2/tokenP/", "/oauth2//tokenP",
    "/OAUTH2/TOKENP", "/uapi/%2e%2e", "http://127.0.0.1/oauth2/tokenP", "http://x@[::1/uapi", "https://",
    "//evil/uapi", "/%00", "/\xff\xfe", "/" + "a" * 5000,
    "/uapi/domestic-stock/v1/quotations/inquire-price?", "/uapi?" + "a=b&" * 2000, "?", "#",
    "/uapi/hashkey#x", "/ws", "/tryitout",
)  # fmt: skip
_TR_CONT = ("", " ", "N", "M", "F", "n", "NN", "\xff", "가", "N" * 500)
_AUTHORIZATIONS = (
    "",
    "Bearer",
    "Bearer ",
    "bearer {}",
    "Basic {}",
    "{}",
    "Bearer {} {}",
    "Bearer  {}",
    "Bearer {}x",
    "Bearer \xff",
)
_HEADER_VALUES = (
    "",
    " ",
    "0",
    "x" * 5000,
    "\xff\xfe",
    "a\tb",
    "\x00",
    "\x7f",
    "1, 2",
    '"',
    "=?utf-8?b?eHg=?=",
    "{}",
    "null",
)


_NO_VALUES: Mapping[str, str] = MappingProxyType({})


@dataclass
class Shot:
    """A request in the making; ``tells`` that the secret was put where it does not belong."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    query: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    raw_query: str = ""
    tells: bool = False

    @property
    def target(self) -> str:
        """Path and query as they stand on the wire."""
        query = "&".join(f"{quote(name)}={quote(value, errors='replace')}" for name, value in self.query)
        query += self.raw_query
        return self.path + ("?" + query if query else "")


def usual(
    known: Endpoint, mode: Mode, token: str, rng: random.Random, values: Mapping[str, str] = _NO_VALUES
) -> Shot:
    """A request that is as it should be; ``values`` are those of fields that the simulator made up."""
    pairs = [*known.tr_ids.values(), *known.old_tr_ids.values()]
    ids = [pair[mode is Mode.PAPER] or pair[0] for pair in pairs]
    fields = {name: values.get(name.upper(), value) for name, value in fields_of(known).items()}
    headers = {
        "content-type": "application/json; charset=utf-8",
        "authorization": f"Bearer {token}",
        "appkey": telltale.APP_KEY,
        "appsecret": telltale.APP_SECRET,
        "tr_id": rng.choice([each for each in ids if each] or [""]),
        "tr_cont": "",
        "custtype": "P",
    }
    if known.path.startswith("/oauth2/"):
        headers = {"content-type": headers["content-type"]}
        secrets = {
            "appkey": telltale.APP_KEY,
            "appsecret": telltale.APP_SECRET,
            "secretkey": telltale.APP_SECRET,
        }
        fields |= {"grant_type": "client_credentials", **secrets}
    shot = Shot(known.method, known.path, list(headers.items()))
    if known.method == "GET":
        shot.query = list(fields.items())
    else:
        shot.body = json.dumps(fields).encode()
    return shot


@cache
def tr_ids() -> tuple[str, ...]:
    """Every TR id of the catalogue."""
    return tuple(
        sorted({each for known in _endpoints() for pair in known.tr_ids.values() for each in pair if each})
    )


def _endpoints() -> Iterable[Endpoint]:
    return [catalog.endpoint(name) for name in catalog.endpoints()]


def _value(rng: random.Random) -> str:
    return rng.choice(_VALUES) if rng.random() < 0.95 else "x" * rng.choice((100, 20_000))


def _bend_field(rng: random.Random, shot: Shot) -> None:
    if not shot.query:
        return _bend_body(rng, shot)
    at, way = rng.randrange(len(shot.query)), rng.randrange(12)
    name, value = shot.query[at]
    if way < 7:
        shot.query[at] = (name, _value(rng))
    elif way == 7:
        del shot.query[at]
    elif way == 8:
        shot.query.append((name.swapcase(), _value(rng)))
    elif way == 9:
        shot.query[at] = (name.lower(), value)
    elif way == 10:
        shot.raw_query = "&" + quote(name) + "=" + rng.choice(_ENCODED)
    else:
        shot.query.append((_value(rng), _value(rng)))
    return None


def _bend_body(rng: random.Random, shot: Shot) -> None:
    way = rng.random()
    try:
        tree = json.loads(shot.body)
        if way < 0.5 and isinstance(tree, dict) and tree:
            tree[rng.choice(list(tree))] = _value(rng)
            shot.body = json.dumps(tree, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
        elif way < 0.85:
            shot.body = text_of(rng, bend(rng, tree)).encode("utf-8", "surrogatepass")
        else:
            shot.body = bend_bytes(rng, shot.body)
    except (ValueError, RecursionError):
        shot.body = bend_bytes(rng, shot.body)


def _bend_cursor(rng: random.Random, shot: Shot) -> None:
    """Ask for another page, of a list that is not there or with keys that nobody gave."""
    _set_header(shot, "tr_cont", rng.choice(_TR_CONT) if rng.random() < 0.4 else "N")
    for at, (name, _) in enumerate(shot.query):
        if "CTX_AREA" in name.upper() and rng.random() < 0.7:
            shot.query[at] = (name, _value(rng))


def _set_header(shot: Shot, name: str, value: str) -> None:
    shot.headers = [each for each in shot.headers if each[0].lower() != name] + [(name, value)]


def _bend_header(rng: random.Random, shot: Shot) -> None:
    if not shot.headers:
        return
    at, way = rng.randrange(len(shot.headers)), rng.randrange(12)
    name, value = shot.headers[at]
    if way < 2:
        shot.headers[at] = (name, rng.choice(_HEADER_VALUES))
    elif way < 4:
        del shot.headers[at]
    elif way < 5:
        shot.headers[at] = (name.upper(), value)
    elif way < 6:
        shot.headers.append((name, value))
    elif way < 7:
        other = rng.randrange(len(shot.headers))
        shot.headers[at], shot.headers[other] = (
            (name, shot.headers[other][1]),
            (shot.headers[other][0], value),
        )
        shot.tells = True
    elif way < 9:
        _set_header(shot, "tr_id", rng.choice(tr_ids()) if rng.random() < 0.8 else rng.choice(_HEADER_VALUES))
    elif way < 10:
        token = dict(shot.headers).get("authorization", "").removeprefix("Bearer ")
        _set_header(shot, "authorization", rng.choice(_AUTHORIZATIONS).replace("{}", token))
    elif way < 11:
        _set_header(
            shot,
            rng.choice(("hashkey", "gt_uid", "custtype", "tr_cont", "appkey")),
            rng.choice(_HEADER_VALUES),
        )
    else:
        shot.headers += [(f"x-{number}", "y") for number in range(rng.choice((3, 60, 150)))]


def _bend_method(rng: random.Random, shot: Shot) -> None:
    shot.method = rng.choice(_METHODS)


def _bend_path(rng: random.Random, shot: Shot) -> None:
    way = rng.randrange(6)
    if way == 0:
        shot.path = shot.path.upper()
    elif way == 1:
        shot.path = shot.path.replace("/", "//")
    elif way == 2:
        shot.path += rng.choice(("/", "/x", "x", "%20", ";a=b", ".json"))
    elif way == 3:
        at = rng.randrange(len(shot.path) + 1)
        shot.path = (
            shot.path[:at] + rng.choice(("%", "\xff", "/", ".", "가", " ", "\t", "\x00")) + shot.path[at:]
        )
    else:
        shot.path = rng.choice(_PATHS)


def _bend_kind(rng: random.Random, shot: Shot) -> None:
    """What belongs into the query stands in the body, and the other way about."""
    if shot.query:
        shot.body, shot.query = json.dumps(dict(shot.query)).encode(), []
    else:
        shot.query = [("FID_INPUT_ISCD", "005930"), ("PDNO", _value(rng))]


_CHANGES = (
    *[_bend_field] * 12,
    *[_bend_body] * 2,
    *[_bend_cursor] * 2,
    *[_bend_header] * 4,
    _bend_method,
    _bend_path,
    _bend_kind,
)


def mutated(rng: random.Random, shot: Shot) -> Shot:
    """The request with some of it changed, in place; one in twenty stays as it is."""
    if rng.random() > 0.05:
        for _ in range(rng.choice((1, 1, 2, 3))):
            rng.choice(_CHANGES)(rng, shot)
    return shot
