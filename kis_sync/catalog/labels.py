"""The Korean names that KIS gives its APIs, fields and values: loaded for help only, never for a call.

This room changes when help needs to say something new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from kis_sync.catalog.endpoint import Endpoint, Parameter
from kis_sync.catalog.files import records
from kis_sync.catalog.loader import endpoint, endpoints, response_fields
from kis_sync.catalog.streams import Stream, stream, streams


class RequestField(NamedTuple):
    """A field to send: ``values`` gives each documented value its label, blank where it has none."""

    name: str
    label: str
    blank: bool
    length: int
    values: Mapping[str, str]


class Description(NamedTuple):
    """What help can tell about an endpoint or a websocket subscription.

    ``response`` holds, for each output (``""``: beside them), the fields with their labels, in order.
    """

    name: str
    api_id: str
    category: str
    label: str
    method: str
    path: str
    tr_ids: Mapping[str, tuple[str | None, str | None]]
    request: tuple[RequestField, ...]
    response: Mapping[str, tuple[tuple[str, str], ...]]


def describe(name: str) -> Description:
    """The description of an endpoint or, by its full name, of a websocket subscription.

    Raises ``InvalidRequestError`` for a name that is neither, or that is several.

    >>> describe("domestic_stock.inquire_price").label
    '주식현재가 시세'
    """
    return _of_stream(stream(name)) if name in records("streams") else _of_endpoint(endpoint(name))


def search(word: str) -> list[str]:
    """The names of what has every one of these words in its name, label, category, path or TR ids.

    Capitals do not matter; without a word, everything.

    >>> search("예약주문 해외주식 취소")
    ['overseas_stock.order_resv_ccnl']
    """
    words = word.casefold().split()
    return [name for name, text in _searched().items() if all(each in text for each in words)]


@cache
def _searched() -> Mapping[str, str]:
    return {name: " ".join(_texts(name)).casefold() for name in [*endpoints(), *streams()]}


def _texts(name: str) -> Iterator[str]:
    label = records("labels")[name]
    yield from (name, label["id"], label["category"], label["label"])
    if name in records("streams"):
        known = streams()[name]
        yield from (known.path, *filter(None, known.tr_ids))
        return
    found = endpoints()[name]
    yield found.path
    for pair in [*found.tr_ids.values(), *found.old_tr_ids.values()]:
        yield from filter(None, pair)


def _of_endpoint(found: Endpoint) -> Description:
    label = records("labels")[found.name]
    return Description(
        found.name,
        label["id"],
        label["category"],
        label["label"],
        found.method,
        found.path,
        found.tr_ids,
        tuple(_request_field(parameter, label) for parameter in found.params),
        {
            output: tuple((field, _response_label(field, output, label)) for field in fields)
            for output, fields in response_fields(found.name).items()
        },
    )


def _of_stream(found: Stream) -> Description:
    label = records("labels")[found.name]
    fields = tuple((field, _response_label(field, "", label)) for field in found.fields)
    return Description(
        found.name,
        label["id"],
        label["category"],
        label["label"],
        "websocket",
        found.path,
        {"": found.tr_ids},
        (),
        {"": fields},
    )


def _request_field(parameter: Parameter, label: dict[str, Any]) -> RequestField:
    name = parameter.name
    own = label.get("request", {})
    labels = label.get("values", {}).get(name) or [""] * len(parameter.values)
    return RequestField(
        name,
        own.get(name) or _shared("request").get(name.upper(), ""),
        parameter.blank,
        parameter.length,
        dict(zip(parameter.values, labels, strict=True)),
    )


def _response_label(field: str, output: str, label: dict[str, Any]) -> str:
    own = label.get("response", {})
    shared = _shared("response")
    # A field whose case was corrected keeps the label that the document gives the other spelling.
    for spelling in (field, field.lower(), field.upper()):
        found = own.get(f"{output}.{spelling}") or own.get(spelling) or shared.get(spelling)
        if found:
            return str(found)
    return _shared("request").get(field.upper(), "")


def _shared(section: str) -> Mapping[str, str]:
    """The labels that most records give their fields; a record says only what differs."""
    shared: Mapping[str, str] = records("labels")[""][section]
    return shared
