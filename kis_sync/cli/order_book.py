"""``kis-sync order-book``: the order book of a stock.

This room changes when what is shown of an order book changes.
"""

from __future__ import annotations

import click

from kis_sync.api.domestic_stock.order_book import OrderBook
from kis_sync.cli.options import broker, number, print_json, shared
from kis_sync.display.table import table


@click.command("order-book")
@click.argument("code")
@shared
def command(code: str, sim: bool, mode: str | None, as_json: bool, debug: bool) -> None:
    """The ten best asks and bids of CODE, such as 005930."""
    with broker(sim, mode) as asked:
        book = asked.get_order_book(code)
    if as_json:
        print_json(book)
        return
    print(f"{book.code}  last {number(book.price)} won")
    print(table(("ask shares", "price", "bid shares"), _rows(book), ">>>"))


def _rows(book: OrderBook) -> list[tuple[str, str, str]]:
    asks = [(number(level.size), number(level.price), "") for level in reversed(book.asks)]
    bids = [("", number(level.price), number(level.size)) for level in book.bids]
    return [*asks, *bids, (number(book.ask_total), "total", number(book.bid_total))]
