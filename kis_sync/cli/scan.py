"""``kis-sync scan``: the main job: scan stocks and rank them by momentum.

This room changes when what is shown of a scan changes.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from kis_sync.broker import KISBroker
from kis_sync.cli import leave
from kis_sync.cli.options import broker, number, plain, print_json, shared
from kis_sync.display.table import cell, table
from kis_sync.scanner import MarketScanner, ScanResult, VolatilityMetrics

_TITLES = ("code", "name", "price", "1m %", "5m %", "15m %", "surge", "ATR", "score")
_WIDTHS = (7, 20, 11, 7, 7, 7, 7, 9, 7)
_ALIGNS = "<<>>>>>>>"


@click.command("scan")
@click.argument("codes", nargs=-1)
@click.option(
    "--codes-from",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A text file with one code a line.",
)
@click.option(
    "--stocks", type=click.IntRange(min=1), default=100, show_default=True, help="With --sim: how many."
)
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, help="Rows of the ranking.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Threads; they hide latency only.",
)
@shared
def command(
    codes: tuple[str, ...],
    codes_from: Path | None,
    stocks: int,
    top: int,
    workers: int,
    sim: bool,
    mode: str | None,
    as_json: bool,
    debug: bool,
) -> None:
    """Scan CODES (or, with --sim, the simulated market) and rank them: the most active first."""
    with broker(sim, mode) as asked:
        wanted = _universe(asked, codes, codes_from, stocks)
        rows = _Rows(len(wanted), silent=as_json)
        scanner = MarketScanner(asked, top_n=top, max_workers=workers, progress=rows.add)
        began = time.monotonic()
        result = scanner.scan_market("KR", wanted)
        rows.close()
        figures = _figures(asked, result, len(wanted), time.monotonic() - began)
        if as_json:
            print_json(figures)
        else:
            _show(result, figures)
        if result.cancelled:
            click.echo(f"interrupted: {len(result.unscanned)} stocks were not scanned", err=True)
            leave(130)
    if wanted and not result.total_scanned:
        sys.exit(1)


def _universe(asked: KISBroker, codes: tuple[str, ...], codes_from: Path | None, stocks: int) -> list[str]:
    wanted = list(codes)
    if codes_from is not None:
        lines = codes_from.read_text(encoding="utf-8-sig").splitlines()
        wanted += [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]
    if wanted:
        return list(dict.fromkeys(each.strip() for each in wanted))
    if asked.simulator is None:
        raise click.UsageError("which stocks? Name codes (005930 000660), or --codes-from FILE, or use --sim")
    listed = asked.simulator.market.codes()
    if stocks > len(listed):
        raise click.UsageError(f"the simulator lists {len(listed)} stocks; ask for at most so many")
    return listed[:stocks]


class _Rows:
    """Each stock as it comes, and the progress, while the scan runs."""

    def __init__(self, total: int, silent: bool) -> None:
        from tqdm import tqdm

        self._silent = silent
        self._write = tqdm.write
        self._bar = tqdm(
            total=total,
            unit="stock",
            file=sys.stderr,
            ascii=not (sys.stderr.encoding or "").lower().startswith("utf"),
            disable=None if silent else False,  # silent: only where somebody watches
            leave=False,
        )
        if not silent:
            self._line(_TITLES)

    def add(self, done: int, total: int, code: str, outcome: VolatilityMetrics | Exception) -> None:
        """Show one stock."""
        if not self._silent:
            self._line(
                _row(outcome) if isinstance(outcome, VolatilityMetrics) else (code, f"failed: {outcome}")
            )
        self._bar.update()

    def close(self) -> None:
        """Take the progress away."""
        self._bar.close()

    def _line(self, texts: tuple[str, ...]) -> None:
        if len(texts) == len(_WIDTHS):
            texts = tuple(cell(*each) for each in zip(texts, _WIDTHS, _ALIGNS, strict=True))
        self._write("  ".join(texts).rstrip(), file=sys.stdout)
        sys.stdout.flush()


def _row(metrics: VolatilityMetrics) -> tuple[str, ...]:
    return (
        metrics.stock_code,
        metrics.name or "",
        number(metrics.current_price, ",.0f"),
        number(metrics.price_change_1m, "+.2f"),
        number(metrics.price_change_5m, "+.2f"),
        number(metrics.price_change_15m, "+.2f"),
        number(metrics.volume_surge, ".2f"),
        number(metrics.atr, ",.1f"),
        number(metrics.momentum_score, ".2f"),
    )


def _figures(asked: KISBroker, result: ScanResult, stocks: int, seconds: float) -> dict[str, object]:
    """The figures of the scan; counted by the server where it is the simulator, else by the client."""
    simulator, traffic = asked.simulator, asked.traffic
    calls = traffic.calls
    return {
        "stocks": stocks,
        "failures": {code: str(error) for code, error in result.failures.items()},
        "calls": calls,
        "seconds": round(seconds, 3),
        "calls_per_second": round(calls / seconds, 3) if seconds else 0.0,
        "most_calls_in_any_second": (
            simulator.stats.most_calls_in_any_second if simulator else traffic.most_in_any_second
        ),
        "egw00201": simulator.stats.egw00201 if simulator else traffic.over_the_limit,
        "results": [{"rank": rank, **plain(each)} for rank, each in enumerate(result.metrics, 1)],
    }


def _show(result: ScanResult, figures: dict[str, object]) -> None:
    print()
    print(
        f"The {len(result.top_movers)} most active of {result.total_scanned} (up or down), "
        f"{result.timestamp:%Y-%m-%d %H:%M:%S} KST"
    )
    rows = [(str(rank), *_row(each)) for rank, each in enumerate(result.top_movers, 1)]
    print(table(("rank", *_TITLES), rows, ">" + _ALIGNS))
    for name, listed in (("breakouts", result.breakouts), ("breakdowns", result.breakdowns)):
        if listed:
            print(f"{name}: {', '.join(listed)}")
    for code, error in result.failures.items():
        click.echo(f"failed: {code}: {error}", err=True)
    print(
        f"{_told_stocks(result, figures)}, {len(result.failures)} failed, {figures['calls']} calls "
        f"in {figures['seconds']:.2f} s = {figures['calls_per_second']:.2f} a second, "
        f"at most {figures['most_calls_in_any_second']} in any second, EGW00201: {figures['egw00201']}"
    )


def _told_stocks(result: ScanResult, figures: dict[str, object]) -> str:
    wanted = figures["stocks"]
    return f"{result.total_scanned} of {wanted} stocks" if result.cancelled else f"{wanted} stocks"
