"""What orders must keep to before they are sent, as the user decides it.

This room changes when there is something new that an order can be held to.
"""

from __future__ import annotations

from dataclasses import dataclass

from kis_sync.errors import ConfigurationError

_MOST_PERCENT = 1_000  # nothing is further away in a day


@dataclass(frozen=True)
class OrderLimits:
    """What an order is held to; ``ConfigurationError`` lists every fault.

    ``most_won`` is the most an order may be worth, ``most_won_a_day`` the most that a day's orders may be
    worth together, both in won (default: no limit); ``fat_finger_percent`` how far in percent a price may lie
    from the last one (``None``: any distance); ``check_price`` whether prices are held to the tick and the
    day's limits, ``check_funds`` whether quantities are held to what can be bought or sold, ``check_hours``
    whether orders are held to the sessions that take them.

    >>> OrderLimits(most_won=1_000_000).fat_finger_percent
    30.0
    """

    most_won: int | None = None
    most_won_a_day: int | None = None
    fat_finger_percent: float | None = 30.0
    check_price: bool = True
    check_funds: bool = True
    check_hours: bool = True

    def __post_init__(self) -> None:
        faults = [
            f"{name} ({variable}) must be whole won above 0 (an int), or None for no limit"
            for name, variable in (("most_won", "KIS_MAX_ORDER_WON"), ("most_won_a_day", "KIS_MAX_DAY_WON"))
            if not _is_won_or_none(getattr(self, name))
        ]
        if not _is_percent_or_none(self.fat_finger_percent):
            faults.append(
                "fat_finger_percent (FAT_FINGER_PCT) must be a number above 0 and at most 1000, or None (off)"
            )
        faults += [
            f"{name} ({variable}) must be True or False"
            for name, variable in (
                ("check_price", "KIS_CHECK_PRICE"),
                ("check_funds", "KIS_CHECK_FUNDS"),
                ("check_hours", "KIS_CHECK_HOURS"),
            )
            if not isinstance(getattr(self, name), bool)
        ]
        if faults:
            raise ConfigurationError("; ".join(faults))


def _is_won_or_none(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0)


def _is_percent_or_none(value: object) -> bool:
    if value is None:
        return True
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= _MOST_PERCENT
