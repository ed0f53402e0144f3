"""Feeds mutated answers to everything that a user can ask for, and tells what should not have come out.

    python -m tests.fuzz.answers [--short] [--count N] [--sockets N] [--seed S] [--replay SEED:INDEX]

Bodies, headers, status lines and the ends of connections are mutated; transport, envelope and every typed
model read them, in two processes: most in process through urllib3, some over loopback sockets. Only our
errors may come out, no secret in any of them, and memory must stay flat. The exit code is 1 on any finding.
This room changes when other figures are to be told.
"""

from __future__ import annotations

import argparse
import faulthandler
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from tests.fuzz.answer_mutations import bombs
from tests.fuzz.cases import Runner, Tally, make_case
from tests.fuzz.listening import Ear
from tests.fuzz.loopback import SocketRunner
from tests.fuzz.memory_use import Growth, allow, resident, traced
from tests.fuzz.rig import exercises

COUNT, SOCKETS, SEED = 1_000_000, 20_000, 2026
_SHORT_COUNT, _SHORT_SOCKETS = 3_000, 200
_PROCESSES = 2
_PARTS = 5  # after each of which memory is measured
_GROWS_BY = 12.0  # MiB at most from the first to the last measuring
_TRACED_CASES, _TRACED_GROWS_BY = 400, 0.25
_MOST_MEMORY = 3_000  # MiB of addresses
_HANGS = 300.0  # seconds in which a thousand cases are over
_SLOW = 5.0  # seconds; a case that takes longer hangs
_SOCKET_INDEX = 1 << 40  # indices of the cases over sockets begin here


@dataclass
class Share:
    """What one process did."""

    tally: Tally = field(default_factory=Tally)
    sockets: Tally = field(default_factory=Tally)
    growths: list[Growth] = field(default_factory=list)
    seconds: float = 0.0
    slowest: tuple[float, int] = (0.0, 0)


@dataclass(frozen=True)
class Work:
    """What one process is to do: every ``step``-th case from ``first`` on."""

    seed: int
    count: int
    sockets: int
    first: int
    step: int


def run(work: Work, say: bool = False) -> Share:
    """Run the cases of one process."""
    share = Share()
    started = time.perf_counter()
    with Ear() as ear:
        exercises()
        _run_in_process(work, Runner(ear), share, say)
        with SocketRunner(ear) as runner:
            for index in range(work.first, work.sockets, work.step):
                _timed(runner, work.seed, _SOCKET_INDEX + index, share)
            share.sockets = runner.tally
    share.seconds = time.perf_counter() - started
    return share


def _run_in_process(work: Work, runner: Runner, share: Share, say: bool) -> None:
    share.tally = runner.tally
    bombs()
    indices = range(work.first, work.count, work.step)
    fifth = max(1, len(indices) // _PARTS)
    held, told = [], 0
    for number, index in enumerate(indices):
        if say and number % 1_000 == 0:
            faulthandler.dump_traceback_later(_HANGS, exit=True)
        _timed(runner, work.seed, index, share)
        if say:
            told = _tell_new(runner, told)
        if (number + 1) % fifth == 0:
            held.append(resident())
            if say:
                print(f"... {index:,} of {work.count:,}: {held[-1]} MiB", file=sys.stderr, flush=True)
    if say:
        faulthandler.cancel_dump_traceback_later()
    sizes = [each for each in held if each is not None]
    if len(sizes) >= _PARTS:
        told_as = f"resident, {' '.join(f'{size:.0f}' for size in sizes)} MiB at each fifth"
        share.growths.append(Growth(told_as, sizes[0], sizes[-1], _GROWS_BY))
    if work.first == 0:
        again = indices[:_TRACED_CASES]
        share.growths.append(traced(partial(_repeat, runner, work.seed, again), _TRACED_GROWS_BY))


def _tell_new(runner: Runner, told: int) -> int:
    """Say what was found since; how many findings were told then."""
    for finding in runner.tally.findings[told:]:
        print(
            f"FOUND in {finding.name}: {finding.what[:300]} ({finding.replay})", file=sys.stderr, flush=True
        )
    return len(runner.tally.findings)


def _repeat(runner: Runner, seed: int, indices: range) -> None:
    for index in indices:
        runner.judge(make_case(seed, index))


def _timed(runner: Runner, seed: int, index: int, share: Share) -> None:
    case = make_case(seed, index)
    started = time.perf_counter()
    runner.run(case)
    took = time.perf_counter() - started
    share.slowest = max(share.slowest, (took, index))
    if took > _SLOW:
        runner.find(case, f"the case took {took:.1f} s")


def run_all(count: int, sockets: int, seed: int, processes: int) -> list[Share]:
    """Run all cases, shared out to processes."""
    works = [Work(seed, count, sockets, first, processes) for first in range(processes)]
    if processes == 1:
        return [run(works[0])]
    spawning = multiprocessing.get_context("spawn")  # and a process that dies is an error, not a wait
    with ProcessPoolExecutor(processes, mp_context=spawning, initializer=_begin_process) as pool:
        return list(pool.map(partial(run, say=True), works))


def _begin_process() -> None:
    faulthandler.enable()
    allow(_MOST_MEMORY)


def table(tally: Tally) -> Iterator[str]:
    """The outcomes by what was asked for."""
    kinds = [kind for kind, _ in _sums(tally, 1).most_common()]
    names = sorted(_sums(tally, 0))
    width = max(map(len, names), default=0)
    yield " " * width + "".join(f"{kind:>21}" for kind in kinds)
    for name in names:
        yield f"{name:{width}}" + "".join(f"{tally.outcomes[name, kind]:>21,}" for kind in kinds)
    yield f"{'all':{width}}" + "".join(f"{_sums(tally, 1)[kind]:>21,}" for kind in kinds)


def _sums(tally: Tally, part: int) -> Counter[str]:
    sums: Counter[str] = Counter()
    for key, count in tally.outcomes.items():
        sums[key[part]] += count
    return sums


def report(shares: list[Share], seed: int) -> Iterator[str]:
    """What was run and found, for people."""
    everything, sockets = Tally(), Tally()
    for share in shares:
        everything.add(share.tally)
        sockets.add(share.sockets)
    yield f"in process, seed {seed}: {everything.cases:,} mutated answers"
    yield from table(everything)
    yield f"over sockets: {sockets.cases:,} mutated answers"
    yield from table(sockets)
    yield "mutations: " + ", ".join(f"{kind} {count:,}" for kind, count in everything.mutations.most_common())
    seconds = max(share.seconds for share in shares)
    cases = everything.cases + sockets.cases
    yield f"{seconds:.0f} s in {len(shares)} processes, {cases / seconds:,.0f} cases a second"
    slowest = max(share.slowest for share in shares)
    yield f"slowest case: {slowest[0]:.2f} s ({seed}:{slowest[1]})"
    yield from (str(growth) for share in shares for growth in share.growths)
    for finding in everything.findings + sockets.findings:
        yield f"FOUND in {finding.name}: {finding.what}\n      again: {finding.replay}"
    yield f"findings: {everything.found + sockets.found}"


def failed(shares: list[Share]) -> bool:
    """Whether anything was found."""
    grows = any(not growth.is_flat for share in shares for growth in share.growths)
    return grows or any(share.tally.found or share.sockets.found for share in shares)


def replay(seed: int, index: int) -> int:
    """Run one case again and tell all about it."""
    case = make_case(seed, index)
    print(f"{case.exercise.name} ({', '.join(case.draft.kinds)}), ends by {case.draft.end}")
    written = case.draft.written()
    print(written[:4000], f"... {len(written):,} bytes" if len(written) > 4000 else "")
    with Ear() as ear:
        if index >= _SOCKET_INDEX:
            with SocketRunner(ear) as runner:
                outcome, findings = runner.judge(case)
        else:
            outcome, findings = Runner(ear).judge(case)
    print(f"-> {outcome}", *findings, sep="\n   ")
    return int(bool(findings))


def main(arguments: list[str] | None = None) -> int:
    """Run, tell, and give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.answers", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few cases in one process, in about a minute")
    parser.add_argument("--count", type=int, default=None, help="cases in process")
    parser.add_argument("--sockets", type=int, default=None, help="cases over sockets")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--replay", metavar="SEED:INDEX", help="run one case again")
    chosen = parser.parse_args(arguments)
    if chosen.replay:
        seed, _, index = chosen.replay.partition(":")
        return replay(int(seed), int(index))
    count, sockets = (_SHORT_COUNT, _SHORT_SOCKETS) if chosen.short else (COUNT, SOCKETS)
    count = count if chosen.count is None else chosen.count
    sockets = sockets if chosen.sockets is None else chosen.sockets
    shares = run_all(count, sockets, chosen.seed, 1 if chosen.short else _PROCESSES)
    for line in report(shares, chosen.seed):
        print(line)
    return int(failed(shares))


if __name__ == "__main__":
    sys.exit(main())
