"""Real processes on one file: together within the limit, and killed at any moment without harm.

This room changes when processes are to share in another way.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from kis_sync.ratelimit import TokenBucket
from tests.ratelimit.test_properties import Play, Sent

RATE = 40
HAMMER = """
import json, random, sys, time
from kis_sync.ratelimit import TokenBucket

bucket = TokenBucket(40, burst=8, file=sys.argv[1])
chance = random.Random(int(sys.argv[2]))
calls = []
sys.stdin.readline()  # all begin at once
ends_at = time.monotonic() + 2.5
while time.monotonic() < ends_at:
    with bucket.slot():
        began = time.monotonic()
        time.sleep(chance.choice([0, 0.001, 0.05]))
        calls.append((began, time.monotonic()))
print(json.dumps(calls))
"""
HOLD_A_SLOT = """
import sys
from kis_sync.ratelimit import TokenBucket

with TokenBucket(1, file=sys.argv[1]).slot(lease=1.5):
    print("held", flush=True)
    sys.stdin.read()
"""
HOLD_THE_LOCK = """
import sys
from kis_sync.ratelimit import TokenBucket

def stay(table):
    print("held", flush=True)
    sys.stdin.read()

bucket = TokenBucket(1000, file=sys.argv[1])
bucket.acquire()
bucket._budget.run(stay)
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def kill_when_held(process: subprocess.Popen[str]) -> None:
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        process.kill()
        process.wait(30)


def test_four_processes_keep_one_limit(tmp_path: Path) -> None:
    processes = [start(HAMMER, tmp_path / "limit", seed) for seed in range(4)]
    told = []
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        told.append([Sent(began, ended) for began, ended in json.loads(said)])
    play = Play(RATE, None)
    play.sent = [sent for calls in told for sent in calls]
    assert play.most_in_a_window() <= RATE
    assert len(play.sent) > RATE  # more than one window was played
    assert all(told)


def test_a_slot_of_a_process_that_is_killed_comes_back_with_its_lease(tmp_path: Path) -> None:
    bucket = TokenBucket(1, file=tmp_path / "limit")
    kill_when_held(start(HOLD_A_SLOT, tmp_path / "limit"))
    assert not bucket.acquire(timeout=0)
    assert bucket.stats.in_flight == 1
    assert bucket.acquire(timeout=60)
    assert bucket.stats[3:5] == (0, 1)


def test_a_process_that_is_killed_while_it_has_the_lock_stops_nobody(tmp_path: Path) -> None:
    bucket = TokenBucket(1000, file=tmp_path / "limit")
    assert bucket.acquire()
    kill_when_held(start(HOLD_THE_LOCK, tmp_path / "limit"))
    assert bucket.acquire(timeout=60)
    assert bucket.stats.granted == 3
