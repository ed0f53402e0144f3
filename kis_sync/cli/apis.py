"""``kis-sync apis``: what KIS documents, found by a word and described.

This room changes when what is told of an API changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click

from kis_sync.api.any_endpoint import FILLED_IN
from kis_sync.catalog.labels import Description, RequestField, describe, search
from kis_sync.cli.options import print_json
from kis_sync.display.table import columns, table

_KEYS = ("GRANT_TYPE", "APPKEY", "APPSECRET", "SECRETKEY")  # of the OAuth paths
_WIDTH = 90  # columns that a line of values may take


@click.command("apis")
@click.argument("words", nargs=-1, metavar="[WORD]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(words: tuple[str, ...], as_json: bool, debug: bool) -> None:
    """List the APIs that KIS documents; those with every WORD in their name, label, path or TR ids.

    A full name, or a search that finds one API only, describes it: what it is asked and what it answers.

        kis-sync apis 배당
        kis-sync apis domestic_stock.inquire_price
    """
    wanted = " ".join(words)
    found = search(wanted)
    if wanted in found:
        found = [wanted]
    if not found:
        raise click.UsageError(f"nothing is documented with {wanted!r} in it; kis-sync apis lists everything")
    described = [describe(name) for name in found]
    if as_json:
        print_json(described)
    elif len(described) == 1:
        print("\n".join(_told(described[0])))
    else:
        rows = [(each.name, each.label, _where(each.tr_ids), each.category) for each in described]
        print(table(("name", "label", "mode", "category"), rows, "<<<<"))


def _where(tr_ids: Mapping[str, tuple[str | None, str | None]]) -> str:
    """In which modes an API can be called."""
    live, paper = (any(ids[at] for ids in tr_ids.values()) for at in (0, 1))
    return "live, paper" if live is paper else "live" if live else "paper"


def _told(found: Description) -> Iterator[str]:
    yield f"{found.name}  {found.label}"
    yield f"  {found.category}, {found.api_id}: {found.method} {found.path}"
    rows = [(variant or "-", live or "-", paper or "-") for variant, (live, paper) in found.tr_ids.items()]
    if rows:
        yield from ("", *_indented(table(("variant", "live TR id", "paper TR id"), rows, "<<<")))
    if found.request:
        asked = [(each.name, _need(each), each.label) for each in found.request]
        titles, line, *lines = _indented(table(("field", "", "label"), asked, "<<<"))
        yield from ("", "Asked:", titles, line)
        for told, field in zip(lines, found.request, strict=True):
            yield from (told, *_values(field))
    for output, fields in found.response.items():
        if fields:
            yield from ("", f"Answered in {output}:" if output else "Answered:")
            yield from _indented(table(("field", "label"), list(fields), "<<"))


def _need(field: RequestField) -> str:
    if field.name.upper() in (*FILLED_IN, *_KEYS):
        return "filled in"
    return "may be blank" if field.blank else ""


def _values(field: RequestField) -> Iterator[str]:
    """The documented values with their labels, as many a line as fit."""
    line = ""
    for value, label in field.values.items():
        told = f"{value or repr('')} {label}".rstrip()
        if line and columns(f"{line}, {told}") > _WIDTH:
            yield f"{line},"
            line = ""
        line = f"{line}, {told}" if line else f"      {told}"
    if line:
        yield line


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]
