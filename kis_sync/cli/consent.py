"""The question before an order leaves: which mode, which account, what, how much; and the yes to it.

This room changes when people are to be asked in another way.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import click

from kis_sync.broker import KISBroker

_DECLINED = 1


def check_can_ask(*, yes: bool, sim: bool, as_json: bool) -> None:
    """Raise ``click.UsageError`` when a yes is needed and nobody can be asked for it."""
    if yes or sim:
        return
    if as_json:
        raise click.UsageError("with --json nobody is asked: add --yes; nothing was sent")
    if sys.stdin is None or not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on: add --yes; nothing was sent")


def ask(broker: KISBroker, *lines: str, question: str = "Send it?") -> None:
    """Show on which account what would happen, and ask; anything but a plain yes ends the command."""
    click.echo(f"{where(broker)}:", err=True)
    for line in lines:
        click.echo(f"  {line}", err=True)
    if not click.confirm(question, err=True):
        click.echo("nothing was sent", err=True)
        raise click.exceptions.Exit(_DECLINED)


def where(broker: KISBroker) -> str:
    """Mode and account, and the server where it is not KIS's own: ``LIVE, Account(******21-01)``."""
    settings = broker.settings
    mode = "SIMULATOR" if broker.simulator is not None else broker.mode.value.upper()
    is_kis = settings.base_url is None or broker.simulator is not None
    return f"{mode}, {broker.account!r}" + ("" if is_kis else f" at {settings.server}")


@contextlib.contextmanager
def on_its_way() -> Iterator[None]:
    """While something leaves: who interrupts it is told that it may have left."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo("it may have left: `kis-sync recover` tells what became of it", err=True)
        raise
