"""The broker end to end: on the simulator over real HTTP, and with answers mocked by ``responses``."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import responses

from kis_sync import (
    AuthenticationError,
    BrokerClosedError,
    ConfigurationError,
    InvalidRequestError,
    KISBroker,
    RequestRefusedError,
    Settings,
    Simulator,
)
from kis_sync.testing import no_waits

BASE = "https://openapivts.koreainvestment.com:29443"


def settings(**changes: object) -> Settings:
    known: dict[str, object] = {"app_key": "k" * 36, "app_secret": "s" * 180, "account_no": "12345678-01"}
    return Settings(**{**known, "store_access_token": False, **changes})  # type: ignore[arg-type]


class TestOnTheSimulator:
    def test_quotes_agree_with_each_other(self, kis_broker: KISBroker) -> None:
        quote, book = kis_broker.get_price("005930"), kis_broker.get_order_book("005930")
        assert quote.lower_limit is not None
        assert quote.upper_limit is not None
        assert quote.lower_limit <= quote.price <= quote.upper_limit
        assert book.best_bid is not None
        assert book.best_ask is not None
        assert book.best_bid.price < book.best_ask.price
        assert len(book.asks) == len(book.bids) == 10

    def test_charts_agree_with_the_quote(self, kis_broker: KISBroker) -> None:
        minutes = kis_broker.get_minute_chart("000660")
        days = kis_broker.get_daily_chart("000660")
        assert minutes.name == days.name == "SK하이닉스"
        assert len(minutes.bars) == 30
        assert minutes.bars[-1].close == minutes.price
        assert 50 < len(days.bars) <= 100
        assert days.bars[-1].date == minutes.bars[-1].date
        base = kis_broker.get_price("000660").base
        assert days.bars[-2].close == base

    def test_a_long_daily_chart_is_paged(self, kis_broker: KISBroker) -> None:
        end = kis_broker.now().date()
        before = kis_broker.traffic.calls
        bars = kis_broker.get_daily_chart("005930", end - timedelta(days=400), end).bars
        assert len(bars) > 200
        assert [bar.time for bar in bars] == sorted({bar.time for bar in bars})
        assert kis_broker.traffic.calls - before >= 3

    def test_a_market_buy_becomes_a_position(self, kis_broker: KISBroker, kis_sim: Simulator) -> None:
        before = kis_broker.get_balance()
        order = kis_broker.send_order("005930", "BUY", 10)
        assert int(order.number) > 0
        after = kis_broker.get_balance()
        (position,) = after.positions
        assert (position.code, position.quantity, position.name) == ("005930", 10, "삼성전자")
        assert before.deposit_d2 is not None
        assert after.deposit_d2 is not None
        assert after.deposit_d2 < before.deposit_d2
        sold = kis_broker.send_order("005930", "sell", 4)
        assert int(sold.number) > int(order.number)
        assert kis_broker.get_balance().positions[0].quantity == 6

    def test_a_limit_order_leaves_as_a_limit_order(self, kis_broker: KISBroker, kis_sim: Simulator) -> None:
        quote = kis_broker.get_price("005930")
        assert quote.lower_limit is not None
        kis_broker.send_order("005930", "BUY", 1, quote.lower_limit)
        assert kis_broker.get_balance().positions == ()  # it rests: it did not go out at market

    def test_prices_are_checked_before_the_order_with_one_price_call_a_day(
        self, kis_broker: KISBroker, kis_sim: Simulator
    ) -> None:
        with pytest.raises(InvalidRequestError, match="valid prices next to it"):
            kis_broker.send_order("005930", "BUY", 1, 200_001)
        with pytest.raises(InvalidRequestError, match="above the day's upper limit"):
            kis_broker.send_order("005930", "BUY", 1, 10_000_000)
        paths = kis_sim.stats.calls_by_path
        assert sum(count for path, count in paths.items() if path.endswith("/inquire-price")) == 1
        assert not any("order-cash" in path for path in paths)

    def test_many_threads_ask_the_price_of_one_stock_once(
        self, kis_broker: KISBroker, kis_sim: Simulator
    ) -> None:
        def refused(_: int) -> None:
            with pytest.raises(InvalidRequestError, match="valid prices"):
                kis_broker.send_order("005930", "BUY", 1, 200_001)

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(refused, range(32)))
        paths = kis_sim.stats.calls_by_path
        assert sum(count for path, count in paths.items() if path.endswith("/inquire-price")) == 1

    def test_the_original_names(self, kis_broker: KISBroker) -> None:
        assert kis_broker.get_orderbook("005930").raw["output2"]["stck_prpr"]  # type: ignore[index]

    def test_a_refusal_keeps_code_message_and_endpoint(self, kis_broker: KISBroker) -> None:
        with pytest.raises(RequestRefusedError, match="초과") as caught:
            kis_broker.call(
                "domestic_stock.order_cash",
                variant="buy",
                PDNO="005930",
                ORD_DVSN="01",
                ORD_QTY=1_000_000,
                ORD_UNPR=0,
            )
        assert caught.value.code == "APBK0952"
        assert caught.value.endpoint == "domestic_stock.order_cash"

    def test_many_threads_one_access_token_no_refusal(self) -> None:
        with Simulator(limit=200) as simulator, KISBroker.simulated(simulator) as broker:
            with ThreadPoolExecutor(16) as pool:
                quotes = list(pool.map(lambda _: broker.get_price("005930"), range(300)))
            assert len(quotes) == 300
            paths = simulator.stats.calls_by_path
            assert paths["/oauth2/tokenP"] == 1
            assert simulator.stats.egw00201 == 0
            assert simulator.stats.most_calls_in_any_second <= 200

    def test_a_second_broker_doubles_nothing(self) -> None:
        with Simulator(limit=50) as simulator:
            with KISBroker.simulated(simulator) as first, KISBroker.simulated(simulator) as second:
                assert first.bucket is second.bucket
                for _ in range(40):
                    first.get_price("005930")
                    second.get_price("000660")
            assert simulator.stats.egw00201 == 0
            assert simulator.stats.calls_by_path["/oauth2/tokenP"] == 1

    def test_paper(self) -> None:
        with no_waits(), KISBroker.simulated(mode="paper") as broker:
            assert broker.get_price("005930").price > 0
            broker.send_order("005930", "BUY", 1)
            assert broker.get_balance().positions[0].quantity == 1

    def test_a_revoked_access_token_is_told(self) -> None:
        with no_waits(), KISBroker.simulated(reissue_returns_dead_token=True) as broker:
            broker.get_price("005930")
            broker.revoke_access_token()
            broker.revoke_access_token()  # nothing to revoke: nothing happens
            with pytest.raises(AuthenticationError, match="the same access token"):
                broker.get_price("005930")

    def test_a_revoked_access_token_is_replaced(self) -> None:
        with no_waits(), KISBroker.simulated(reissue_returns_dead_token=False) as broker:
            broker.get_price("005930")
            broker.revoke_access_token()
            assert broker.get_price("005930").price > 0


class TestClosing:
    def test_closing_twice_and_calling_after(self, kis_sim: Simulator) -> None:
        broker = KISBroker.simulated(kis_sim)
        broker.close()
        broker.close()
        with pytest.raises(BrokerClosedError):
            broker.get_price("005930")

    def test_closing_wakes_who_waits_and_leaves_the_other_broker_alone(self) -> None:
        with Simulator(limit=1) as simulator:
            closing, other = KISBroker.simulated(simulator), KISBroker.simulated(simulator)
            closing.get_price("005930")
            failed: list[BaseException] = []

            def wait() -> None:
                try:
                    for _ in range(100):
                        closing.get_price("005930")
                except BrokerClosedError as error:
                    failed.append(error)

            thread = threading.Thread(target=wait)
            thread.start()
            while not closing.bucket.stats.waiting:
                thread.join(0.001)
            closing.close()
            thread.join(30)
            assert len(failed) == 1
            assert other.get_price("005930").price > 0
            other.close()


class TestLiveOrders:
    def test_need_their_opt_in_and_send_nothing_without(self, kis_sim: Simulator) -> None:
        mine = settings(mode="live", base_url=kis_sim.base_url, rate_limit_rps=1000)
        with KISBroker(mine) as broker, pytest.raises(ConfigurationError, match="allow_live_orders"):
            broker.send_order("005930", "BUY", 1)
        assert not any("order-cash" in path for path in kis_sim.stats.calls_by_path)
        assert "/uapi/hashkey" not in kis_sim.stats.calls_by_path

    def test_without_an_account_nothing_is_sent(self, kis_sim: Simulator) -> None:
        mine = settings(account_no=None, base_url=kis_sim.base_url)
        with KISBroker(mine) as broker, pytest.raises(ConfigurationError, match="KIS_ACCOUNT_NO"):
            broker.send_order("005930", "BUY", 1, 70_000)
        assert kis_sim.stats.calls == 0


class TestTheFilesOfTheLimit:
    def call(self, cache_dir: Path, **changes: object) -> list[str]:
        """The files that one call makes of a broker with the settings of a user."""
        with Simulator() as simulator:
            server = {"mode": simulator.mode, "base_url": simulator.base_url, "proxies": {}}
            keys = {"app_key": simulator.app_key, "app_secret": simulator.app_secret}
            with KISBroker(settings(**server, **keys, cache_dir=cache_dir, **changes)) as broker:
                assert not cache_dir.exists()  # making a broker makes no file
                assert broker.get_price("005930").price > 0
        return [path.name for path in cache_dir.iterdir()] if cache_dir.exists() else []

    def test_are_made_with_the_first_call_by_default(self, tmp_path: Path) -> None:
        names = self.call(tmp_path / "cache")
        assert len(names) == 2  # one for calls, one for issues of access tokens
        assert all(name.startswith("limit-3-") and len(name) == 40 for name in names)

    def test_are_not_made_where_a_process_counts_for_itself(self, tmp_path: Path) -> None:
        assert self.call(tmp_path / "cache", shared="process") == []


class TestMocked:
    @responses.activate
    def test_responses_mocks_it(self) -> None:
        responses.post(
            f"{BASE}/oauth2/tokenP",
            json={
                "access_token": "a" * 300,
                "access_token_token_expired": "2099-12-31 00:00:00",
                "token_type": "Bearer",
                "expires_in": 86400,
            },
        )
        output = {"stck_prpr": "70000", "prdy_vrss": "-100", "prdy_ctrt": "-0.14"}
        responses.get(
            f"{BASE}/uapi/domestic-stock/v1/quotations/inquire-price",
            json={"rt_cd": "0", "msg_cd": "MCA00000", "msg1": "ok", "output": output},
            match=[responses.matchers.header_matcher({"tr_id": "FHKST01010100", "custtype": "P"})],
        )
        with no_waits(), KISBroker(settings(app_key="m" * 36)) as broker:
            quote = broker.get_price("005930")
        assert (quote.price, quote.change, quote.change_percent) == (70_000, -100, -0.14)
