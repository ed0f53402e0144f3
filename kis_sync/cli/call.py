"""``kis-sync call``: any documented API by its name.

This room changes when the way of calling by name from the command line changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click

from kis_sync.api.any_endpoint import FILLED_IN, Answer, ask_for
from kis_sync.broker import KISBroker
from kis_sync.catalog import Call, Effect, endpoint
from kis_sync.catalog.check import checked
from kis_sync.cli.options import broker, print_json, shared
from kis_sync.display.table import cell, columns
from kis_sync.settings import Account

_SECRETS = ("access_token", "approval_key")
_HIDDEN = "***"
_ALL = "all"


def _pages(context: click.Context, param: click.Parameter, text: str) -> int | None:
    """A number of pages, ``None`` for all."""
    if text.isascii() and text.isdigit() and int(text) >= 1:
        return int(text)
    if text != _ALL:
        raise click.BadParameter(f"{text!r} is neither a number of at least 1 nor 'all'", context, param)
    return None


@click.command("call")
@click.argument("name")
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]...")
@click.option("--variant", default="", help="Which of several things the API does, such as buy or sell.")
@click.option(
    "--pages", callback=_pages, default="1", show_default=True, metavar="NUMBER|all",
    help="How many pages to read.",
)  # fmt: skip
@click.option("--strict", is_flag=True, help="Refuse values that KIS does not list.")
@click.option("--yes", is_flag=True, help="Send an order to KIS without asking.")
@shared
def command(
    name: str,
    fields: tuple[str, ...],
    variant: str,
    pages: int | None,
    strict: bool,
    yes: bool,
    sim: bool,
    mode: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Call the API NAME (see `kis-sync apis`) with KIS's own fields.

    What KIS takes blank may be left out; the account comes from the settings.

        kis-sync call domestic_stock.inquire_price FID_COND_MRKT_DIV_CODE=J FID_INPUT_ISCD=005930 --sim
    """
    params = _split(fields)
    with broker(sim, mode) as asked:
        if endpoint(name).effect is Effect.ORDER and not (yes or sim):
            _confirm(asked, ask_for(asked, name, params, variant=variant), strict)
        answer = asked.call(name, params, variant=variant, pages=pages, strict=strict)
    if as_json:
        print_json(_without_secrets(answer))
    else:
        _show(answer)


def _split(fields: tuple[str, ...]) -> dict[str, str]:
    params: dict[str, str] = {}
    for each in fields:
        name, sign, value = each.partition("=")
        if not sign or not name:
            raise click.UsageError(f"{each!r} is not FIELD=VALUE")
        if name in params:
            raise click.UsageError(f"{name} is given twice")
        params[name] = value
    return params


def _confirm(asked: KISBroker, order: Call, strict: bool) -> None:
    """Show what would be sent and ask; an order leaves on a plain yes only. Faults are told before that."""
    asked.check_orders_allowed()
    order.endpoint.tr_id(asked.mode, order.variant)
    fields = checked(order.endpoint, order.params, variant=order.variant, strict=strict)
    account = Account(*(fields.pop(name) for name in FILLED_IN))
    told = " ".join(f"{field}={value}" for field, value in fields.items() if value)
    title = f"{order.endpoint.name} {order.variant}".strip()
    click.echo(f"{asked.mode.value.upper()} order, account {account!r}: {title} {told}", err=True)
    click.confirm("Send it?", abort=True, err=True)


def _without_secrets(value: object) -> object:
    """The same with access tokens and the like hidden, wherever they stand."""
    if isinstance(value, Mapping):
        return {
            name: _HIDDEN if str(name).lower() in _SECRETS else _without_secrets(each)
            for name, each in value.items()
        }
    return [_without_secrets(each) for each in value] if isinstance(value, list) else value


def _show(answer: Answer) -> None:
    """Every field on a line of its own, with its Korean label where one is documented."""
    from kis_sync.catalog.labels import describe  # labels are for people only

    outputs = {name.lower(): dict(fields) for name, fields in describe(answer.endpoint).response.items()}
    for name, value in answer.items():
        if not isinstance(value, (list, Mapping)):
            print(f"{name}: {_HIDDEN if name.lower() in _SECRETS else _text(value)}")
            continue
        labels = {field.lower(): label for field, label in outputs.get(name.lower(), {}).items()}
        for title, row in _rows(name, value):
            print(title)
            _show_row(row, labels)
    if answer.has_more and endpoint(answer.endpoint).has_pages:
        print("More pages follow: --pages all reads them.")


def _rows(name: str, value: object) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Each row with its title; a list without rows is told too."""
    if isinstance(value, Mapping):
        yield name, value
        return
    rows = value if isinstance(value, list) else []
    yield f"{name}: {len(rows)} {'row' if len(rows) == 1 else 'rows'}", {}
    for at, row in enumerate(rows, 1):
        yield f"{name} {at}", row if isinstance(row, Mapping) else {"": row}


def _show_row(row: Mapping[str, object], labels: Mapping[str, str]) -> None:
    told = [(field, labels.get(field.lower(), "")) for field in row]
    names = max((columns(field) for field, _ in told), default=0)
    widths = max((columns(label) for _, label in told), default=0)
    for field, label in told:
        value = _HIDDEN if field.lower() in _SECRETS else _text(row[field])
        print(f"  {cell(field, names)}  {cell(label, widths)}  {value}".rstrip())


def _text(value: object) -> str:
    """A value on one line, without letters that would command the terminal."""
    return " ".join("".join(each if each.isprintable() else " " for each in str(value)).split())
