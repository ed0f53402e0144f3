"""``kis-sync sell``: a new order.

This room changes when selling differs from the other side on the command line.
"""

from __future__ import annotations

from typing import Any

import click

from kis_sync.api.domestic_stock.order_type import Side
from kis_sync.cli.new_order import Asked, order_options, trade
from kis_sync.cli.options import shared


@click.command("sell")
@order_options
@shared
def command(sim: bool, mode: str | None, as_json: bool, debug: bool, **asked: Any) -> int:
    """Sell QUANTITY shares of CODE.

    Say --price, --market or another --type. Mode, account, order and amount are shown, and nothing is sent
    without a yes or --yes. With --sim nothing is real and nobody is asked.

        kis-sync sell 005930 10 --price 230,000 --id my-first --wait 30
    """
    return trade(Side.SELL, Asked(**asked), sim=sim, mode=mode, as_json=as_json)
