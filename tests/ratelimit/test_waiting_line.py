"""Processes take turns: the longest waiting first, nobody for ever. This room changes when turns do."""

from __future__ import annotations

from kis_sync.ratelimit.waiting_line import LATENESS, Place, WaitingLine


def test_who_waited_longer_is_served_first() -> None:
    first, second = WaitingLine(), WaitingLine()
    assert first.turn(now=0.0, since=0.0, ready_at=1.0, spacing=0.1) == 1.0
    second.places = first.places
    assert second.turn(now=0.5, since=0.5, ready_at=1.0, spacing=0.1) == 1.1
    assert second.turn(now=1.0, since=0.5, ready_at=1.0, spacing=0.1) == 1.0 + LATENESS
    first.places = second.places
    assert first.turn(now=1.001, since=0.0, ready_at=1.0, spacing=0.1) <= 1.001
    second.places = first.places
    assert second.turn(now=1.1, since=0.5, ready_at=1.1, spacing=0.1) <= 1.1


def test_one_that_is_due_and_does_not_come_is_passed_over() -> None:
    dead, living = WaitingLine(), WaitingLine()
    dead.turn(now=0.0, since=0.0, ready_at=1.0, spacing=0.1)
    living.places = dead.places
    late = 1.0 + LATENESS + 0.001
    assert living.turn(now=late, since=0.5, ready_at=1.0, spacing=0.1) <= late


def test_many_that_never_come_cost_no_more_than_one() -> None:
    dead = [WaitingLine() for _ in range(10)]
    places: dict[int, Place] = {}
    for order, each in enumerate(dead):
        each.places = places
        each.turn(now=0.0, since=order / 100, ready_at=1.0, spacing=0.9)
        places = each.places
    living = WaitingLine()
    living.places = places
    assert living.turn(now=0.5, since=0.5, ready_at=1.0, spacing=0.9) == 1.9


def test_who_is_not_due_keeps_nobody_waiting() -> None:
    later, now = WaitingLine(), WaitingLine()
    later.turn(now=0.0, since=0.0, ready_at=9.0, spacing=0.1)
    now.places = later.places
    assert now.turn(now=1.0, since=0.5, ready_at=1.0, spacing=0.1) <= 1.0
