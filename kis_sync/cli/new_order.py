"""What ``kis-sync buy`` and ``kis-sync sell`` have in common: the options, the question, the sending.

This room changes when new orders are asked for or told in another way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from kis_sync.api.domestic_stock.order_type import OrderType, Side
from kis_sync.broker import KISBroker
from kis_sync.cli.consent import ask, check_can_ask, on_its_way, where
from kis_sync.cli.options import broker, print_json
from kis_sync.cli.order_options import KINDS, kind_of, whole
from kis_sync.cli.order_words import UNSETTLED, counted, fate
from kis_sync.errors import InvalidRequestError, OrderUncertainError
from kis_sync.orders.desk import OrderPreview
from kis_sync.orders.order import Order
from kis_sync.orders.request import OrderRequest
from kis_sync.orders.trading import order_id

_LONGEST_WAIT = 86_400  # seconds
_REFUSED = 2
Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Asked:
    """What the command line says of a new order."""

    code: str
    quantity: int
    price: int | None
    market: bool
    type: str | None
    condition: str | None
    trigger: int | None
    exchange: str
    client_order_id: str | None
    key: str | None
    dry_run: bool
    wait: int | None
    yes: bool

    @property
    def kind(self) -> OrderType:
        """The order type."""
        return kind_of(self.type, self.market, self.price, self.trigger, self.condition)


def order_options(command: Command) -> Command:
    """Everything that a new order can be told on the command line."""
    for option in (
        click.option("--yes", is_flag=True, help="Send it without asking."),
        click.option(
            "--wait", type=click.IntRange(0, _LONGEST_WAIT), metavar="SECONDS",
            help="Wait so long for the fill.",
        ),
        click.option("--dry-run", is_flag=True, help="Show what would be sent, and what keeps it back."),
        click.option("--key", metavar="TEXT", help="The same with an id made of TEXT, side and CODE."),
        click.option(
            "--id", "client_order_id", metavar="TEXT",
            help="Name the order: a repeat with this id gives the first and sends nothing.",
        ),
        click.option(
            "--exchange", type=click.Choice(["KRX", "NXT", "SOR"], case_sensitive=False), default="KRX",
            metavar="KRX|NXT|SOR", show_default=True,
        ),
        click.option("--trigger", callback=whole, metavar="WON", help="What wakes a stop-limit order."),
        click.option(
            "--condition", type=click.Choice(["ioc", "fok"], case_sensitive=False),
            help="Fill at once what can be (ioc), or all or nothing (fok).",
        ),
        click.option("--type", type=click.Choice(list(KINDS)), metavar="TYPE",
            help=f"Another order type: {', '.join(KINDS)}."),
        click.option("--market", is_flag=True, help="At market."),
        click.option("--price", callback=whole, metavar="WON", help="At this price or better (limit)."),
        click.argument("quantity", callback=whole),
        click.argument("code"),
    ):  # fmt: skip
        command = option(command)
    return command


def trade(side: Side, asked: Asked, *, sim: bool, mode: str | None, as_json: bool) -> int:
    """Show, ask, send, and tell what came of it; the exit code."""
    request = OrderRequest.checked(asked.code, side, asked.quantity, asked.kind, asked.exchange)
    name = order_id(asked.client_order_id, asked.key, request.side.value, request.code)
    if not asked.dry_run:
        check_can_ask(yes=asked.yes, sim=sim, as_json=as_json)
    with broker(sim, mode) as at:
        desk = at.order_desk()
        if asked.dry_run:
            return _show(at, desk.preview(request), as_json)
        before = None if name is None else _sent_before(at, name)
        if before is None and not (asked.yes or sim):
            _confirm(at, desk.preview(request))
        with on_its_way():
            order = desk.place(request, name)
        is_repeat = before is not None and before.ordered_at == order.ordered_at
        _tell(at, order, is_repeat, asked.wait, as_json)
    return 0


def _sent_before(at: KISBroker, name: str) -> Order | None:
    """The order that this id names already, so that nothing will leave; whether it ran is looked up.

    ``OrderUncertainError`` when nobody can tell: it might be sent again, and nobody was asked.
    """
    known = at.order_desk().by_id(name)
    if known is not None and known.state in UNSETTLED:
        known = at.get_order(known)
    if known is None or known.state.frees_its_id:
        return None
    if known.state in UNSETTLED:
        raise OrderUncertainError(
            "an order of this id was sent before, and it is not known yet whether it ran: "
            f"{known.reason or known.state.value}",
            order=known,
        )
    return known


def _confirm(at: KISBroker, preview: OrderPreview) -> None:
    if preview.refusals:
        raise InvalidRequestError("the order was not sent: " + "; ".join(preview.refusals))
    ask(at, str(preview.request), _worth(preview))


def _worth(preview: OrderPreview) -> str:
    if preview.won is None:
        return "worth an amount that is not known"
    request = preview.request
    if request.side is Side.SELL and request.kind.won is None:
        return f"worth about {preview.won:,} won"
    return f"worth {preview.won:,} won" + (" at most" if request.side is Side.BUY else "")


def _show(at: KISBroker, preview: OrderPreview, as_json: bool) -> int:
    """What would be sent, in words and as KIS takes it, and what would keep it back; the exit code."""
    if as_json:
        print_json(preview)
        return _REFUSED if preview.refusals else 0
    print(f"{where(at)}, nothing is sent:")
    print(f"  {preview.request}")
    print(f"  {_worth(preview)}")
    print(f"  {preview.endpoint} {preview.tr_id}")
    print("  " + " ".join(f"{name}={value}" for name, value in preview.fields.items() if value))
    for reason in preview.refusals:
        print(f"refused: {reason}")
    return _REFUSED if preview.refusals else 0


def _tell(at: KISBroker, order: Order, is_repeat: bool, wait: int | None, as_json: bool) -> None:
    """What came of the order; one that is waited for is told before, so that a failure then hides nothing."""
    if not as_json:
        if is_repeat:
            print("this id was sent before; nothing was sent now")
        print(fate(order), flush=True)
    try:
        if wait is not None and not order.is_done:
            order = at.wait_for_fill(order, wait)
            if not as_json:
                print(fate(order) if order.is_done else f"after {counted(wait, 'second')}: {fate(order)}")
    finally:
        if as_json:
            print_json(order)
