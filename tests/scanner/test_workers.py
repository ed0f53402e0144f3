"""Threads of a scan: width, order, cancelling, Ctrl-C. This room changes with the threads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kis_sync.errors import BrokerClosedError
from kis_sync.scanner import MarketScanner, ScanResult
from kis_sync.scanner.workers import Work, check_not_stopped
from tests.scanner.examples import HALF_PAST_TEN_CODES, half_past_ten
from tests.scanner.test_end_to_end import told
from tests.scanner.test_scanner import StubHistory, scanner_of

PATIENCE = 30.0  # only a failing test waits this long
CODES = ["000001", "000002", "000003", "000004"]


class GatedHistory(StubHistory):
    """Holds given stocks back until the gate opens, and tells when one has come to it."""

    def __init__(self, *held: str) -> None:
        super().__init__()
        self.held = held
        self.gate = threading.Event()
        self.arrived = threading.Event()

    def snapshot(self, stock_code: str) -> Any:
        if stock_code in self.held:
            self.arrived.set()
            assert self.gate.wait(PATIENCE)
        check_not_stopped()
        return super().snapshot(stock_code)


def scan_threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("kis-scan")]


def all_end() -> bool:
    for thread in scan_threads():
        thread.join(PATIENCE)
    return not scan_threads()


class TestWidth:
    def test_one_after_another_in_the_given_order(self) -> None:
        market = half_past_ten()
        MarketScanner(market).scan_market(HALF_PAST_TEN_CODES)
        assert [code for kind, code, _ in market.calls if kind == "minute"] == HALF_PAST_TEN_CODES
        assert all_end()

    @pytest.mark.parametrize("width", [1, 3])
    def test_so_many_at_once_and_no_more(self, width: int) -> None:
        together = threading.Barrier(width)
        lock = threading.Lock()
        running, most = 0, 0

        def work(code: str) -> str:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            together.wait(PATIENCE)
            with lock:
                running -= 1
            return code

        codes = [str(number) for number in range(4 * width)]
        with Work(work, codes, max_workers=width) as whole:
            assert dict(whole.outcomes()) == {code: code for code in codes}
        assert most == width

    def test_completion_order(self) -> None:
        history = GatedHistory("000001")
        scanner = scanner_of(history, max_workers=2)
        order = []
        for code, _ in scanner.iter_scan(CODES):
            order.append(code)
            if len(order) == 3:
                history.gate.set()
        assert order == ["000002", "000003", "000004", "000001"]

    def test_two_scans_at_once_on_one_scanner(self) -> None:
        expected = told(MarketScanner(half_past_ten()).scan_market(HALF_PAST_TEN_CODES))
        market = half_past_ten()
        both = threading.Barrier(2)

        def before(kind: str, code: str) -> None:
            if (kind, code) == ("minute", "101010"):
                both.wait(PATIENCE)

        market.before = before
        scanner = MarketScanner(market, max_workers=2)
        with ThreadPoolExecutor(2) as pool:
            scans = [pool.submit(scanner.scan_market, HALF_PAST_TEN_CODES) for _ in range(2)]
        assert [told(scan.result()) for scan in scans] == [expected, expected]
        assert market.count("daily") == 4


class TestFailures:
    def test_the_original_exception_is_kept(self) -> None:
        error = RuntimeError("mine")

        def before(kind: str, code: str) -> None:
            if code == "202020":
                raise error

        market = half_past_ten()
        market.before = before
        result = MarketScanner(market, max_workers=3).scan_market(HALF_PAST_TEN_CODES)
        assert result.failures["202020"] is error
        names = []
        trace = error.__traceback__
        while trace is not None:
            names.append(trace.tb_frame.f_code.co_name)
            trace = trace.tb_next
        assert names[-1] == "before"
        assert "snapshot" in names
        assert result.total_scanned == 3

    def test_what_is_no_ordinary_exception_ends_the_scan(self) -> None:
        def leave(code: str) -> str:
            raise SystemExit(3)

        with pytest.raises(SystemExit), Work(leave, CODES) as work:
            list(work.outcomes())
        assert all_end()


class TestProgress:
    def test_in_the_calling_thread_once_a_stock(self) -> None:
        seen: list[tuple[int, int, str, bool]] = []
        threads = set()

        def progress(done: int, total: int, code: str, outcome: object) -> None:
            threads.add(threading.get_ident())
            seen.append((done, total, code, isinstance(outcome, Exception)))

        scanner = scanner_of(progress=progress, max_workers=3)
        scanner.scan_market([*CODES, "bad!", CODES[0]])
        assert threads == {threading.get_ident()}
        assert [each[:2] for each in seen] == [(number, 5) for number in range(1, 6)]
        assert sorted(each[2] for each in seen) == sorted([*CODES, "bad!"])
        assert [each[2] for each in seen if each[3]] == ["bad!"]
        seen.clear()
        list(scanner.iter_scan(CODES))
        assert len(seen) == 4

    def test_its_error_passes_on_and_cancels_the_rest(self) -> None:
        history = GatedHistory("000002")

        def progress(*_: object) -> None:
            assert history.arrived.wait(PATIENCE)
            raise LookupError("the bar broke")

        with pytest.raises(LookupError, match="the bar broke"):
            scanner_of(history, progress=progress).scan_market(CODES)
        history.gate.set()
        assert all_end()
        assert history.asked == ["000001"]


def interrupted(history: StubHistory, after: str, **settings: Any) -> ScanResult:
    """A scan that is interrupted when the stock ``after`` is done and another has come to the gate."""

    def progress(done: int, total: int, code: str, outcome: object) -> None:
        if code == after:
            assert not isinstance(history, GatedHistory) or history.arrived.wait(PATIENCE)
            raise KeyboardInterrupt

    return scanner_of(history, progress=progress, **settings).scan_market(CODES)


class TestInterruption:
    @pytest.mark.parametrize("width", [1, 2, 4])
    def test_returns_what_is_done_without_waiting(self, width: int) -> None:
        history = GatedHistory(*CODES[1:])
        result = interrupted(history, "000001", max_workers=width)
        assert result.cancelled is True
        assert [each.stock_code for each in result.metrics] == ["000001"]
        assert (result.total_scanned, result.unscanned) == (1, CODES[1:])
        assert [each.stock_code for each in result.top_movers] == ["000001"]
        history.gate.set()
        assert all_end()
        assert history.asked == ["000001"]  # nobody went on to another call

    def test_no_next_call_of_a_stock_in_flight(self) -> None:
        market = half_past_ten()
        arrived, gate = threading.Event(), threading.Event()

        def before(kind: str, code: str) -> None:
            if (kind, code) == ("minute", "202020"):
                arrived.set()
                assert gate.wait(PATIENCE)

        def progress(*_: object) -> None:
            assert arrived.wait(PATIENCE)
            raise KeyboardInterrupt

        market.before = before
        result = MarketScanner(market, progress=progress).scan_market(HALF_PAST_TEN_CODES)
        assert result.unscanned == HALF_PAST_TEN_CODES[1:]
        gate.set()
        assert all_end()
        assert [(kind, code) for kind, code, _ in market.calls] == [
            ("minute", "101010"),
            ("daily", "101010"),
            ("minute", "202020"),
        ]

    def test_outcomes_that_were_ready_are_kept(self) -> None:
        pool = ThreadPoolExecutor(2)
        work = Work(_halve, ["10", "4", "x"], executor=pool)
        with work:
            first = next(work.outcomes())
            pool.shutdown(wait=True)
        rest = dict(work.finished())
        assert {first[0], *rest} == {"10", "4", "x"}
        assert isinstance({**dict([first]), **rest}["x"], ValueError)

    def test_a_scan_keeps_what_was_ready(self) -> None:
        pool = ThreadPoolExecutor(2)

        def progress(*_: object) -> None:
            pool.shutdown(wait=True)
            raise KeyboardInterrupt

        result = scanner_of(executor=pool, progress=progress).scan_market(CODES)
        assert (result.cancelled, result.total_scanned, result.unscanned) == (True, 4, [])

    def test_a_second_one_raises(self) -> None:
        def progress(*_: object) -> None:
            raise KeyboardInterrupt

        scanner = scanner_of(progress=progress, executor=_Stubborn())
        with pytest.raises(KeyboardInterrupt):
            scanner.scan_market(CODES)

    def test_a_call_that_waits_in_the_limiter_ends_with_the_broker(self) -> None:
        closed = threading.Event()
        arrived = threading.Event()
        woken: list[str] = []

        def before(kind: str, code: str) -> None:
            if code == "202020":
                arrived.set()
                assert closed.wait(PATIENCE)
                woken.append(code)
                raise BrokerClosedError("closed")

        def progress(*_: object) -> None:
            assert arrived.wait(PATIENCE)
            raise KeyboardInterrupt

        market = half_past_ten()
        market.before = before
        result = MarketScanner(market, progress=progress).scan_market(HALF_PAST_TEN_CODES)
        assert (result.cancelled, dict(result.failures)) == (True, {})
        closed.set()
        assert all_end()
        assert woken == ["202020"]
        assert dict(result.failures) == {}

    def test_closing_the_iterator_early_cleans_up(self) -> None:
        history = GatedHistory("000002")
        scan = scanner_of(history).iter_scan(CODES)
        assert next(scan)[0] == "000001"
        assert history.arrived.wait(PATIENCE)
        scan.close()
        history.gate.set()
        assert all_end()
        assert history.asked == ["000001"]

    def test_an_iterator_that_nobody_reads_does_nothing(self) -> None:
        history = StubHistory()
        scan = scanner_of(history).iter_scan(CODES)
        scan.close()
        assert history.asked == []


def _halve(text: str) -> int:
    return int(text) // 2


class _Stubborn(Executor):
    """Works at once; the second Ctrl-C comes while its futures are cancelled."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = _StubbornFuture()
        future.set_result(fn(*args, **kwargs))
        return future


class _StubbornFuture(Future[Any]):
    def cancel(self) -> bool:
        raise KeyboardInterrupt


class TestGivenExecutor:
    def test_is_used_and_not_shut_down(self) -> None:
        with ThreadPoolExecutor(2, thread_name_prefix="mine") as pool:
            scanner = scanner_of(executor=pool)
            assert scanner.scan_market(CODES).total_scanned == 4
            assert scanner.scan_market(CODES).total_scanned == 4
            assert pool.submit(_halve, "4").result(PATIENCE) == 2

    def test_its_width_counts(self) -> None:
        together = threading.Barrier(3)

        def work(code: str) -> int:
            return together.wait(PATIENCE)

        with ThreadPoolExecutor(3) as pool, Work(work, CODES[:3], executor=pool) as whole:
            found = dict(whole.outcomes())
        assert sorted(found) == CODES[:3]

    def test_an_interruption_frees_its_workers(self) -> None:
        history = GatedHistory("000002")
        with ThreadPoolExecutor(1) as pool:
            assert interrupted(history, "000001", executor=pool).cancelled
            assert pool.submit(_halve, "4").result(PATIENCE) == 2  # although a call is still in flight
            assert not history.gate.is_set()
        history.gate.set()
        assert all_end()

    def test_that_drops_its_tasks_does_not_hang_the_scan(self) -> None:
        history = GatedHistory("000002")
        pool = ThreadPoolExecutor(1)

        def progress(done: int, total: int, code: str, outcome: object) -> None:
            if code == "000001":
                assert history.arrived.wait(PATIENCE)
                pool.shutdown(wait=False, cancel_futures=True)
                history.gate.set()

        result = scanner_of(history, executor=pool, progress=progress).scan_market(CODES)
        assert result.total_scanned == 2
        assert {code: type(error) for code, error in result.failures.items()} == {
            "000003": CancelledError,
            "000004": CancelledError,
        }

    def test_that_was_shut_down_is_an_error(self) -> None:
        pool = ThreadPoolExecutor(1)
        pool.shutdown()
        with pytest.raises(RuntimeError):
            scanner_of(executor=pool).scan_market(CODES)


_PROGRAM = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from kis_sync.scanner import MarketScanner
from tests.scanner.examples import HALF_PAST_TEN_CODES, half_past_ten

held = set(sys.argv[2].split(","))
arrived = threading.Semaphore(0)

def before(kind, code):
    if kind == "minute" and code in held:
        arrived.release()
        threading.Event().wait()  # a call that is never answered

def tell_when_held():
    for _ in range(int(sys.argv[3])):
        arrived.acquire()
    print("held", flush=True)

market = half_past_ten()
market.before = before
threading.Thread(target=tell_when_held, daemon=True).start()
pool = ThreadPoolExecutor(2) if sys.argv[1] == "pool" else None
width = 1 if pool else int(sys.argv[1])
result = MarketScanner(market, max_workers=width, executor=pool).scan_market(HALF_PAST_TEN_CODES)
print(result.cancelled, [each.stock_code for each in result.metrics], result.unscanned, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a console's Ctrl-C cannot be sent to one process there")
@pytest.mark.parametrize(
    ("how", "held", "at_once", "done", "unscanned"),
    [
        ("1", "202020", "1", ["101010"], ["202020", "303030", "404040", "303029"]),
        ("2", "202020,303029", "2", ["101010", "303030"], ["202020", "303029"]),
        ("pool", "202020,303029", "2", ["101010", "303030"], ["202020", "303029"]),
    ],
)
def test_ctrl_c_ends_the_scan_and_lets_the_program_end(
    how: str, held: str, at_once: str, done: list[str], unscanned: list[str]
) -> None:
    root = Path(__file__).parents[2]
    program = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, how, held, at_once],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        assert program.stdout is not None
        assert program.stdout.readline().strip() == "held"
        program.send_signal(signal.SIGINT)
        # The calls in flight are never answered: a program that waited for one would never end.
        out, err = program.communicate(timeout=PATIENCE)
    finally:
        program.kill()
        program.wait()
    assert (program.returncode, err) == (0, "")
    assert out.strip() == f"True {done} {unscanned}"


def test_nobody_is_stopped_outside_a_scan() -> None:
    check_not_stopped()
