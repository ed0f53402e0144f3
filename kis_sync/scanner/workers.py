"""The threads of a scan: one outcome a stock, in completion order, and a stop that nobody has to wait for.

The width is that of a ``ThreadPoolExecutor``; a worker hands each stock to a thread of its own that does not
hold up the end of the program. For the interpreter joins every pool worker when it ends, and a worker that
sat in a call would hold it for the call's whole time-out: this way a stop frees the workers at once, ours
and those of a given executor, and the call in flight is left to end by itself.

The calling thread takes no lock of this room while it waits, since Ctrl-C may strike it between any two
steps. This room changes when scanning is spread over threads in another way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")

_SLICE = 0.1
"""Seconds that the calling thread waits at a time. On Windows a blocked wait does not see Ctrl-C until it
returns; elsewhere one that strikes in the instant before the wait begins would be seen only after it."""
_NOT_STOPPED: Callable[[], bool] = bool
_is_stopped: ContextVar[Callable[[], bool]] = ContextVar("kis_sync_scan_is_stopped", default=_NOT_STOPPED)


def check_not_stopped() -> None:
    """Raise ``CancelledError`` if the scan that this thread works for was stopped; asked before each call."""
    if _is_stopped.get()():
        raise CancelledError("the scan was stopped")


class Work(Generic[T]):
    """A piece of work for each code, done once: read ``outcomes`` once, in a ``with`` block.

    At the end of the block nothing more is begun: what has not started is cancelled, and running work ends
    before its next call. Nobody is waited for. Without an ``executor`` a pool of ``max_workers`` threads is
    made; a given one is used and left as it is.
    """

    def __init__(
        self,
        do: Callable[[str], T],
        codes: Iterable[str],
        *,
        executor: Executor | None = None,
        max_workers: int = 1,
    ) -> None:
        self._do = do
        self._codes = list(codes)
        self._given = executor
        self._max_workers = max_workers
        self._own: ThreadPoolExecutor | None = None
        self._stopped = False
        self._futures: list[Future[T | BaseException]] = []
        # An outcome is kept before its code is told: Ctrl-C may strike just after the code was taken.
        self._kept: dict[str, T | BaseException] = {}
        self._done: SimpleQueue[str] = SimpleQueue()
        self._waiting: dict[str, SimpleQueue[T | BaseException]] = {}

    def __enter__(self) -> Work[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True  # a worker that begins to wait after this sees the mark
        for waiting in list(self._waiting.values()):
            waiting.put(CancelledError("the scan was stopped"))
        for future in self._futures:
            future.cancel()
        if self._own is not None:
            self._own.shutdown(wait=False)

    def outcomes(self) -> Iterator[tuple[str, T | Exception]]:
        """Each code with its result or its exception, as they come."""
        executor = self._given or self._pool()
        for code in self._codes:
            future = executor.submit(self._run, code)
            self._futures.append(future)
            future.add_done_callback(partial(self._deliver, code))
        for _ in self._codes:
            yield self._next()

    def _pool(self) -> ThreadPoolExecutor:
        self._own = ThreadPoolExecutor(self._max_workers, thread_name_prefix="kis-scan")
        return self._own

    def finished(self) -> Iterator[tuple[str, T | Exception]]:
        """After the block: all that was done by its end, whether it was read or not."""
        for code, outcome in list(self._kept.items()):
            if isinstance(outcome, CancelledError):
                continue
            if isinstance(outcome, Exception) or not isinstance(outcome, BaseException):
                yield code, outcome

    def _next(self) -> tuple[str, T | Exception]:
        code = self._wait()
        outcome = self._kept[code]
        if isinstance(outcome, BaseException) and not isinstance(outcome, Exception):
            raise outcome
        return code, outcome

    def _wait(self) -> str:
        while True:
            try:
                return self._done.get(timeout=_SLICE)
            except Empty:
                continue

    def _run(self, code: str) -> T | BaseException:
        """In a worker: the outcome of one code, or ``CancelledError`` as soon as the work is stopped."""
        answer: SimpleQueue[T | BaseException] = SimpleQueue()
        self._waiting[code] = answer
        try:
            if self._stopped:
                return CancelledError("the scan was stopped")
            threading.Thread(
                target=self._answer, args=(answer, code), name=f"kis-scan {code}", daemon=True
            ).start()
            return answer.get()
        finally:
            del self._waiting[code]

    def _answer(self, answer: SimpleQueue[T | BaseException], code: str) -> None:
        _is_stopped.set(lambda: self._stopped)
        try:
            answer.put(self._do(code))
        except BaseException as error:  # noqa: BLE001  # handed to the thread that asked
            answer.put(error)

    def _deliver(self, code: str, future: Future[T | BaseException]) -> None:
        if future.cancelled():
            self._kept[code] = CancelledError("the executor dropped this stock")
        else:
            self._kept[code] = future.exception() or future.result()
        self._done.put(code)
