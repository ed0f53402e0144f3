from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from kis_sync.api.domestic_stock.balance import Balance
from kis_sync.api.domestic_stock.daily_chart import get_daily_chart
from kis_sync.api.domestic_stock.minute_chart import get_minute_chart
from kis_sync.api.domestic_stock.order_book import OrderBook, get_order_book
from kis_sync.api.domestic_stock.price import Quote, get_price
from kis_sync.catalog import Call
from kis_sync.clock import KST
from kis_sync.envelope import Envelope
from kis_sync.errors import InvalidRequestError, RequestRefusedError, ServerError
from tests.asking import StubAsker, ok

EXAMPLES = Path(__file__).parents[3] / "shared" / "kis" / "examples.json"
needs_examples = pytest.mark.skipif(not EXAMPLES.exists(), reason="the documented examples are not here")
SHORT_PAGE, FULL_PAGE = 99, 100


def example(path: str, tr_id: str) -> Envelope:
    record = json.loads(EXAMPLES.read_text(encoding="utf-8"))[f"{path} {tr_id}"]["response"]
    return Envelope("example", record)


@needs_examples
class TestDocumentedAnswers:
    def test_price(self) -> None:
        quote = Quote.read(
            "000660", example("/uapi/domestic-stock/v1/quotations/inquire-price", "FHKST01010100")
        )
        raw = quote.raw
        assert str(quote.price) == raw["stck_prpr"]
        assert str(quote.volume) == raw["acml_vol"]
        assert (quote.upper_limit, quote.lower_limit) == (
            int(str(raw["stck_mxpr"])),
            int(str(raw["stck_llam"])),
        )

    def test_order_book(self) -> None:
        book = OrderBook.read(
            "000660",
            example("/uapi/domestic-stock/v1/quotations/inquire-asking-price-exp-ccn", "FHKST01010200"),
        )
        assert book.best_ask == (128_000, 69_454)
        assert book.best_bid == (127_500, 83_147)
        assert len(book.asks) == len(book.bids) == 10
        assert book.price == 128_000
        assert book.accepted_at == time(16)

    def test_balance(self) -> None:
        balance = Balance.read([example("/uapi/domestic-stock/v1/trading/inquire-balance", "TTTC8434R")])
        assert [each.quantity for each in balance.positions] == [1657, 3]
        assert balance.positions[0].price is None  # KIS sent 0
        assert str(balance.positions[0].average_price) == "135440.2517"
        assert balance.deposit == 346_455
        assert balance.securities_value is not None
        assert balance.deposit_d2 is not None
        assert balance.total_value == balance.securities_value + balance.deposit_d2


def minute_rows(*rows: tuple[str, int]) -> list[dict[str, str]]:
    return [
        {
            "stck_bsop_date": "20261124",
            "stck_cntg_hour": at,
            "stck_prpr": str(close),
            "stck_oprc": str(close),
            "stck_hgpr": str(close),
            "stck_lwpr": str(close),
            "cntg_vol": "10",
        }
        for at, close in rows
    ]


QUOTE = {"stck_prpr": "100", "acml_vol": "30", "prdy_ctrt": "1.50", "hts_kor_isnm": "삼성전자"}


class TestMinuteChart:
    def test_bars_come_oldest_first_whatever_the_order(self) -> None:
        asker = StubAsker(
            ok(output1=QUOTE, output2=minute_rows(("103000", 100), ("102800", 98), ("102900", 99)))
        )
        chart = get_minute_chart(asker, "005930")
        assert [bar.close for bar in chart.bars] == [98, 99, 100]
        assert chart.bars[-1].time == datetime(2026, 11, 24, 10, 30, tzinfo=KST)
        assert (chart.name, chart.price, chart.volume, chart.change_percent) == ("삼성전자", 100, 30, 1.5)
        assert chart.answered_at == datetime(2026, 11, 24, 10, 30, 20, tzinfo=KST)

    @pytest.mark.parametrize(
        ("now", "until", "market", "asked"),
        [
            ("2026-11-24 10:30:20", None, "J", "103020"),
            ("2026-11-24 10:30:20", time(9, 45), "J", "094500"),
            ("2026-11-24 10:30:20", time(14, 0), "J", "103020"),  # a time to come would be filled
            ("2026-11-24 18:00:00", None, "J", "153000"),
            ("2026-11-24 18:00:00", None, "NX", "180000"),
            ("2026-11-24 21:00:00", None, "UN", "200000"),
            ("2026-11-21 12:00:00", None, "J", "153000"),  # a Saturday: the whole of Friday
            ("2026-11-21 12:00:00", time(11, 0), "J", "110000"),
        ],
    )
    def test_asks_for_no_time_to_come(self, now: str, until: time | None, market: str, asked: str) -> None:
        at = datetime.fromisoformat(now).replace(tzinfo=KST)
        asker = StubAsker(ok(output1=QUOTE, output2=[]), now=at)
        get_minute_chart(asker, "005930", until, market=market)
        assert asker.calls[0].params["FID_INPUT_HOUR_1"] == asked

    def test_a_price_of_0_is_no_stock(self) -> None:
        with pytest.raises(RequestRefusedError, match="no such stock"):
            get_minute_chart(StubAsker(ok(output1={"stck_prpr": "0"}, output2=[])), "999999")


def daily_answer(newest: date, count: int) -> dict[str, object]:
    rows = [
        {"stck_bsop_date": f"{newest - timedelta(n):%Y%m%d}", "stck_clpr": str(1000 + n), "stck_oprc": "1000",
         "stck_hgpr": "1100", "stck_lwpr": "900", "acml_vol": "5"}
        for n in range(count)
    ]  # fmt: skip
    return ok(output1=QUOTE, output2=rows)


class TestDailyChart:
    def test_reads_page_after_page_until_the_start(self) -> None:
        def answer(call: Call) -> dict[str, object]:
            first = datetime.strptime(str(call.params["FID_INPUT_DATE_1"]), "%Y%m%d").date()
            last = datetime.strptime(str(call.params["FID_INPUT_DATE_2"]), "%Y%m%d").date()
            return daily_answer(last, min(FULL_PAGE, (last - first).days + 1))

        asker = StubAsker(answer)
        start, end = date(2026, 1, 1), date(2026, 11, 24)
        chart = get_daily_chart(asker, "005930", start, end)
        dates = [bar.date for bar in chart.bars]
        assert dates == [start + timedelta(n) for n in range((end - start).days + 1)]
        assert len(asker.calls) == -(-len(dates) // FULL_PAGE)

    def test_a_page_that_repeats_is_an_error(self) -> None:
        asker = StubAsker(daily_answer(date(2026, 11, 24), FULL_PAGE))
        with pytest.raises(ServerError, match="repeats a page"):
            get_daily_chart(asker, "005930", date(2020, 1, 1))

    def test_without_a_start_one_page_is_asked_for(self) -> None:
        asker = StubAsker(daily_answer(date(2026, 11, 24), SHORT_PAGE))
        assert len(get_daily_chart(asker, "005930").bars) == SHORT_PAGE
        assert len(asker.calls) == 1

    @pytest.mark.parametrize(("adjusted", "sent"), [(True, "0"), (False, "1")])
    def test_adjusted_is_0_here(self, adjusted: bool, sent: str) -> None:
        asker = StubAsker(daily_answer(date(2026, 11, 24), 1))
        get_daily_chart(asker, "005930", adjusted=adjusted)
        assert asker.calls[0].params["FID_ORG_ADJ_PRC"] == sent

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ({"period": "X"}, "period must be"),
            ({"start": date(2026, 2, 1), "end": date(2026, 1, 1)}, "lies after"),
            ({"start": "20260101"}, "start must be a date"),
        ],
    )
    def test_bad_input_is_told_before_any_call(self, options: dict[str, Any], told: str) -> None:
        asker = StubAsker(ok())
        with pytest.raises(InvalidRequestError, match=told):
            get_daily_chart(asker, "005930", **options)
        assert asker.calls == []


class TestOrderBook:
    def test_empty_levels_are_left_out(self) -> None:
        levels = {f"askp{n}": "0" for n in range(1, 11)} | {"bidp1": "990", "bidp_rsqn1": "7"}
        book = get_order_book(StubAsker(ok(output1=levels, output2={"stck_prpr": "990"})), "005930")
        assert book.asks == ()
        assert book.bids == ((990, 7),)
        assert book.spread is None

    def test_nothing_at_all_is_no_stock(self) -> None:
        with pytest.raises(RequestRefusedError, match="no order book"):
            get_order_book(StubAsker(ok(output1={}, output2={})), "999999")

    @pytest.mark.parametrize("name", ["askp3", "bidp_rsqn1", "total_askp_rsqn"])
    def test_a_negative_level_is_an_error(self, name: str) -> None:
        levels = {"askp3": "100", "askp_rsqn3": "5", "bidp1": "90", "bidp_rsqn1": "7", name: "-1"}
        with pytest.raises(ServerError, match=f"field {name} is negative"):
            get_order_book(StubAsker(ok(output1=levels, output2={"stck_prpr": "100"})), "005930")


class TestPrice:
    @pytest.mark.parametrize(
        ("fields", "halted"),
        [({"iscd_stat_cls_code": "58"}, True), ({"temp_stop_yn": "Y"}, True), ({"temp_stop_yn": "N"}, False)],
    )
    def test_halts(self, fields: dict[str, str], halted: bool) -> None:
        assert get_price(StubAsker(ok(output={"stck_prpr": "100", **fields})), "005930").halted is halted

    def test_unknown_fields_stay_at_raw(self) -> None:
        quote = get_price(StubAsker(ok(output={"stck_prpr": "100", "brand_new": "1"})), "005930")
        assert quote.raw["brand_new"] == "1"
        assert "brand_new" not in repr(quote)

    @pytest.mark.parametrize("output", [[], "", None, [{}, {}], 5])
    def test_another_shape_is_a_server_error(self, output: object) -> None:
        with pytest.raises(ServerError, match="output is not an object"):
            get_price(StubAsker(ok(output=output)), "005930")
