"""``kis-sync resume``: let orders leave again.

This room changes when the end of a halt is asked for in another way.
"""

from __future__ import annotations

import click

from kis_sync.cli.consent import where
from kis_sync.cli.options import broker, print_json, shared


@click.command("resume")
@shared
def command(sim: bool, mode: str | None, as_json: bool, debug: bool) -> None:
    """Let orders leave again after `halt`.

    Whoever halted the account, here or in another process: it is for all of them.

    kis-sync resume
    """
    with broker(sim, mode) as at:
        reason = at.order_desk().halt_switch.reason()
        at.resume()
        if as_json:
            print_json({"halted": False, "reason": reason})
        else:
            because = f" (they were halted: {reason})" if reason else ""
            what = "orders were not halted" if reason is None else f"orders leave again{because}"
            print(f"{where(at)}: {what}")
