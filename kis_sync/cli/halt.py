"""``kis-sync halt``: stop every order of the account at once.

This room changes when halting is asked for in another way.
"""

from __future__ import annotations

import click

from kis_sync.cli.consent import where
from kis_sync.cli.options import broker, print_json, shared


@click.command("halt")
@click.argument("reason", default="")
@shared
def command(reason: str, sim: bool, mode: str | None, as_json: bool, debug: bool) -> None:
    """Stop every order of the account at once.

    None leaves this machine, whatever process it comes from, until `resume`. Open
    orders stay open, and cancelling stays possible. With --sim the halt ends with this command.

        kis-sync halt "strange fills"
    """
    with broker(sim, mode) as at:
        at.halt(reason)
        if as_json:
            print_json({"halted": True, "reason": reason})
        else:
            print(f"{where(at)}: orders are halted until kis-sync resume; open orders stay open")
