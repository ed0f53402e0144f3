"""``kis-sync balance``: what the account holds.

This room changes when what is shown of an account changes.
"""

from __future__ import annotations

import click

from kis_sync.cli.options import broker, number, print_json, shared
from kis_sync.display.table import table


@click.command("balance")
@shared
def command(sim: bool, mode: str | None, as_json: bool, debug: bool) -> None:
    """Positions of the account, its cash, what it can order with, and today's profit."""
    with broker(sim, mode) as asked:
        balance = asked.get_balance()
    if as_json:
        print_json(balance)
        return
    rows = [
        (
            each.code,
            each.name,
            number(each.quantity),
            number(each.sellable),
            number(each.average_price, ",.2f"),
            number(each.price),
            number(each.value),
            number(each.profit, "+,d"),
            number(each.profit_percent, "+.2f"),
        )
        for each in balance.positions
    ]
    titles = ("code", "name", "shares", "sellable", "average", "price", "value", "profit", "%")
    print(table(titles, rows, "<<>>>>>>>") if rows else "no positions")
    print(
        f"orderable cash {number(balance.orderable_cash)} won, "
        f"to buy without owing any {number(balance.buyable_amount)}"
    )
    print(
        f"deposit {number(balance.deposit)} won, D+1 {number(balance.deposit_d1)}, "
        f"D+2 {number(balance.deposit_d2)}; securities {number(balance.securities_value)}, "
        f"in all {number(balance.total_value)}"
    )
    print(
        f"today: bought {number(balance.bought_today)} won, sold {number(balance.sold_today)}, "
        f"costs {number(balance.costs_today)}; profit realised {number(balance.realized_profit, '+,d')}, "
        f"not realised {number(balance.profit, '+,d')}"
    )
