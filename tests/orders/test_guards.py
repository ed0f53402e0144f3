"""Each guard alone, all at once, and that what their messages offer is taken."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.api.domestic_stock.order_type import (
    AfterClose,
    BeforeOpen,
    Best,
    ConditionalLimit,
    First,
    Limit,
    Market,
    Midpoint,
    OrderType,
    Side,
    SinglePrice,
    StopLimit,
)
from kis_sync.api.domestic_stock.price import Quote
from kis_sync.catalog import Mode
from kis_sync.clock import KST
from kis_sync.market.exchanges import Exchange
from kis_sync.market.price_limits import price_limits
from kis_sync.market.ticks import Listing, is_on_tick, next_tick
from kis_sync.order_limits import OrderLimits
from kis_sync.orders.guards import Facts, PriceFacts, refusals, worth
from kis_sync.orders.request import OrderRequest
from tests.thoroughness import examples

NOON = datetime(2026, 11, 24, 12, tzinfo=KST)
NOTHING = OrderLimits(fat_finger_percent=None, check_price=False, check_funds=False, check_hours=False)
SAMSUNG = PriceFacts(70_000, 49_000, 91_000, (Listing.STOCK,))


def order(
    kind: OrderType, quantity: int = 10, side: Side = Side.BUY, exchange: Exchange = Exchange.KRX
) -> OrderRequest:
    return OrderRequest("005930", side, quantity, kind, exchange)


def facts(prices: PriceFacts = SAMSUNG, **more: Any) -> Facts:
    usual: dict[str, Any] = {"mode": Mode.LIVE, "orders_allowed": True, "now": NOON, "prices": prices}
    return Facts(**usual | more)


def limits(**more: Any) -> OrderLimits:
    """Limits that check nothing but what is given."""
    unchecked: dict[str, Any] = {
        "fat_finger_percent": None,
        "check_price": False,
        "check_funds": False,
        "check_hours": False,
    }
    return OrderLimits(**unchecked | more)


def quote(price: int, tick: int | None, lower: int | None = None, upper: int | None = None) -> Quote:
    known: dict[str, Any] = dict.fromkeys(Quote.__slots__)
    known |= {"code": "005930", "price": price, "tick": tick, "lower_limit": lower, "upper_limit": upper}
    return Quote(**known)


class TestPriceFacts:
    @pytest.mark.parametrize(
        ("price", "tick", "listings"),
        [
            (70_000, 100, (Listing.STOCK,)),
            (35_980, 5, (Listing.FUND,)),
            (3_000, 5, (Listing.STOCK, Listing.FUND)),  # both have a tick of 5 there
            (70_000, None, (Listing.STOCK, Listing.FUND)),
            (70_000, 77, (Listing.STOCK, Listing.FUND)),
        ],
    )
    def test_the_tick_tells_the_kind(self, price: int, tick: int | None, listings: tuple[Listing]) -> None:
        assert PriceFacts.of(quote(price, tick)).listings == listings

    def test_of_a_quote(self) -> None:
        assert PriceFacts.of(quote(70_000, 100, 49_000, 91_000)) == SAMSUNG
        assert PriceFacts.of(quote(70_000, 100, 0, 0))[:3] == (70_000, None, None)  # an ELW has none


class TestWorth:
    @pytest.mark.parametrize(
        ("kind", "side", "won"),
        [
            (Limit(70_000), Side.BUY, 700_000),
            (Limit(70_000, "IOC"), Side.SELL, 700_000),
            (StopLimit(70_000, 69_000), Side.BUY, 700_000),
            (Market(), Side.BUY, 910_000),
            (Best("FOK"), Side.BUY, 910_000),
            (Market(), Side.SELL, 700_000),
        ],
    )
    def test_at_its_price_or_the_upper_limit_or_the_last(self, kind: OrderType, side: Side, won: int) -> None:
        assert worth(order(kind, side=side), facts()) == won

    def test_unknown_without_a_price(self) -> None:
        assert worth(order(Market()), facts(PriceFacts(last=70_000))) is None
        assert worth(order(Market(), side=Side.SELL), facts(PriceFacts(upper_limit=91_000))) is None
        assert worth(order(Limit(5)), facts(PriceFacts())) == 50


class TestSwitches:
    def test_live_orders_need_their_opt_in(self) -> None:
        (told,) = refusals(order(Limit(70_000)), facts(orders_allowed=False), OrderLimits())
        assert "allow_live_orders=True (KIS_ALLOW_LIVE_ORDERS=true)" in told
        paper = facts(orders_allowed=False, mode=Mode.PAPER)
        assert refusals(order(Limit(70_000)), paper, OrderLimits()) == []

    @pytest.mark.parametrize(("reason", "told"), [("잠시 멈춤", " (잠시 멈춤)"), ("", "")])
    def test_a_halt_stops_all_even_without_a_reason(self, reason: str, told: str) -> None:
        assert refusals(order(Limit(70_000)), facts(halted=reason), NOTHING) == [
            f"orders of this account are halted{told}: resume() lets them leave again"
        ]


class TestOrderTypes:
    def test_the_exchange_says_what_it_takes(self) -> None:
        assert refusals(order(Market(), exchange=Exchange.NXT), facts(), NOTHING) == [
            "NXT takes no market orders; it takes Limit, Best, First, Midpoint, StopLimit"
        ]

    def test_paper_takes_less(self) -> None:
        paper = facts(mode=Mode.PAPER)
        assert refusals(order(Limit(70_000, "IOC")), paper, NOTHING) == [
            "paper trading takes no limit IOC orders; it takes Limit, Market, ConditionalLimit, Best, First"
        ]
        assert refusals(order(Limit(70_000), exchange=Exchange.SOR), paper, NOTHING) == [
            "paper trading knows KRX only, not SOR"
        ]


class TestAmount:
    def test_of_an_order(self) -> None:
        assert refusals(order(Limit(70_000)), facts(), limits(most_won=700_000)) == []
        assert refusals(order(Limit(70_000)), facts(), limits(most_won=699_999)) == [
            "the order is worth 700,000 won, above the 699,999 won allowed an order: "
            "at 70,000 won a share 9 shares at most"
        ]

    def test_of_a_day_holds_for_one_order_too(self) -> None:
        (told,) = refusals(order(Market()), facts(), limits(most_won_a_day=909_999))
        assert told.startswith("the order is worth 910,000 won, above the 909,999 won allowed a day")

    @pytest.mark.parametrize("name", ["most_won", "most_won_a_day"])
    def test_what_cannot_be_valued_is_not_below_it(self, name: str) -> None:
        (told,) = refusals(order(Market()), facts(PriceFacts()), limits(**{name: 10**12}))
        assert "name a price with Limit(...)" in told
        assert refusals(order(Market()), facts(PriceFacts()), NOTHING) == []

    @given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 10**10))
    def test_the_quantity_offered_is_taken_and_one_more_is_not(
        self, price: int, shares: int, most: int
    ) -> None:
        limit = limits(most_won=most)
        told = refusals(order(Limit(price), shares), facts(), limit)
        assert bool(told) is (price * shares > most)
        for text in told:
            offered = number(text, r"a share (\S+) shares")
            assert refusals(order(Limit(price), offered + 1), facts(), limit)
            assert offered == 0 or refusals(order(Limit(price), offered), facts(), limit) == []


class TestDistance:
    @pytest.mark.parametrize("price", [49_000, 70_000, 91_000])
    def test_up_to_the_limit_itself(self, price: int) -> None:
        assert refusals(order(Limit(price)), facts(), limits(fat_finger_percent=30)) == []

    def test_further_it_names_what_is_near(self) -> None:
        assert refusals(order(Limit(700_000)), facts(), limits(fat_finger_percent=12.5)) == [
            "700,000 won is 900 % away from the last price of 70,000 won, above 12.5 %: "
            "61,300 to 78,700 won are near enough"
        ]
        assert refusals(order(Limit(7_000)), facts(), limits(fat_finger_percent=30.0))

    def test_nothing_without_a_price_or_a_last_one(self) -> None:
        assert refusals(order(Market()), facts(), limits(fat_finger_percent=0.001)) == []
        assert refusals(order(Limit(1)), facts(PriceFacts()), limits(fat_finger_percent=0.001)) == []

    def test_a_percentage_is_what_it_looks_like(self) -> None:
        last = PriceFacts(10_000, listings=(Listing.FUND,))
        for percent, price in ((0.1, 10_010), (0.7, 10_070), (1.1, 10_110), (2.2, 9_780)):
            assert refusals(order(Limit(price)), facts(last), limits(fat_finger_percent=percent)) == []
            beyond = price + (5 if price > 10_000 else -5)
            assert refusals(order(Limit(beyond)), facts(last), limits(fat_finger_percent=percent))

    @given(
        st.integers(1, 2_000_000),
        st.integers(1, 10**9 - 1),
        st.floats(0, 1000, exclude_min=True) | st.integers(1, 1000),
    )
    def test_what_is_called_near_enough_is(self, last: int, price: int, percent: float) -> None:
        known, limit = facts(PriceFacts(last)), limits(fat_finger_percent=percent)
        for text in refusals(order(Limit(price)), known, limit):
            if "near enough" not in text:
                continue
            lowest, highest = number(text, r"%: (\S+) to"), number(text, r" to (\S+) won are")
            assert not lowest <= price <= highest
            for offered in (lowest, highest):
                assert known.prices.is_on_tick(offered)
                assert refusals(order(Limit(offered)), known, limit) == []


class TestPrices:
    PRICES = limits(check_price=True)

    def test_off_the_tick_names_the_valid_prices(self) -> None:
        assert refusals(order(Limit(70_050)), facts(), self.PRICES) == [
            "70,050 won is not on the tick of 100 won: the valid prices next to it are 70,000 and 70,100 won"
        ]

    def test_beyond_the_limits_names_them(self) -> None:
        assert refusals(order(Limit(91_100)), facts(), self.PRICES) == [
            "91,100 won is above the day's upper limit of 91,000 won"
        ]
        assert refusals(order(Limit(48_950)), facts(), self.PRICES) == [
            "48,950 won is below the day's lower limit of 49,000 won"
        ]

    @pytest.mark.parametrize("price", [49_000, 91_000])
    def test_the_limits_themselves_are_valid(self, price: int) -> None:
        assert refusals(order(Limit(price)), facts(), self.PRICES) == []

    def test_there_is_no_price_of_0(self) -> None:
        elw = facts(PriceFacts(5, listings=(Listing.ELW,)))
        assert refusals(order(Limit(3)), elw, self.PRICES)[0].endswith("the valid price next to it is 5 won")

    def test_a_price_beyond_a_limit_is_not_offered(self) -> None:
        limit, off_tick = refusals(order(Limit(91_050)), facts(), self.PRICES)
        assert "upper limit" in limit
        assert off_tick.endswith("the valid price next to it is 91,000 won")
        assert refusals(order(Limit(91_151)), facts(), self.PRICES)[1].endswith("the tick of 100 won")

    def test_a_trigger_is_held_to_the_same(self) -> None:
        told = refusals(order(StopLimit(70_000, 91_151)), facts(), self.PRICES)
        assert [text.split(" is ")[0] for text in told] == ["the trigger of 91,151 won"] * 2
        assert len(refusals(order(StopLimit(70_050, 70_050)), facts(), self.PRICES)) == 2
        assert refusals(order(StopLimit(70_000, 70_100)), facts(), self.PRICES) == []

    @pytest.mark.parametrize("kind", [ConditionalLimit, BeforeOpen, SinglePrice])
    def test_every_type_that_names_a_price_is_held_to_it(self, kind: Any) -> None:
        assert len(refusals(order(kind(70_050)), facts(), self.PRICES)) == 1

    def test_without_a_price_there_is_nothing_to_refuse(self) -> None:
        assert refusals(order(Market()), facts(PriceFacts(70_000, 1, 2)), self.PRICES) == []

    def test_kind_unknown_takes_the_finest_tick(self) -> None:
        unknown = facts(PriceFacts.of(quote(3_000, 5)))
        assert refusals(order(Limit(30_005)), unknown, self.PRICES) == []  # valid for a fund
        assert refusals(order(Limit(30_001)), unknown, self.PRICES) != []

    @given(
        st.integers(1, 2_000_000),
        st.sampled_from([(each,) for each in Listing] + [tuple(Listing)]),
        st.data(),
    )
    def test_the_prices_offered_are_valid(
        self, price: int, listings: tuple[Listing, ...], data: st.DataObject
    ) -> None:
        base = data.draw(st.integers(max(10, price // 2), price * 2 + 10))
        lower, upper = data.draw(st.sampled_from([price_limits(base, listings[-1]), (None, None)]))
        known = facts(PriceFacts(base, lower, upper, listings))
        for text in refusals(order(Limit(price)), known, self.PRICES):
            offers = re.findall(r"[\d,]+", text.split(": the valid")[1]) if ": the valid" in text else []
            for offer in offers:
                offered = int(offer.replace(",", ""))
                assert refusals(order(Limit(offered)), known, self.PRICES) == []
                assert not any(
                    is_on_tick(each, one)
                    for one in listings
                    for each in range(min(price, offered) + 1, max(price, offered))
                )

    @given(st.integers(100, 1_000_000), st.integers(-40, 40), st.booleans())
    def test_a_valid_price_within_the_limits_always_passes(self, base: int, steps: int, fund: bool) -> None:
        listing = Listing.FUND if fund else Listing.STOCK
        base = next_tick(base - base % 1000 or 1000, 1, listing)
        lower, upper = price_limits(base, listing)
        price = min(max(next_tick(base, steps, listing), lower), upper)
        known = facts(PriceFacts(base, lower, upper, (listing,)))
        assert refusals(order(Limit(price)), known, OrderLimits()) == []


class TestQuantity:
    FUNDS = limits(check_funds=True)

    @pytest.mark.parametrize(
        ("side", "done", "name"), [(Side.BUY, "bought", "buyable"), (Side.SELL, "sold", "sellable")]
    )
    def test_beyond_what_is_possible(self, side: Side, done: str, name: str) -> None:
        other = {"buyable": "sellable", "sellable": "buyable"}[name]
        known = facts(SAMSUNG, **{name: 7, other: 0})
        assert refusals(order(Market(), 7, side), known, self.FUNDS) == []
        assert refusals(order(Market(), 1_000, side), known, self.FUNDS) == [
            f"1,000 shares cannot be {done}: 7 at most"
        ]
        assert refusals(order(Market(), 1, side), facts(SAMSUNG, **{name: 0}), self.FUNDS) == [
            f"1 share cannot be {done}: 0 at most"
        ]

    def test_unknown_or_switched_off(self) -> None:
        assert refusals(order(Market()), facts(), self.FUNDS) == []
        assert refusals(order(Market()), facts(buyable=0), NOTHING) == []


class TestAll:
    def test_all_reasons_at_once_and_none_twice(self) -> None:
        known = facts(orders_allowed=False, now=datetime(2026, 11, 22, tzinfo=KST), buyable=0, halted="x")
        wrong = order(StopLimit(91_151, 91_151), exchange=Exchange.SOR)
        told = refusals(wrong, known, OrderLimits(most_won=1, most_won_a_day=2, fat_finger_percent=1))
        signs = (
            "halted", "switched off", "takes no stop", "allowed an order", "allowed a day", "% away",
            "91,151 won is above", "91,151 won is not on", "the trigger of 91,151 won is above",
            "the trigger of 91,151 won is not on", "cannot be bought", "SOR takes no orders at",
        )  # fmt: skip
        assert len(told) == len(set(told)) == len(signs)
        for sign, text in zip(signs, told, strict=True):
            assert sign in text

    def test_each_can_be_switched_off(self) -> None:
        known = facts(now=datetime(2026, 11, 22, tzinfo=KST), buyable=0)
        wrong = order(Limit(91_151))
        for names in (
            {"fat_finger_percent": None},
            {"check_price": False},
            {"check_funds": False},
            {"check_hours": False},
        ):
            all_but = len(refusals(wrong, known, OrderLimits(**names)))
            assert all_but == 5 - (2 if "check_price" in names else 1)
        assert refusals(wrong, known, NOTHING) == []

    @settings(max_examples=examples(70))
    @given(st.data())
    def test_no_order_makes_a_guard_fail_or_repeat_itself(self, data: st.DataObject) -> None:
        won = st.integers(1, 10**9 - 1)
        kinds: st.SearchStrategy[OrderType] = st.one_of(
            st.builds(Limit, won, st.sampled_from([None, "IOC", "FOK"])),
            st.builds(StopLimit, won, won),
            st.sampled_from([Market(), Best(), First(), AfterClose(), Midpoint("IOC")]),
            st.builds(BeforeOpen, won),
        )
        asked = order(
            data.draw(kinds),
            data.draw(st.integers(1, 10**10 - 1)),
            data.draw(st.sampled_from(Side)),
            data.draw(st.sampled_from(Exchange)),
        )
        maybe = st.none() | st.integers(1, 10**7)
        listings = st.sampled_from([tuple(Listing), (Listing.STOCK,)])
        moments = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(timezone.utc))
        known = facts(
            PriceFacts(data.draw(maybe), data.draw(maybe), data.draw(maybe), data.draw(listings)),
            mode=data.draw(st.sampled_from(Mode)),
            orders_allowed=data.draw(st.booleans()),
            now=data.draw(moments),
            buyable=data.draw(maybe),
            sellable=data.draw(maybe),
        )
        percent = data.draw(st.none() | st.floats(0.001, 1000))
        told = refusals(asked, known, OrderLimits(most_won=data.draw(maybe), fat_finger_percent=percent))
        assert len(told) == len(set(told))
        assert all(text and "None" not in text for text in told)


def number(text: str, pattern: str) -> int:
    found = re.search(pattern, text)
    assert found is not None, text
    return int(found[1].replace(",", ""))
