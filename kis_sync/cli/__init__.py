"""The command line: a file a command; an error is one line that says what to do.

This room changes when a command comes or goes, or when errors are told in another way.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, NoReturn

import click

from kis_sync import __version__
from kis_sync.errors import ConfigurationError, InvalidRequestError, KISError, OrderUncertainError

_FAILED, _WRONG_USE, _UNCERTAIN, _INTERRUPTED = 1, 2, 3, 130

_COMMANDS = {
    "scan": "kis_sync.cli.scan",
    "sim": "kis_sync.cli.sim",
    "price": "kis_sync.cli.price",
    "order-book": "kis_sync.cli.order_book",
    "balance": "kis_sync.cli.balance",
    "buy": "kis_sync.cli.buy",
    "sell": "kis_sync.cli.sell",
    "orders": "kis_sync.cli.orders",
    "modify": "kis_sync.cli.modify",
    "cancel": "kis_sync.cli.cancel",
    "halt": "kis_sync.cli.halt",
    "resume": "kis_sync.cli.resume",
    "recover": "kis_sync.cli.recover",
    "apis": "kis_sync.cli.apis",
    "call": "kis_sync.cli.call",
}


class _Commands(click.Group):
    """Commands that are imported when they are called for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from importlib import import_module

        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(_COMMANDS[cmd_name]).command
        return command


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Without an account: kis-sync scan --sim",
)
@click.version_option(__version__, prog_name="kis-sync")
@click.pass_context
def group(context: click.Context) -> None:
    """KIS (한국투자증권) from the command line: quotes, orders, scans, any documented API, a simulator.

    Keys come from KIS_APP_KEY, KIS_APP_SECRET, KIS_ACCOUNT_NO and MODE (paper or live), or from a .env
    file here. With --sim every command runs on an embedded simulator and needs none of them.
    """
    if context.invoked_subcommand is None:
        print(context.get_help())


def main() -> None:
    """Run the command line and exit.

    0 done, 1 failed or declined, 2 used wrongly or refused before anything was sent, 3 an order that may or
    may not have run (``kis-sync recover``), 130 interrupted.
    """
    _never_fail_on_a_letter()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """The exit code of a command line; errors are told on standard error."""
    try:
        result: Any = group.main(arguments, prog_name="kis-sync", standalone_mode=False)
        return int(result or 0)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        click.echo(f"error: {error.format_message()} (--help tells more)", err=True)
        return _WRONG_USE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return _INTERRUPTED
    except BrokenPipeError:
        leave(_FAILED)  # the reader (head, a pager) has seen enough
    except Exception as error:
        if "--debug" in arguments:
            raise
        click.echo(f"error: {_told(error)}", err=True)
        if isinstance(error, OrderUncertainError):
            return _UNCERTAIN
        return _WRONG_USE if isinstance(error, (ConfigurationError, InvalidRequestError)) else _FAILED


def _told(error: Exception) -> str:
    if isinstance(error, ConfigurationError):
        return f"{error} (or try it without an account: --sim)"
    if isinstance(error, OrderUncertainError):
        name = f"its id is {error.order.client_order_id}; " if error.order is not None else ""
        return f"{error}; {name}kis-sync recover tells what became of it"
    if isinstance(error, KISError):
        return str(error)
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text} (--debug shows where)"


def _never_fail_on_a_letter() -> None:
    """A console that cannot show a letter (cp949, C locale) shows a question mark in its place."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def leave(code: int) -> NoReturn:
    """End the process now, without waiting for threads whose call is still in flight."""
    with contextlib.suppress(BrokenPipeError):  # nobody is left to tell
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
