"""What the campaign of orders wants to trade: every wish by its id, the same for the same seed and prices.

No two wishes ask for the same, except that one in five is a twin of another. So the exchange's book alone
tells, by counting, whether a wish ran twice. This room changes when the campaign wants other orders.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from kis_sync.market.ticks import floor_to_tick

GROUP = 5
"""Of so many wishes, the last is a twin of one before it."""

LIMIT, MARKET, BEST, LIMIT_IOC = "00", "01", "03", "11"
_STOCK_UP = 2_000  # shares, so that there is something to sell
_AFTERWARDS = ("cancel", "reprice cancel", "reprice", "shrink", "")  # of an order that rests; few stay
_FIRST_SALES = 0.15  # of the way through the plan


class Key(NamedTuple):
    """What the exchange's book tells of an order: equal for twins and for nobody else."""

    side: str
    code: str
    quantity: int
    kind: str
    price: int | None


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """One wish, and what its worker does with the order afterwards (``then``).

    ``kind`` is KIS's order type; ``then`` has steps: ``cancel``, ``reprice`` (to ``new_price``), ``shrink``
    (half of it moves to a new order at the same price).
    """

    client_order_id: str
    worker: int
    side: str
    code: str
    quantity: int
    kind: str
    price: int | None
    then: str = ""
    new_price: int | None = None
    twin_of: str = ""

    @property
    def key(self) -> Key:
        """What the exchange's book will tell of it."""
        return Key(self.side, self.code, self.quantity, self.kind, self.price)


def planned_orders(
    seed: int, orders: int, workers: int, prices: Mapping[str, int], mode: str = "live"
) -> list[PlannedOrder]:
    """The whole plan, each worker's wishes in its order; ``prices`` are the stocks' last prices in won."""
    chance = random.Random(seed)
    codes = sorted(prices)
    serials = {code: itertools.count(1) for code in codes}
    plan: list[PlannedOrder] = []
    for number in range(orders):
        group, place = divmod(number, GROUP)
        name = f"w{number:05}"
        if place == GROUP - 1:
            original = chance.choice(plan[-place:])
            worker = (group + group % 2) % workers  # every second twin is in another process
            then = chance.choice(("", original.then))
            plan.append(
                replace(original, client_order_id=name, worker=worker, then=then, twin_of=_first(original))
            )
            continue
        code = chance.choice(codes)
        wish = PlannedOrder(name, group % workers, "BUY", code, next(serials[code]), MARKET, None)
        if number >= len(codes):
            side = "SELL" if number > _FIRST_SALES * orders and chance.random() < 0.3 else "BUY"
            wish = _drawn(replace(wish, side=side), prices[code], chance, mode)
        else:
            code = codes[number]
            wish = replace(wish, code=code, quantity=_STOCK_UP)
        plan.append(wish)
    return plan


def _first(wish: PlannedOrder) -> str:
    return wish.twin_of or wish.client_order_id


def _drawn(wish: PlannedOrder, last: int, chance: random.Random, mode: str) -> PlannedOrder:
    """The wish with its type and price: at market, across the market, or far from it, where it rests."""
    drawn = chance.random()
    if drawn < 0.25:
        return wish
    if drawn < 0.30:
        return replace(wish, kind=BEST)
    towards = 1 if wish.side == "BUY" else -1
    if drawn < 0.70:
        kind = LIMIT_IOC if mode == "live" and drawn < 0.36 else LIMIT
        price = floor_to_tick(int(last * (1 + towards * chance.uniform(-0.002, 0.03))))
        then = "cancel" if kind == LIMIT and chance.random() < 0.15 else ""
        return replace(wish, kind=kind, price=price, then=then)
    far = floor_to_tick(int(last * (1 - towards * chance.uniform(0.08, 0.15))))
    then = chance.choices(_AFTERWARDS, (50, 34, 6, 4, 6))[0]
    if then == "shrink" and wish.quantity < 2:
        then = "cancel"
    new_price = floor_to_tick(int(far * (1 - towards * 0.02))) if "reprice" in then else None
    return replace(wish, kind=LIMIT, price=far, then=then, new_price=new_price)


def written(path: Path, plan: list[PlannedOrder]) -> None:
    """Write the plan down for the workers."""
    path.write_text(json.dumps([asdict(wish) for wish in plan]), encoding="utf-8")


def read(path: Path) -> Iterator[PlannedOrder]:
    """The plan as it was written down."""
    return (PlannedOrder(**fields) for fields in json.loads(path.read_text(encoding="utf-8")))
