"""``kis-sync cancel``: take back an open order, or all.

This room changes when cancelling is asked for in another way.
"""

from __future__ import annotations

import click

from kis_sync.broker import KISBroker
from kis_sync.cli.consent import ask, check_can_ask, on_its_way
from kis_sync.cli.open_order import left, open_order
from kis_sync.cli.options import broker, print_json, shared
from kis_sync.cli.order_words import counted, fate, told_number, words
from kis_sync.errors import OrderUncertainError
from kis_sync.orders.order import Order

_FAILED, _UNCERTAIN = 1, 3
_SHOWN = 5


@click.command("cancel")
@click.argument("order", required=False)
@click.option("--all", "every", is_flag=True, help="Cancel every open order of the account.")
@click.option("--code", help="With --all: those of this stock only.")
@click.option("--yes", is_flag=True, help="Cancel without asking.")
@shared
def command(
    order: str | None,
    every: bool,
    code: str | None,
    yes: bool,
    sim: bool,
    mode: str | None,
    as_json: bool,
    debug: bool,
) -> int:
    """Cancel ORDER, or --all open orders.

    ORDER is its number or id. What would be cancelled is shown, and nothing is sent without a yes or --yes.
    With --sim there are no orders: they end with their command.

    kis-sync cancel 1569157
    """
    if every == (order is not None):
        raise click.UsageError("which order? ORDER is its number or id; or --all")
    if code is not None and not every:
        raise click.UsageError("--code goes with --all")
    check_can_ask(yes=yes, sim=sim, as_json=as_json)
    with broker(sim, mode) as at:
        at.check_orders_allowed()
        if order is None:
            return _cancel_all(at, code or "", yes or sim, as_json)
        return _cancel(at, order, yes or sim, as_json)


def _cancel(at: KISBroker, name: str, yes: bool, as_json: bool) -> int:
    order = open_order(at, name)
    if not yes:
        ask(at, f"cancel order {told_number(order)}: {words(order)}", _rest(order))
    with on_its_way():
        cancelled = at.cancel_order(order)
    if as_json:
        print_json(cancelled)
    else:
        print(fate(cancelled))
    return 0


def _cancel_all(at: KISBroker, code: str, yes: bool, as_json: bool) -> int:
    if not yes:
        orders = at.get_pending_orders(code)
        if not orders:
            print("no open orders")
            return 0
        ask(at, *_told(orders, code), question="Cancel them all?")
    with on_its_way():
        done = at.cancel_all(code)
    if as_json:
        print_json({"cancelled": done.cancelled, "failed": [(each, str(why)) for each, why in done.failed]})
    else:
        for order in done.cancelled:
            print(fate(order))
        for order, why in done.failed:
            click.echo(f"error: order {told_number(order)} was not cancelled: {why}", err=True)
        print(f"{counted(len(done.cancelled), 'order')} cancelled, {len(done.failed)} failed")
    if any(isinstance(why, OrderUncertainError) for _, why in done.failed):
        return _UNCERTAIN
    return _FAILED if done.failed else 0


def _told(orders: tuple[Order, ...], code: str) -> list[str]:
    about = f" of {code}" if code else ""
    lines = [f"cancel {counted(len(orders), 'open order')}{about}, {_worth(orders)}:"]
    lines += [f"{told_number(order)}  {words(order)}" for order in orders[:_SHOWN]]
    if len(orders) > _SHOWN:
        lines.append(f"and {len(orders) - _SHOWN} more")
    return lines


def _worth(orders: tuple[Order, ...]) -> str:
    known = [order.price * (left(order) or 0) for order in orders if order.price is not None]
    more = "" if len(known) == len(orders) else ", not counting those without a price"
    return f"worth {sum(known):,} won{more}"


def _rest(order: Order) -> str:
    shares = left(order)
    if shares is None:
        return "what is left of it"
    told = f"{counted(shares, 'share')} of it left"
    return told if order.price is None else f"{told}, worth {order.price * shares:,} won"
