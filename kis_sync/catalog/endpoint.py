"""One documented API as a value, and one call to it.

Named tuples, not dataclasses: every process makes these classes, and they cost a tenth to make. This room
changes when a record of the catalogue needs to say something new.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from kis_sync.errors import InvalidRequestError, NotOnPaperError


class Mode(str, enum.Enum):
    """Which of KIS's two worlds: real money, or paper trading."""

    LIVE = "live"
    PAPER = "paper"


class Effect(str, enum.Enum):
    """What a call does: a read can be repeated, an order cannot."""

    READ = "read"
    ORDER = "order"


_NONE: Mapping[str, tuple[str | None, str | None]] = MappingProxyType({})


class Parameter(NamedTuple):
    """One documented request field; ``blank`` means that KIS takes it empty.

    ``length`` is the most letters that fit, 0 where the documents do not say.
    """

    name: str
    length: int
    blank: bool
    values: tuple[str, ...] = ()


class Endpoint(NamedTuple):
    """One documented API.

    ``tr_ids`` gives, for each variant (``""`` where there is one only), the live and the paper TR id;
    ``old_tr_ids`` the earlier ids that KIS still takes. ``outputs`` tells the shape of each output
    (``object`` or ``list``). ``cursor`` names the request fields that carry the keys of the next page, FK
    before NK (the answer gives them in lower case); it is empty without such keys. ``continues`` says that
    an answer without such keys goes on all the same: the header ``tr_cont`` N with the same fields gives the
    next rows. ``free_body`` says that any fields are taken, as text. ``also`` are fields that the documented
    layout lacks though KIS's own examples send them: taken when given, never filled in. ``ledger`` says that
    the call counts against the limit of account calls too, ``slow`` that it must be asked more seldom than
    that, ``apart`` that it counts against a limit of its own and no other. ``needed`` names, for a variant,
    the fields that it must have though others may leave them blank. ``totals`` are the lists that a paged
    answer repeats on each page.
    """

    name: str
    path: str
    method: str
    tr_ids: Mapping[str, tuple[str | None, str | None]]
    params: tuple[Parameter, ...]
    outputs: Mapping[str, str]
    old_tr_ids: Mapping[str, tuple[str | None, str | None]] = _NONE
    cursor: tuple[str, ...] = ()
    effect: Effect = Effect.READ
    ledger: bool = False
    slow: bool = False
    apart: bool = False
    continues: bool = False
    free_body: bool = False
    also: tuple[Parameter, ...] = ()
    needed: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    totals: tuple[str, ...] = ()

    @property
    def has_pages(self) -> bool:
        """Whether an answer can go on in further pages."""
        return bool(self.cursor) or self.continues

    def variant_fault(self, variant: str) -> str | None:
        """What is wrong with a variant; ``None`` when nothing is."""
        if variant in (self.tr_ids or ("",)):
            return None
        if len(self.tr_ids) <= 1:
            return f"there are no variants here, so not {variant!r}; what it does is told by its fields"
        said = f", not {variant!r}" if variant else ""
        return f"variant must be one of {', '.join(map(repr, self.tr_ids))}{said}"

    def tr_id(self, mode: Mode, variant: str = "") -> str:
        """The TR id to send; ``NotOnPaperError`` where only live has one."""
        fault = self.variant_fault(variant)
        if fault:
            raise InvalidRequestError(fault, endpoint=self.name)
        if not self.tr_ids:
            return ""
        live, paper = self.tr_ids[variant]
        chosen = paper if mode is Mode.PAPER else live
        if chosen is not None:
            return chosen
        if mode is Mode.PAPER:
            raise NotOnPaperError("paper trading does not offer this API; use live", endpoint=self.name)
        raise InvalidRequestError("live trading does not offer this API; use paper", endpoint=self.name)


class Call(NamedTuple):
    """One request that somebody wants: an endpoint, its variant and the values of its fields.

    The values are as somebody gave them until they were checked; after that they are text.
    """

    endpoint: Endpoint
    params: Mapping[str, object]
    variant: str = ""
    tr_cont: str = ""

    def __repr__(self) -> str:
        """Without the values: one of them may be the account number."""
        return f"Call({self.endpoint.name}{f' {self.variant}' if self.variant else ''})"
