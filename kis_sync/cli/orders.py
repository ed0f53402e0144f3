"""``kis-sync orders``: the orders of a day, as the journal has them or as KIS lists them.

This room changes when another list of orders is to be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import click

from kis_sync.api.domestic_stock.listed_order import ListedOrder
from kis_sync.cli.consent import where
from kis_sync.cli.options import broker, number, print_json, shared
from kis_sync.cli.order_words import average, hint, kind_words, orders_table
from kis_sync.display.table import table
from kis_sync.orders.order import Order


def _day(context: click.Context, param: click.Parameter, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        if len(text) != 8 or not text.isascii():
            raise ValueError
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a day such as 20261124", context, param) from None


@click.command("orders")
@click.option("--pending", is_flag=True, help="The orders that can still fill, whoever sent them, from KIS.")
@click.option("--executions", is_flag=True, help="KIS's list of orders and what was filled of them.")
@click.option("--date", "day", callback=_day, metavar="YYYYMMDD", help="Of this day (default: today).")
@shared
def command(
    pending: bool,
    executions: bool,
    day: date | None,
    sim: bool,
    mode: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """List the orders of today or of a day.

    Those that left from here, as the journal has them; with --pending or --executions KIS's own. With
    --sim the list is empty: its simulator begins and ends with this command.

        kis-sync orders --pending
    """
    if pending and (executions or day is not None):
        raise click.UsageError("--pending is of now: without --executions and --date")
    with broker(sim, mode) as at:
        if executions:
            rows = at.get_executions(day, day)
            return print_json(rows) if as_json else _show_executions(rows, where(at))
        orders = at.get_pending_orders() if pending else at.get_orders(day)
        return print_json(orders) if as_json else _show_orders(orders, where(at))


def _show_orders(orders: Sequence[Order], account: str) -> None:
    print(account)
    print(orders_table(orders) if orders else "no orders")
    if told := hint(orders):
        print(told)


def _show_executions(rows: Sequence[ListedOrder], account: str) -> None:
    titles = ("number", "time", "code", "side", "shares", "type", "filled", "average", "left", "name")
    print(account)
    print(table(titles, map(_row, rows), "<<<<><>>><") if rows else "no orders")


def _row(order: ListedOrder) -> tuple[str, ...]:
    return (
        str(order.number),
        "-" if order.ordered_at is None else f"{order.ordered_at:%H:%M}",
        order.code,
        order.side.value,
        number(order.quantity),
        "cancellation" if order.is_cancellation else kind_words(order.kind),
        number(order.filled),
        average(order.average_price),
        number(order.remaining),
        order.name,
    )
