"""``kis-sync recover``: what became of the orders that nobody could tell about.

This room changes when uncertain orders are settled in another way.
"""

from __future__ import annotations

import click

from kis_sync.broker import KISBroker
from kis_sync.cli.consent import ask, check_can_ask
from kis_sync.cli.options import broker, print_json, shared
from kis_sync.cli.order_words import counted, fate, orders_table, words
from kis_sync.errors import InvalidRequestError
from kis_sync.orders.entry import State

_UNCERTAIN = 3


@click.command("recover")
@click.option("--wait", is_flag=True, help="Read again until live lists show that an order did not run.")
@click.option("--settle", metavar="ID", help="Settle this one by what you have seen in the account.")
@click.option(
    "--number", type=click.IntRange(min=1), metavar="N", help="With --settle: it ran, as this order number."
)
@click.option("--did-not-run", is_flag=True, help="With --settle: it did not run; its id is free again.")
@click.option("--yes", is_flag=True, help="Settle it without asking.")
@shared
def command(
    wait: bool,
    settle: str | None,
    number: int | None,
    did_not_run: bool,
    yes: bool,
    sim: bool,
    mode: str | None,
    as_json: bool,
    debug: bool,
) -> int:
    """Settle uncertain orders; nothing is sent.

    KIS's lists tell what became of them; the exit code is 3 when some stay uncertain.
    Paper's lists may lack orders: what they do not show is settled by you, who looked at the account. With
    --sim there is nothing to settle, its orders end with their command.

        kis-sync recover --settle my-first --did-not-run
    """
    if settle is None and (number is not None or did_not_run):
        raise click.UsageError("--number and --did-not-run go with --settle ID")
    if settle is not None and (number is None) != did_not_run:
        raise click.UsageError("what became of it? --number N when it ran, or --did-not-run")
    if settle is not None:
        check_can_ask(yes=yes, sim=sim, as_json=as_json)
    with broker(sim, mode) as at:
        if settle is not None:
            _settle(at, settle, number, yes or sim, as_json)
            return 0
        return _recover(at, wait, as_json)


def _recover(at: KISBroker, wait: bool, as_json: bool) -> int:
    if wait:
        click.echo("reading until it is settled; this can take minutes", err=True)
    done = at.recover(wait=wait)
    if as_json:
        print_json(done)
    else:
        if done.settled:
            print(f"{counted(len(done.settled), 'order')} settled:\n{orders_table(done.settled)}")
        if done.uncertain:
            stay = "stays" if len(done.uncertain) == 1 else "stay"
            print(
                f"{counted(len(done.uncertain), 'order')} {stay} uncertain:\n{orders_table(done.uncertain)}"
            )
            print("When you have seen in the account what became of one: kis-sync recover --settle ID ...")
        if not (done.settled or done.uncertain):
            print("no uncertain orders")
    return _UNCERTAIN if done.uncertain else 0


def _settle(at: KISBroker, name: str, number: int | None, yes: bool, as_json: bool) -> None:
    order = at.get_order(name)  # KIS's lists may tell it by now
    if order.state is not State.UNCERTAIN or order.client_order_id is None:
        raise InvalidRequestError(f"only an uncertain order is settled by hand: {fate(order)}")
    if not yes:
        ran = "it did not run, its id is free again" if number is None else f"it ran as order {number}"
        ask(at, f"{name}: {words(order)}", f"settled by hand: {ran}", question="Is that so?")
    settled = at.settle_order(order.client_order_id, number=number)
    if as_json:
        print_json(settled)
    else:
        print(fate(settled))
