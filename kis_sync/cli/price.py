"""``kis-sync price``: the present price of stocks.

This room changes when what is shown of a price changes.
"""

from __future__ import annotations

import click

from kis_sync.cli.options import broker, number, print_json, shared
from kis_sync.display.table import table


@click.command("price")
@click.argument("codes", nargs=-1, required=True)
@shared
def command(codes: tuple[str, ...], sim: bool, mode: str | None, as_json: bool, debug: bool) -> None:
    """The present price of CODES, such as 005930."""
    with broker(sim, mode) as asked:
        quotes = [asked.get_price(code) for code in codes]
    if as_json:
        print_json(quotes)
        return
    rows = [
        (
            quote.code,
            number(quote.price),
            number(quote.change, "+,d"),
            number(quote.change_percent, "+.2f"),
            number(quote.open),
            number(quote.high),
            number(quote.low),
            number(quote.volume),
            f"{number(quote.lower_limit)} - {number(quote.upper_limit)}",
        )
        for quote in quotes
    ]
    titles = ("code", "price", "change", "%", "open", "high", "low", "volume", "limits (won)")
    print(table(titles, rows, "<>>>>>>><"))
