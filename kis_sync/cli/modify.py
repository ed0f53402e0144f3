"""``kis-sync modify``: another price for an open order.

This room changes when changing an order is asked for in another way.
"""

from __future__ import annotations

from dataclasses import replace

import click

from kis_sync.cli.consent import ask, check_can_ask, on_its_way
from kis_sync.cli.open_order import left, open_order
from kis_sync.cli.options import broker, print_json, shared
from kis_sync.cli.order_options import whole
from kis_sync.cli.order_words import counted, fate, told_number, words
from kis_sync.errors import InvalidRequestError
from kis_sync.orders.order import Order


@click.command("modify")
@click.argument("order")
@click.option("--price", callback=whole, required=True, metavar="WON", help="The new price.")
@click.option(
    "--quantity", callback=whole, metavar="SHARES", help="So many shares of it (default: all left)."
)
@click.option("--yes", is_flag=True, help="Change it without asking.")
@shared
def command(
    order: str,
    price: int,
    quantity: int | None,
    yes: bool,
    sim: bool,
    mode: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Give ORDER another price.

    ORDER is its number or id; the changed one gets a number of its own. It is shown, and nothing is sent
    without a yes or --yes. With --sim there are no orders: they end with their command.

    kis-sync modify 1569157 --price 229,500
    """
    check_can_ask(yes=yes, sim=sim, as_json=as_json)
    with broker(sim, mode) as at:
        at.check_orders_allowed()
        known = open_order(at, order)
        if known.price is None:
            raise InvalidRequestError(
                f"order {told_number(known)} names no price: cancel it and send another"
            )
        if not (yes or sim):
            ask(at, f"change order {told_number(known)}: {words(known)}", _new(known, price, quantity))
        with on_its_way():
            changed = at.modify_order(known, price=price, quantity=quantity)
    if as_json:
        print_json(changed)
    else:
        print(fate(changed))


def _new(order: Order, price: int, quantity: int | None) -> str:
    shares = left(order) if quantity is None else quantity
    kind = None if order.kind is None else replace(order.kind, price=price)  # type: ignore[call-arg]
    if shares is None:
        return f"to {kind}, what is left of it"
    return f"to {kind}, {counted(shares, 'share')}, worth {price * shares:,} won"
