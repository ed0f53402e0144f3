"""Secrets that give themselves away: made so that any piece of them is found quickly in any text.

Every twelve letters in a row of a secret hold its mark, whatever was put between the letters. This room
changes when there is another secret, or another way of writing one down.
"""

from __future__ import annotations

import json
import random
from typing import NamedTuple

_LONG = 20  # characters in a row that look like a secret
PIECE = 12  # letters and digits of a secret in a row that nobody may see
ACCOUNT = "87654321"
_NEITHER = bytes(each for each in range(128) if not chr(each).isalnum())
_LETTERS = "abcdefghijkmnprstuvwy0123456789ABCDEFGHIJKMNPRSTUVWY"


def _marked(mark: str, length: int, between: str, seed: int) -> str:
    """A secret of that length in which the mark comes every eight letters."""
    rng = random.Random(seed)
    parts = [mark + "".join(rng.choice(_LETTERS) for _ in range(4)) + between for _ in range(length)]
    return "".join(parts)[:length]


class Secret(NamedTuple):
    """A secret, and the mark (in lower case) by which its pieces are known."""

    name: str
    value: str
    mark: str


APP_KEY = _marked("xQz1", 36, "", 1)
APP_SECRET = _marked("xQz2", 180, "/+", 2)
ACCESS_TOKEN = "eyJ0eXAi." + _marked("xQz3", 300, "-", 3)
SECRETS = (
    Secret("app key", APP_KEY, "xqz1"),
    Secret("app secret", APP_SECRET, "xqz2"),
    Secret("access token", ACCESS_TOKEN, "xqz3"),
    Secret("account number", ACCOUNT, ACCOUNT),
)


def _bare(text: str) -> str:
    """The letters and digits of ASCII in a text, in lower case."""
    return text.encode("ascii", "ignore").translate(None, _NEITHER).decode("ascii").lower()


_PIECES = {
    each.name: {bare[at : at + min(PIECE, len(bare))] for at in range(max(1, len(bare) - PIECE + 1))}
    for each in SECRETS
    for bare in [_bare(each.value)]
}


def told(text: str, unknown: str = "") -> list[str]:
    """The names of the secrets of which ``text`` tells a piece, in either case and however divided.

    ``unknown`` names the one that the client does not hold: it can only keep what looks like a secret.
    """
    bare = _bare(text)
    return [
        each.name
        for each in SECRETS
        if each.mark in bare
        and any(piece in bare for piece in _PIECES[each.name])
        and (each.name != unknown or any(piece in text.lower() for piece in _LONG_PIECES))
    ]


_LONG_PIECES = {ACCESS_TOKEN.lower()[at : at + _LONG] for at in range(len(ACCESS_TOKEN) - _LONG + 1)}


def _split(rng: random.Random, value: str) -> str:
    every = rng.choice((2, 4, 8, 11, 16, 19))
    between = rng.choice((" ", "-", "\n", ", ", "\t", "\u200b", " / ", "."))
    return between.join(value[at : at + every] for at in range(0, len(value), every))


def guise(rng: random.Random) -> str:
    """A secret as it might stand in an answer: whole, cut, split, in capitals, amid other words."""
    value = rng.choice(SECRETS).value
    way = rng.randrange(9)
    if way == 0:
        return value.upper()
    if way == 1:
        return value.lower()
    if way == 2:
        return _split(rng, value)
    if way == 3:
        return value[rng.randrange(max(1, len(value) - PIECE)) :][: rng.randrange(PIECE, 40)]
    if way == 4:
        return f"appkey={value}&appsecret={APP_SECRET} Bearer {ACCESS_TOKEN} CANO={ACCOUNT}-01"
    if way == 5:
        return json.dumps({"CANO": ACCOUNT, "appkey": APP_KEY})
    if way == 6:
        return "x" * rng.randrange(80, 520) + " " + value
    return value


def escaped(rng: random.Random, text: str) -> str:
    """A string of JSON, quotes and all, some of it escaped in ways that nobody needs."""
    way = rng.randrange(3)
    if way == 0:
        return json.dumps(text).replace("/", "\\/")
    if way == 1:
        return '"' + "".join(f"\\u{ord(each):04x}" if ord(each) < 0x10000 else "?" for each in text) + '"'
    return json.dumps(text, ensure_ascii=False)
