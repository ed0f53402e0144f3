"""Scans stocks for activity: one by one or several at a time, ranked at the end.

The scanner never sleeps, counts or retries: the broker sets the pace of every call, and more workers only
hide its latency. This room changes when a scan is run, reported or cancelled in another way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import datetime
from itertools import chain
from math import isfinite
from typing import Protocol, TypeGuard, cast

from kis_sync.api.domestic_stock.stock_code import checked_code
from kis_sync.clock import KST, Clock, SystemClock
from kis_sync.errors import AuthenticationError, ConfigurationError, Reach, ServerError
from kis_sync.scanner.alignment import SessionOf, VolumeAdjust
from kis_sync.scanner.history import ChartSource, History, SnapshotSource
from kis_sync.scanner.result import ScanResult
from kis_sync.scanner.universe import distinct_codes
from kis_sync.scanner.volatility import VolatilityAnalyzer, VolatilityMetrics, ranked
from kis_sync.scanner.watchlist import updated_watchlist
from kis_sync.scanner.workers import Work

_log = logging.getLogger("kis_sync")

Outcome = VolatilityMetrics | Exception
Progress = Callable[[int, int, str, Outcome], object]
"""Called with how many stocks are done, how many there are, the last one's code and its outcome."""


class Market(Protocol):
    """A market to scan."""

    @property
    def code(self) -> str:
        """Its code, such as KR."""
        ...

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def is_domestic(self) -> bool:
        """Whether its stocks are traded in Korea."""
        ...


class MarketScanner:
    """Finds the stocks that move most, by their last minutes, their day's volume and their usual range.

    ``top_n`` is how many ``top_movers`` a result has, ``max_workers`` how many stocks are looked at at once
    (``max_concurrent_scans`` means the same). A given ``executor`` is used in place of a pool of its own,
    with the executor's width, and is never shut down. ``progress(done, total, code, outcome)`` is called in
    the calling thread once a stock; if it raises, the rest is cancelled and the error passes on.

    ``division``, ``session``, ``volume_adjust`` and ``check_status`` belong to the ``History`` that is made
    when ``history`` is not given; ``clock`` replaces the broker's time where the server sends none.

    A scan costs two calls a stock the first time on a day and one after that (one more each with
    ``check_status``). Two scans at once on one scanner are allowed. ``ValueError`` for settings that cannot
    work; ``mode="quick"`` is not built yet.
    """

    def __init__(
        self,
        broker: ChartSource | None,
        volatility_analyzer: VolatilityAnalyzer | None = None,
        top_n: int = 5,
        max_workers: int = 1,
        *,
        max_concurrent_scans: int | None = None,
        executor: Executor | None = None,
        history: SnapshotSource | None = None,
        mode: str = "full",
        volume_adjust: VolumeAdjust = 1.0,
        check_status: bool = False,
        clock: Clock | None = None,
        session: SessionOf | None = None,
        division: str = "J",
        progress: Progress | None = None,
    ) -> None:
        _check_mode(mode)
        self.broker = broker
        self.volatility_analyzer = volatility_analyzer or VolatilityAnalyzer()
        self.top_n = _at_least_one("top_n", top_n)
        width = max_workers if max_concurrent_scans is None else max_concurrent_scans
        self.max_workers = _at_least_one("max_workers", width)
        self.mode = mode
        self._executor = executor
        self._progress = progress
        self._now = _time_source(broker, clock)
        if history is not None:
            if check_status or session is not None or division != "J" or volume_adjust != 1.0:
                raise ValueError(
                    "session, division, volume_adjust and check_status belong to the given history"
                )
            self._history = history
        elif broker is None:
            raise ValueError("a scanner needs a broker or a history")
        else:
            self._history = History(
                broker,
                volume_adjust=volume_adjust,
                check_status=check_status,
                clock=clock,
                session=session,
                division=division,
            )

    @property
    def max_concurrent_scans(self) -> int:
        """Another name of ``max_workers``."""
        return self.max_workers

    def measure_stock(self, stock_code: str) -> VolatilityMetrics:
        """The metrics of one stock now; raises what went wrong.

        ``ServerError`` when there is no usable price, since every change would be measured from it.

        Source: FHKST03010200 and, once a stock and day, FHKST03010100.
        """
        return self._measure(checked_code(stock_code))

    def scan_stock(self, stock_code: str, market: str | Market = "KR") -> VolatilityMetrics | None:
        """The metrics of one stock, or ``None`` if they could not be had (the reason is logged).

        ``ValueError`` for a market that is not domestic.
        """
        _domestic(market)
        try:
            return self.measure_stock(stock_code)
        except Exception as error:  # noqa: BLE001  # one stock's trouble is logged, as promised
            _log.exception("%s could not be scanned: %s", stock_code, error)
            return None

    def iter_scan(self, codes: Iterable[str]) -> Generator[tuple[str, Outcome], None, None]:
        """Each stock with its metrics or its exception, in the order in which they are done.

        Codes are stripped, each is scanned once; impossible ones come first, without a call. Closing the
        iterator early cancels the rest without waiting.
        """
        checked = distinct_codes(codes)
        with self._work(checked) as work:
            yield from self._scan(checked, work, {})

    def scan_market(
        self, market: str | Market | Iterable[str] = "KR", stock_codes: Iterable[str] | None = None
    ) -> ScanResult:
        """The ranked result of many stocks; a single argument is their codes.

        A stock that fails is in ``failures`` with its exception, and the scan goes on; but wrong keys or
        settings end it at once with ``AuthenticationError`` or ``ConfigurationError``. Ctrl-C cancels what
        is left and returns what is done, with ``cancelled=True``, without waiting for a call in flight; a
        second Ctrl-C raises ``KeyboardInterrupt``. The same data give the same result for any number of
        workers and any order of codes.

        ``top_movers`` are the most active stocks, rising or falling: see ``ScanResult``. ``ValueError`` for
        a market that is not domestic and for a string in place of a list of codes.
        """
        if stock_codes is None:
            market, stock_codes = "KR", cast("Iterable[str]", market)
        market_code = _domestic(market)
        codes = distinct_codes(stock_codes)
        started_at = self._now()
        outcomes: dict[str, Outcome] = {}
        cancelled = False
        with self._work(codes) as work:  # its end is outside the try: a second Ctrl-C raises
            try:
                for _ in self._scan(codes, work, outcomes):
                    pass
            except KeyboardInterrupt:
                cancelled = True
        outcomes.update(work.finished())
        return self._result(market_code, list(codes), outcomes, started_at, cancelled)

    def get_updated_watchlist(
        self,
        current_watchlist: Sequence[str],
        scan_result: ScanResult,
        max_replacements: int = 2,
        *,
        protected: Iterable[str] = (),
        grow: bool = False,
    ) -> list[str]:
        """The next watchlist after a scan: see ``updated_watchlist``."""
        return updated_watchlist(
            current_watchlist, scan_result, max_replacements, protected=protected, grow=grow
        )

    update_watchlist = get_updated_watchlist

    def _work(self, codes: Mapping[str, Exception | None]) -> Work[VolatilityMetrics]:
        possible = [code for code, fault in codes.items() if fault is None]
        return Work(self._measure, possible, executor=self._executor, max_workers=self.max_workers)

    def _scan(
        self,
        codes: Mapping[str, Exception | None],
        work: Work[VolatilityMetrics],
        outcomes: dict[str, Outcome],
    ) -> Iterator[tuple[str, Outcome]]:
        """Each stock as it is done, noted in ``outcomes`` first so that an interruption loses nothing."""
        faults = ((code, fault) for code, fault in codes.items() if fault is not None)
        for code, outcome in chain(faults, work.outcomes()):
            outcomes[code] = outcome
            if self._progress is not None:
                self._progress(len(outcomes), len(codes), code, outcome)
            if _concerns_every_stock(outcome):
                raise outcome
            yield code, outcome

    def _measure(self, code: str) -> VolatilityMetrics:
        snapshot = self._history.snapshot(code)
        metrics = self.volatility_analyzer.analyze(code, snapshot.quote, snapshot.price_history)
        if not (isfinite(metrics.current_price) and metrics.current_price > 0):
            raise ServerError(f"the quote of {code} has no usable price: {metrics.current_price}")
        return replace(metrics, name=snapshot.name, as_of=snapshot.as_of, flags=tuple(snapshot.flags))

    def _result(
        self,
        market_code: str,
        codes: Sequence[str],
        outcomes: Mapping[str, Outcome],
        started_at: datetime,
        cancelled: bool,
    ) -> ScanResult:
        metrics = ranked(each for each in outcomes.values() if not isinstance(each, Exception))
        in_order = ((code, outcomes.get(code)) for code in codes)
        return ScanResult(
            market_code=market_code,
            timestamp=self._now(),
            total_scanned=len(metrics),
            top_movers=[each for each in metrics if each.momentum_score is not None][: self.top_n],
            breakouts=[each.stock_code for each in metrics if self.volatility_analyzer.is_breakout(each)],
            breakdowns=[each.stock_code for each in metrics if self.volatility_analyzer.is_breakdown(each)],
            metrics=metrics,
            failures={code: each for code, each in in_order if isinstance(each, Exception)},
            unscanned=[code for code in codes if code not in outcomes],
            cancelled=cancelled,
            started_at=started_at,
            mode=self.mode,
        )


def _concerns_every_stock(outcome: Outcome) -> TypeGuard[Exception]:
    """Whether no other stock can do better: the keys or the settings are wrong."""
    refused = isinstance(outcome, AuthenticationError) and outcome.reach is Reach.REFUSED
    return refused or isinstance(outcome, ConfigurationError)


def _check_mode(mode: str) -> None:
    if mode == "quick":
        raise ValueError("mode='quick' is not built yet; use mode='full'")
    if mode != "full":
        raise ValueError(f"mode must be 'full', not {mode!r}")


def _at_least_one(name: str, number: int) -> int:
    if number < 1:
        raise ValueError(f"{name} must be at least 1, not {number}")
    return number


def _domestic(market: object) -> str:
    """The code of a domestic market; ``ValueError`` for any other."""
    if isinstance(market, str):
        code, domestic = market, market == "KR"
    else:
        code, domestic = str(getattr(market, "code", market)), bool(getattr(market, "is_domestic", False))
    if not domestic:
        raise ValueError(f"only Korean stocks can be scanned so far (market 'KR'), not {code!r}")
    return code


def _time_source(broker: ChartSource | None, clock: Clock | None) -> Callable[[], datetime]:
    """The present in KST: by the given clock, else by the broker, else by this machine."""
    source = clock or broker or SystemClock()
    return lambda: source.now().astimezone(KST)
