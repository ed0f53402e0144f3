"""What orders are held to: its forms, and every fault at once."""

from __future__ import annotations

from typing import Any

import pytest

from kis_sync.errors import ConfigurationError
from kis_sync.order_limits import OrderLimits


def test_the_defaults_are_careful() -> None:
    made = OrderLimits()
    assert (made.most_won, made.most_won_a_day, made.fat_finger_percent) == (None, None, 30)
    assert (made.check_price, made.check_funds, made.check_hours) == (True, True, True)


@pytest.mark.parametrize("name", ["most_won", "most_won_a_day"])
@pytest.mark.parametrize("wrong", [0, -1, 1.0, 1e6, float("nan"), "5", True])
def test_amounts_that_are_none(name: str, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name} \(KIS_MAX_\w+_WON\) must be whole won above 0"):
        OrderLimits(**{name: wrong})


@pytest.mark.parametrize("wrong", [0, -1, 1001, 10**400, float("nan"), float("inf"), "30", True])
def test_distances_that_are_none(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"fat_finger_percent \(FAT_FINGER_PCT\) must be a number"):
        OrderLimits(fat_finger_percent=wrong)


@pytest.mark.parametrize("name", ["check_price", "check_funds", "check_hours"])
@pytest.mark.parametrize("wrong", ["false", 1, 0, None])
def test_switches_are_true_or_false(name: str, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name} \(KIS_{name.upper()}\) must be True or False$"):
        OrderLimits(**{name: wrong})


def test_every_fault_is_told_at_once() -> None:
    wrong: Any = "x"
    with pytest.raises(ConfigurationError) as caught:
        OrderLimits(wrong, wrong, wrong, wrong, wrong, wrong)
    assert len(caught.value.message.split("; ")) == 6
