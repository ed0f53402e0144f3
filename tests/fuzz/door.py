"""Knocks at the simulator's door with mutated requests: none may make it die, hang, or tell a secret.

    python -m tests.fuzz.door [--short] [--count N] [--knocks N] [--seed S]
    python -m tests.fuzz.door --replay SEED:CHUNK:INDEX [--socket]

Most go straight to the app, some over raw sockets to its server, in two processes; the routes are found, not
listed. After each siege a normal call must be answered, no error stand in the simulator, and no thread be
left. The exit code is 1 on any finding. This room changes when other figures are to be told.
"""

from __future__ import annotations

import argparse
import faulthandler
import multiprocessing
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from kis_sync.sim.door.wire import Response
from tests.fuzz.knocks import besiege
from tests.fuzz.memory_use import allow
from tests.fuzz.request_mutations import Shot
from tests.fuzz.visits import CHUNK, Visits, visit

COUNT, KNOCKS, SEED = 300_000, 12_000, 2026
_SHORT_COUNT, _SHORT_KNOCKS = 4_000, 600
_PROCESSES = 2
_KNOCKS_A_SIEGE = 300
_HANGS = 300.0  # seconds in which every chunk and every siege is over
_MOST_MEMORY = 4_000  # MiB of addresses, for each process


@dataclass
class Door:
    """What one process, or all of them, did."""

    visits: Visits = field(default_factory=Visits)
    knocks: Visits = field(default_factory=Visits)
    seconds: float = 0.0


def run(seed: int, chunks: range, sieges: range, *, guarded: bool = False) -> Door:
    """The visits and the sieges of one process, which is ended if it hangs and is ``guarded``."""
    door, started = Door(), time.perf_counter()
    for chunk in chunks:
        if guarded:
            faulthandler.dump_traceback_later(_HANGS, exit=True)
        visit(seed, chunk, CHUNK, door.visits)
    for siege in sieges:
        if guarded:
            faulthandler.dump_traceback_later(_HANGS, exit=True)
        besiege(seed, siege, _KNOCKS_A_SIEGE, door.knocks)
    if guarded:
        faulthandler.cancel_dump_traceback_later()
    door.seconds = time.perf_counter() - started
    return door


def run_all(count: int, knocks: int, seed: int, processes: int) -> Door:
    """Everything, shared out to processes."""
    chunks, sieges = -(-count // CHUNK), -(-knocks // _KNOCKS_A_SIEGE)
    if processes == 1:
        return run(seed, range(chunks), range(sieges))
    spawning = multiprocessing.get_context("spawn")  # and a process that dies is an error, not a wait
    with ProcessPoolExecutor(
        processes, mp_context=spawning, initializer=partial(allow, _MOST_MEMORY)
    ) as pool:
        parts = pool.map(
            partial(run, seed, guarded=True),
            [range(first, chunks, processes) for first in range(processes)],
            [range(first, sieges, processes) for first in range(processes)],
        )
        whole = Door()
        for part in parts:
            whole.visits.add(part.visits)
            whole.knocks.add(part.knocks)
            whole.seconds = max(whole.seconds, part.seconds)
    return whole


def report(door: Door) -> Iterator[str]:
    """What was sent and found, for people."""
    visits, knocks = door.visits, door.knocks
    yield f"in process: {visits.requests:,} requests to {len(visits.names)} APIs"
    yield "  status: " + ", ".join(
        f"{status}: {count:,}" for status, count in sorted(visits.statuses.items())
    )
    yield "  codes: " + ", ".join(
        f"{code or 'OAuth'} {count:,}" for code, count in visits.codes.most_common(24)
    )
    yield f"  slowest: {visits.slowest[0]:.2f} s ({visits.slowest[1]})"
    ends = ", ".join(f"{what} {count:,}" for what, count in knocks.codes.most_common())
    yield f"over sockets: {knocks.requests:,} connections ({ends})"
    yield f"{door.seconds:.0f} s"
    for part in (visits, knocks):
        for fault in part.faults:
            times = part.kinds[fault.name, fault.what.partition("\n")[0][:100]]
            yield f"FOUND in {fault.name}, {times} times: {fault.what}\n      again: {fault.replay}"
    yield f"findings: {found(door)}"


def found(door: Door) -> int:
    """How many promises were not kept."""
    return sum(door.visits.kinds.values()) + sum(door.knocks.kinds.values())


def replay(where: str, over_socket: bool) -> int:
    """Run a chunk up to one request again, and tell what is found in it."""
    seed, chunk, index = map(int, where.split(":"))
    visits = Visits()
    last: list[tuple[Shot, Response]] = []

    def keep(shot: Shot, response: Response) -> None:
        last[:] = [(shot, response)]

    if over_socket:
        besiege(seed, chunk, index + 1, visits)
    else:
        visit(seed, chunk, index + 1, visits, keep)
    for shot, response in last:
        print(shot, f"-> HTTP {response.status} {response.body[:1000].decode('utf-8', 'replace')}", sep="\n")
    for line in report(Door(visits)):
        print(line)
    return int(bool(visits.kinds))


def main(arguments: list[str] | None = None) -> int:
    """Run, tell, and give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.door", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few requests in one process, under 20 s")
    parser.add_argument("--count", type=int, default=None, help="requests in process")
    parser.add_argument("--knocks", type=int, default=None, help="connections over sockets")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--replay", metavar="SEED:CHUNK:INDEX", help="run a chunk up to one request again")
    parser.add_argument("--socket", action="store_true", help="with --replay: a connection, not a request")
    chosen = parser.parse_args(arguments)
    if chosen.replay:
        return replay(chosen.replay, chosen.socket)
    count, knocks = (_SHORT_COUNT, _SHORT_KNOCKS) if chosen.short else (COUNT, KNOCKS)
    count = count if chosen.count is None else chosen.count
    knocks = knocks if chosen.knocks is None else chosen.knocks
    door = run_all(count, knocks, chosen.seed, 1 if chosen.short else _PROCESSES)
    for line in report(door):
        print(line)
    return int(found(door) > 0)


if __name__ == "__main__":
    sys.exit(main())
