"""python-kis, as it comes from PyPI, on the simulator: only its addresses and its own pace are changed.

In its paper mode it asks the live server for quotes, so that both worlds run.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import closing
from datetime import date, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from kis_sync.market.hours import regular_session
from kis_sync.sim import Simulator

pykis: Any = pytest.importorskip("pykis")

SAMSUNG = "005930"
MODES = ("live", "paper")
# It marks two of its own constructors as deprecated and calls them itself.
pytestmark = pytest.mark.filterwarnings(r"ignore:Use KisOrder\.:DeprecationWarning")


@pytest.fixture(scope="module")
def sims() -> Iterator[dict[str, Simulator]]:
    with Simulator(mode="live", limit=10_000) as live, Simulator(mode="paper", limit=10_000) as paper:
        yield {"live": live, "paper": paper}


@pytest.fixture
def clients(sims: dict[str, Simulator], monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A client for each world, on fresh accounts; nothing may go wrong inside the simulators meanwhile."""
    module = importlib.import_module("pykis.kis")
    monkeypatch.setattr(module, "REAL_DOMAIN", sims["live"].base_url)
    monkeypatch.setattr(module, "VIRTUAL_DOMAIN", sims["paper"].base_url)
    for pace in ("REAL_API_REQUEST_PER_SECOND", "VIRTUAL_API_REQUEST_PER_SECOND"):
        monkeypatch.setattr(module, pace, 10_000)
    for sim in sims.values():
        sim.reset()
    real, virtual = (
        pykis.KisAuth(
            id="someone",
            appkey=sim.app_key,
            secretkey=sim.app_secret,
            account=sim.account_no,
            virtual=mode == "paper",
        )
        for mode, sim in sims.items()
    )
    with closing(pykis.PyKis(real, use_websocket=False)) as live:
        with closing(pykis.PyKis(real, virtual, use_websocket=False)) as paper:
            paper.token = live.token  # one app key, one access token: a second issue would come too early
            yield {"live": live, "paper": paper}
    assert [list(sim.errors) for sim in sims.values()] == [[], []]


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def kis(clients: dict[str, Any], mode: str) -> Any:
    return clients[mode]


@pytest.fixture
def sim(sims: dict[str, Simulator], mode: str) -> Simulator:
    return sims[mode]


@pytest.fixture
def today(sim: Simulator) -> date:
    return sim.clock.now().date()


def cash(kis: Any) -> Decimal:
    """What can be spent."""
    amount: Decimal = kis.account().orderable_amount(market="KRX", symbol=SAMSUNG, price=1).amount
    return amount


def orders_by_number(kis: Any, day: date) -> dict[str, Any]:
    found = kis.account().daily_orders(start=day, end=day, country="KR").orders
    return {order.number: order for order in found}


def refused(call: Any, *args: Any, **fields: Any) -> str:
    """The code of the refusal that a call gets."""
    with pytest.raises(pykis.KisAPIError) as caught:
        call(*args, **fields)
    return str(caught.value.msg_cd)


# -- quotes --------------------------------------------------------------------------------------------


def test_an_access_token_is_good_for_a_day_by_the_machine_s_clock(kis: Any) -> None:
    assert kis.primary_token.type == "Bearer"
    assert 23 < kis.primary_token.remaining.total_seconds() / 3600 <= 24


@pytest.mark.parametrize("code", [SAMSUNG, "069500", "0080G0"])
def test_a_quote(kis: Any, sims: dict[str, Simulator], code: str) -> None:
    sim = sims["live"]
    stock = kis.stock(code)
    before = sim.market.quote(code, sim.clock.now())
    quote = stock.quote()
    after = sim.market.quote(code, sim.clock.now())
    assert before.price <= quote.price <= after.price or after.price <= quote.price <= before.price
    assert (quote.symbol, quote.name) == (code, getattr(sim.market.listing(code), "name", None))
    assert (quote.low_limit, quote.high_limit, quote.base_price) == (before.lower, before.upper, before.base)
    assert quote.prev_price == before.base
    assert quote.low <= quote.price <= quote.high
    assert quote.indicator.week52_low <= quote.low
    assert not quote.halt


def test_an_unknown_code_is_not_found(kis: Any) -> None:
    with pytest.raises(pykis.KisNotFoundError):
        kis.stock("999999", market="KR")


def test_the_order_book(kis: Any) -> None:
    book = kis.stock(SAMSUNG).orderbook()
    assert len(book.asks) == len(book.bids) == 10
    assert [level.price for level in book.asks] == sorted(level.price for level in book.asks)
    assert book.bid_price.price < book.ask_price.price
    assert all(level.volume > 0 for level in [*book.asks, *book.bids])


def test_the_chart_of_the_day_reaches_from_the_open_to_now(kis: Any, sims: dict[str, Simulator]) -> None:
    bars = kis.stock(SAMSUNG).day_chart().bars
    now = sims["live"].clock.now()
    opened = regular_session(now.date()).open
    assert [bar.time - opened for bar in bars] == [timedelta(minutes=n) for n in range(len(bars))]
    assert timedelta(0) <= now - bars[-1].time < timedelta(minutes=2)
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)


def test_a_part_of_the_day(kis: Any, today: date) -> None:
    first = regular_session(today).open + timedelta(minutes=5)
    last = first + timedelta(minutes=20)
    bars = kis.stock(SAMSUNG).day_chart(start=first.time(), end=last.time()).bars
    assert len(bars) == 21
    assert (bars[0].time, bars[-1].time) == (first, last)


@pytest.mark.parametrize(("period", "bars"), [("day", 490), ("week", 104), ("month", 24), ("year", 2)])
def test_charts_of_periods_longer_than_one_answer(kis: Any, period: str, bars: int) -> None:
    chart = kis.stock(SAMSUNG).daily_chart(start=date(2024, 1, 2), end=date(2025, 12, 30), period=period)
    days = [bar.time.date() for bar in chart.bars]
    assert days == sorted(set(days))
    assert bars <= len(days) <= bars * 1.07
    assert (days[0].year, days[-1].year) == (2024, 2025)


@pytest.mark.parametrize("expression", ["3d", "1h", "1y"])
def test_charts_by_length(kis: Any, expression: str) -> None:
    chart = kis.stock(SAMSUNG).chart(expression)
    times = [bar.time for bar in chart.bars]
    assert times == sorted(set(times))
    assert len(times) >= {"3d": 1, "1h": 60, "1y": 240}[expression]


def test_charts_of_every_fifth_minute_and_of_the_latest_half_hour(kis: Any) -> None:
    stock = kis.stock(SAMSUNG)
    fifth = [bar.time for bar in stock.day_chart(period=5).bars]
    assert {later - earlier for earlier, later in pairwise(fifth)} == {timedelta(minutes=5)}
    latest = stock.day_chart(start=timedelta(minutes=30)).bars
    assert latest[-1].time - latest[0].time == timedelta(minutes=30)


def test_adjusted_prices_are_the_plain_ones_without_splits(kis: Any) -> None:
    plain, adjusted = (
        kis.stock(SAMSUNG).daily_chart(start=date(2026, 1, 5), end=date(2026, 2, 27), adjust=adjust).bars
        for adjust in (False, True)
    )
    assert [bar.close for bar in plain] == [bar.close for bar in adjusted]


# -- abroad --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "market", "name"),
    [
        (SAMSUNG, "KRX", "삼성전자"),
        ("AAPL", "NASDAQ", "애플"),
        ("KO", "NYSE", "코카콜라"),
        ("SPY", "AMEX", "SPDR S&P 500 ETF Trust"),
        ("7203", "TYO", "도요타자동차"),
        ("00700", "HKEX", "텐센트 홀딩스"),
        ("FPT", "HSX", "FPT"),
    ],
)
def test_a_code_is_found_in_its_market_without_naming_it(kis: Any, code: str, market: str, name: str) -> None:
    stock = kis.stock(code)
    assert (stock.market, stock.name) == (market, name)
    assert stock.quote().price > 0


def test_a_code_that_no_market_knows(kis: Any) -> None:
    with pytest.raises(pykis.KisNotFoundError):
        kis.stock("NOPE")


def test_a_share_abroad(kis: Any, clients: dict[str, Any]) -> None:
    stock = kis.stock("AAPL")
    quote = stock.quote()
    assert quote.indicator.week52_low <= quote.low <= quote.price <= quote.high <= quote.indicator.week52_high
    assert quote.price - quote.prev_price == quote.change
    days = stock.daily_chart(start=timedelta(days=200)).bars
    assert days[-1].close == quote.price
    assert len(days) > 130
    minutes = stock.day_chart(period=5).bars
    assert minutes[-1].close == quote.price
    book = clients["live"].stock("AAPL").orderbook()  # in paper mode it asks the paper server, which has none
    assert book.bid_price.price < book.ask_price.price
    assert stock.orderable_amount(price=100).amount == 0


def test_opening_hours(kis: Any) -> None:
    hours = {market: kis.trading_hours(market) for market in ("KR", "US", "JP", "HK", "CN", "VN")}
    assert (hours["KR"].open.hour, hours["KR"].close.hour) == (9, 15)
    assert (hours["US"].open, hours["US"].close) == (time(9, 30), time(16))
    assert hours["HK"].open_kst.strftime("%H%M") == "1030"


# -- trading -------------------------------------------------------------------------------------------


def test_the_default_balance_reaches_over_all_countries(kis: Any) -> None:
    kis.stock(SAMSUNG).buy(qty=2)
    balance = kis.account().balance()
    (held,) = balance.stocks
    assert (held.symbol, held.quantity) == (SAMSUNG, 2)
    assert set(balance.deposits) == {"KRW"}
    assert balance.total == balance.deposits["KRW"].amount + held.quantity * held.current_price
    for country in ("US", "HK", "JP", "CN", "VN"):
        assert kis.account().balance(country).stocks == []


def test_what_can_be_bought_by_kind_of_order(kis: Any) -> None:
    stock = kis.stock(SAMSUNG)
    price, upper = stock.quote().low_limit, stock.quote().high_limit
    for kind, at in ((None, price), ("condition", upper)):  # a conditional limit may end at any price
        amount = stock.orderable_amount(price=price, condition=kind)
        assert (amount.amount, amount.unit_price) == (100_000_000, at)
        assert amount.quantity == 100_000_000 / at // Decimal("1.000142")
    if not kis.virtual:
        for execution in ("IOC", "FOK"):
            assert stock.orderable_amount(price=price, execution=execution).amount == 100_000_000


def test_executions_over_all_countries(kis: Any, today: date) -> None:
    bought = kis.stock(SAMSUNG).buy(qty=1)
    (order,) = kis.account().daily_orders(start=today, end=today).orders
    assert (order.number, order.symbol) == (bought.number, SAMSUNG)
    assert kis.account().daily_orders(start=today, end=today, country="US").orders == []


def test_pending_orders_over_all_countries(clients: dict[str, Any]) -> None:
    kis = clients["live"]
    stock = kis.stock(SAMSUNG)
    order = stock.buy(price=stock.quote().low_limit, qty=1)
    (waiting,) = kis.account().pending_orders().orders
    assert waiting.order_number == order
    assert order.pending_order.pending_quantity == 1
    assert [each.order_number for each in stock.pending_orders()] == [order]


def test_profits(clients: dict[str, Any], sims: dict[str, Simulator]) -> None:
    kis, today = clients["live"], sims["live"].clock.now().date()
    stock, account = kis.stock(SAMSUNG), kis.account()
    assert account.profits(start=today).orders == []
    stock.buy(qty=2)
    paid = account.balance("KR").stocks[0].purchase_amount
    sold = stock.sell(qty=2)
    earned = orders_by_number(kis, today)[sold.number].price * 2
    profits = account.profits(start=today)
    (one,) = profits.orders
    assert (one.symbol, one.quantity) == (SAMSUNG, 2)
    assert one.sell_amount == earned
    assert one.buy_price * 2 == paid
    assert account.profits(start=today, country="US").orders == []
    assert account.profits(start=today, country="KR").fees > 0


def test_an_account_begins_with_cash_only(kis: Any) -> None:
    balance = kis.account().balance(country="KR")
    assert (balance.deposits["KRW"].amount, balance.stocks) == (100_000_000, [])
    assert cash(kis) == 100_000_000


def test_buying_and_selling_at_market_adds_up(kis: Any, sim: Simulator, today: date) -> None:
    stock, account = kis.stock(SAMSUNG), kis.account()
    bought = stock.buy(qty=10)
    (held,) = account.balance(country="KR").stocks
    assert (held.symbol, held.quantity, held.orderable) == (SAMSUNG, 10, 10)
    paid = held.purchase_amount
    order = orders_by_number(kis, today)[bought.number]
    assert (order.type, order.executed_quantity, order.pending_quantity) == ("buy", 10, 0)
    assert order.price * 10 == paid
    assert (stock.quantity, stock.orderable) == (10, 10)

    sold = stock.sell()  # python-kis asks how many there are
    order = orders_by_number(kis, today)[sold.number]
    assert (order.type, order.executed_quantity) == ("sell", 10)
    earned = order.price * 10
    (gone,) = account.balance(country="KR").stocks
    assert gone.quantity == 0
    books = sim.brokerage.account(sim.app_key, *sim.account_no.split("-"))
    costs = sum(fill.fee + fill.tax for fill in books.fills)
    assert cash(kis) == 100_000_000 - paid + earned - costs
    assert costs > 0


def test_an_order_waits_and_is_cancelled(kis: Any, today: date) -> None:
    stock = kis.stock(SAMSUNG)
    low = stock.quote().low_limit
    order = stock.buy(price=low, qty=3)
    assert cash(kis) < 100_000_000
    waiting = orders_by_number(kis, today)[order.number]
    assert (waiting.unit_price, waiting.quantity, waiting.pending_quantity) == (low, 3, 3)
    assert waiting.time_kst.date() == today
    order.cancel()
    assert orders_by_number(kis, today)[order.number].pending_quantity == 0
    assert cash(kis) == 100_000_000
    nothing_left = refused(order.cancel)
    assert nothing_left == ("40330000" if kis.virtual else "APBK0927")


def test_a_changed_order_has_a_new_number(clients: dict[str, Any]) -> None:
    kis = clients["live"]
    stock, account = kis.stock(SAMSUNG), kis.account()
    quote = stock.quote()
    first = stock.buy(price=quote.low_limit, qty=3)
    assert first.pending
    second = first.modify(price=quote.low_limit + quote.tick)
    assert int(second.number) > int(first.number)
    (waiting,) = account.pending_orders(country="KR").orders
    assert (waiting.order_number, waiting.unit_price) == (second, quote.low_limit + quote.tick)
    assert (waiting.quantity, waiting.executed_quantity, waiting.orderable_quantity) == (3, 0, 3)
    second.cancel()
    assert account.pending_orders(country="KR").orders == []


def test_more_orders_than_a_page_holds(kis: Any, sim: Simulator, today: date) -> None:
    stock = kis.stock(SAMSUNG)
    low = stock.quote().low_limit
    count = 105 if sim.mode == "live" else 35
    numbers = {stock.buy(price=low, qty=1).number for _ in range(count)}
    assert orders_by_number(kis, today).keys() == numbers
    if sim.mode == "live":
        assert {order.order_number.number for order in kis.account().pending_orders(country="KR")} == numbers


def test_refusals_carry_their_code(kis: Any) -> None:
    stock = kis.stock(SAMSUNG)
    quote = stock.quote()
    codes = {
        refused(stock.sell, qty=5),
        refused(stock.buy, price=quote.low_limit, qty=10_000_000),
        refused(stock.buy, price=quote.high_limit * 2, qty=1),
        refused(stock.buy, price=quote.low_limit + 1, qty=1),
    }
    if kis.virtual:
        assert codes == {"40240000", "40250000", "40270000", "40030000"}
    else:
        assert codes == {"APBK0400", "APBK0952", "APBK0406", "APBK0506"}
