"""Whatever a stranger does and whenever: what the account APIs tell must agree, to the won and the share."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kis_sync.clock import KST, ManualClock
from kis_sync.sim import Market, Simulator
from tests.sim.stranger import Row, Stranger
from tests.thoroughness import examples

CASH = 50_000_000
CODES = ["005930", "069500", "035720"]
FUND = "069500"
MARKET = Market(11)
MONDAY = datetime(2026, 11, 23, 9, 30, tzinfo=KST)
CASH_REFUSED, SHARES_REFUSED = ("APBK0952", "40250000"), ("APBK0400", "40240000")
TICKS = ((2_000, 1), (5_000, 5), (20_000, 10), (50_000, 50), (200_000, 100), (500_000, 500), (10**9, 1_000))


def tick_at(price: int, code: str) -> int:
    if code == FUND:
        return 1 if price < 2_000 else 5
    return next(tick for below, tick in TICKS if price < below)


def number(row: Row, *names: str) -> int:
    return sum(int(row[name]) for name in names)


class Trade:
    """What a stranger does and remembers, and what must be true after each step."""

    def __init__(
        self, sim: Simulator, clock: ManualClock, url: str, *, paper: bool = False, per_million: int = 142
    ) -> None:
        self.clock = clock
        self.per_million = per_million
        self.me = Stranger(url, sim.app_key, sim.app_secret, sim.account_no, paper=paper)
        if url == "http://in.process":
            self.me.session.mount(url, sim.adapter())
        self.me.log_in()
        self.logged_in = clock.now()
        self.accepted: dict[str, Row] = {}
        self.cancelled: set[str] = set()
        self.reserved: dict[str, int] = {}

    def commission(self, value: int) -> int:
        return value * self.per_million // 1_000_000

    # -- steps -------------------------------------------------------------------------------------

    def valid_price(self, code: str, offset: int) -> int:
        price = int(self.me.price(code)["stck_prpr"]) * (1000 + offset) // 1000
        return price - price % tick_at(price, code)

    def order(self, side: str, code: str, quantity: int, offset: int, kind: str) -> None:
        price = self.valid_price(code, offset) if kind != "01" else 0
        body = self.me.order(side, code, quantity, price, kind)
        if body["rt_cd"] == "0":
            self.accepted[body["output"]["ODNO"]] = {
                "pdno": code,
                "ord_qty": str(quantity),
                "ord_unpr": str(price),
                "ord_dvsn_cd": kind,
                "sll_buy_dvsn_cd": {"buy": "02", "sell": "01"}[side],
                "orgn_odno": "",
                "ord_tmd": body["output"]["ORD_TMD"],
            }

    def change(self, which: int, quantity: int, offset: int) -> None:
        target, code = self.picked(which)
        price = self.valid_price(code, offset)
        body = self.me.change(target, "01", quantity, price)
        if body["rt_cd"] == "0":
            of = {"pdno": code, "orgn_odno": target, "ord_unpr": str(price), "ord_dvsn_cd": "00"}
            self.accepted[body["output"]["ODNO"]] = of

    def cancel(self, which: int, quantity: int) -> None:
        target, code = self.picked(which)
        body = self.me.change(target, "02", quantity, 0)
        if body["rt_cd"] == "0":
            self.accepted[body["output"]["ODNO"]] = {"pdno": code, "orgn_odno": target, "rmn_qty": "0"}
            if not quantity:
                self.cancelled.add(target)

    def picked(self, which: int) -> tuple[str, str]:
        """Rather an open order, and any other when none is open."""
        waiting = [row["odno"] for row in self.me.pending()] or list(self.accepted)
        target = waiting[which % len(waiting)]
        return target, self.accepted[target]["pdno"]

    def reserve(self, side: str, code: str, quantity: int, offset: int, kind: str, days: int) -> None:
        """Before the opening of the next day, or of each day for some days."""
        price = self.valid_price(code, offset) if kind == "00" else 0
        end = f"{self.clock.now() + timedelta(days=days):%Y%m%d}" if days else ""
        body = self.me.reserve(side, code, quantity, price, kind, end)
        if body["rt_cd"] == "0":
            self.reserved[body["output"]["RSVN_ORD_SEQ"]] = quantity
        else:
            assert body["msg_cd"] in ("KIER3672", "OPSQ2001"), body

    def note_what_was_sent(self) -> None:
        """Orders that reservations became are orders like any other."""
        rows = self.me.reserved()
        assert {row["rsvn_ord_seq"] for row in rows} == self.reserved.keys()
        for row in rows:
            if not row["odno"]:
                assert row["prcs_rslt"] == "미처리"
                continue
            self.accepted[row["odno"]] = {
                "pdno": row["pdno"],
                "ord_dt": row["rsvn_ord_ord_dt"],
                "ord_tmd": row["ord_tmd"],
                "ord_qty": row["ord_rsvn_qty"],
                "tot_ccld_qty": row["tot_ccld_qty"],
                "tot_ccld_amt": row["tot_ccld_amt"],
                "rjct_qty": row["ord_rsvn_qty"] if row["prcs_rslt"] == "거부" else "0",
            }
        for seq, quantity in self.reserved.items():
            sent = [row for row in rows if row["rsvn_ord_seq"] == seq]
            filled = sum(int(row["tot_ccld_qty"]) for row in sent)
            assert filled <= quantity
            assert int(sent[-1]["ord_rsvn_qty"]) == quantity - filled + int(sent[-1]["tot_ccld_qty"])

    def buy_all(self, code: str, offset: int, kind: str) -> None:
        """Exactly the quantity that psbl-order tells is accepted, and none more."""
        price = self.valid_price(code, offset) if kind == "00" else 0
        power = self.me.buying_power(code, price, kind)
        most = int(power["nrcvb_buy_qty"])
        refused = self.me.order("buy", code, most + 1, price, kind)
        if refused["msg_cd"] in CASH_REFUSED and most:
            body = self.me.order("buy", code, most, price, kind)
            assert body["rt_cd"] == "0", body
            given = {"pdno": code, "ord_qty": str(most), "orgn_odno": "", "ord_dvsn_cd": kind}
            self.accepted[body["output"]["ODNO"]] = given
        else:
            assert refused["rt_cd"] != "0", (refused, power)

    def sell_all(self, code: str) -> None:
        """Exactly the sellable quantity is accepted, and none more."""
        rows, _ = self.me.balance()
        most = next((int(row["ord_psbl_qty"]) for row in rows if row["pdno"] == code), 0)
        refused = self.me.order("sell", code, most + 1, 0, "01")
        assert refused["rt_cd"] != "0"
        if refused["msg_cd"] in SHARES_REFUSED and most:
            body = self.me.order("sell", code, most, 0, "01")
            assert body["rt_cd"] == "0", body
            self.accepted[body["output"]["ODNO"]] = {"pdno": code, "ord_qty": str(most), "orgn_odno": ""}

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        if self.clock.now() - self.logged_in > timedelta(hours=20):
            self.me.log_in()
            self.logged_in = self.clock.now()

    # -- what must be true -------------------------------------------------------------------------

    def check(self) -> None:
        if not self.me.paper:
            self.note_what_was_sent()
        rows, sums = self.me.history()
        pending = self.me.pending()
        positions, money = self.me.balance()
        self.check_orders(rows, pending)
        self.check_holdings(rows, pending, positions)
        self.check_money(rows, sums, positions, money)
        self.check_buying_power(pending, money)
        if not self.me.paper:
            self.check_profits(rows, sums, positions, money)

    def check_orders(self, rows: list[Row], pending: list[Row]) -> None:
        found = {row["odno"]: row for row in rows}
        assert len(found) == len(rows)
        assert found.keys() == self.accepted.keys()
        for odno, given in self.accepted.items():
            row = found[odno]
            assert given.items() <= row.items(), (given, row)
            parts = number(row, "tot_ccld_qty", "rmn_qty", "cncl_cfrm_qty", "rjct_qty")
            assert parts == int(row["ord_qty"]), row
            assert (int(row["tot_ccld_qty"]) == 0) == (int(row["tot_ccld_amt"]) == 0)
        waiting = {row["odno"]: row for row in pending}
        assert waiting.keys() == {odno for odno, row in found.items() if int(row["rmn_qty"])}
        assert not waiting.keys() & self.cancelled
        for odno, row in waiting.items():
            if not self.me.paper:
                assert row["psbl_qty"] == found[odno]["rmn_qty"]
        for odno in self.cancelled:
            assert found[odno]["rmn_qty"] == "0"

    def check_holdings(self, rows: list[Row], pending: list[Row], positions: list[Row]) -> None:
        held = {row["pdno"]: row for row in positions}
        assert len(held) == len(positions)
        left = "rmn_qty" if self.me.paper else "psbl_qty"
        for code in CODES:
            filled = dict.fromkeys(("01", "02"), 0)
            for row in rows:
                if row["pdno"] == code:
                    filled[row["sll_buy_dvsn_cd"]] += int(row["tot_ccld_qty"])
            quantity = filled["02"] - filled["01"]
            row = held.get(code, {})
            assert int(row.get("hldg_qty", "0")) == quantity
            locked = sum(
                int(each[left])
                for each in pending
                if each["pdno"] == code and each["sll_buy_dvsn_cd"] == "01"
            )
            assert int(row.get("ord_psbl_qty", "0")) == quantity - locked >= 0
            if row:
                assert row["prpr"] == self.me.price(code)["stck_prpr"]

    def check_money(self, rows: list[Row], sums: Row, positions: list[Row], money: Row) -> None:
        value = {
            side: sum(int(row["tot_ccld_amt"]) for row in rows if row["sll_buy_dvsn_cd"] == side)
            for side in ("01", "02")
        }
        costs = int(sums["prsm_tlex_smtl"])
        assert number(sums, "tot_ccld_amt") == value["01"] + value["02"]
        assert costs <= self.commission(value["01"] + value["02"]) + value["01"] // 500
        d2 = int(money["prvs_rcdl_excc_amt"])
        assert d2 == CASH + value["01"] - value["02"] - costs >= 0
        flows = {
            day: number(money, f"{day}_sll_amt") - number(money, f"{day}_buy_amt", f"{day}_tlex_amt")
            for day in ("thdt", "bfdy")
        }
        if self.clock.now().weekday() < 5:
            d1 = d2 - flows["thdt"]
            assert int(money["nxdy_excc_amt"]) == d1
            assert int(money["dnca_tot_amt"]) == d1 - flows["bfdy"]
        else:  # what was traded on Friday is settled the day after the next trading day
            assert flows["thdt"] == 0
            assert int(money["nxdy_excc_amt"]) == d2 - flows["bfdy"]
        for row in positions:
            assert int(row["evlu_amt"]) == int(row["hldg_qty"]) * int(row["prpr"])
            assert int(row["evlu_pfls_amt"]) == int(row["evlu_amt"]) - int(row["pchs_amt"])
        for name, total in (
            ("evlu_amt", "scts_evlu_amt"),
            ("evlu_amt", "evlu_amt_smtl_amt"),
            ("pchs_amt", "pchs_amt_smtl_amt"),
            ("evlu_pfls_amt", "evlu_pfls_smtl_amt"),
        ):
            assert sum(int(row[name]) for row in positions) == int(money[total])
        assert int(money["tot_evlu_amt"]) == int(money["scts_evlu_amt"]) + d2
        assert number(money, "bfdy_tot_asst_evlu_amt", "asst_icdc_amt") == int(money["tot_evlu_amt"])

    def check_buying_power(self, pending: list[Row], money: Row) -> None:
        left = "rmn_qty" if self.me.paper else "psbl_qty"
        aside = 0
        for row in pending:
            if row["sll_buy_dvsn_cd"] == "02":
                price = int(row["ord_unpr"]) or int(self.me.price(row["pdno"])["stck_mxpr"])
                value = int(row[left]) * price
                aside += value + self.commission(value)
        cash = int(self.me.buying_power("", 0, "01")["ord_psbl_cash"])
        assert cash == int(money["prvs_rcdl_excc_amt"]) - aside >= 0

    def check_profits(self, rows: list[Row], sums: Row, positions: list[Row], money: Row) -> None:
        codes, by_code, days, by_day = self.me.profits()
        shared = by_day.keys() & by_code.keys()
        assert {name: by_day[name] for name in shared} == {name: by_code[name] for name in shared}
        for name, total in (
            ("rlzt_pfls", "tot_rlzt_pfls"),
            ("buy_amt", "buy_tr_amt_smtl"),
            ("sll_amt", "sll_tr_amt_smtl"),
            ("fee", "tot_fee"),
            ("tl_tax", "tot_tltx"),
        ):
            for each in (codes, days):
                assert sum(int(row[name]) for row in each) == int(by_code[total])
        assert number(by_code, "tot_fee", "tot_tltx") == int(sums["prsm_tlex_smtl"])
        assert number(by_code, "sll_tr_amt_smtl", "buy_tr_amt_smtl") == int(sums["tot_ccld_amt"])
        traded = sum(int(row["tot_ccld_qty"]) for row in rows)
        assert int(by_code["tot_qty"]) == traded
        paid, got = int(by_code["buy_excc_amt_smtl"]), int(by_code["sll_excc_amt_smtl"])
        assert int(money["prvs_rcdl_excc_amt"]) == CASH + got - paid
        cost = sum(int(row["pchs_amt"]) for row in positions)
        commissions_of_what_is_held = int(by_code["tot_rlzt_pfls"]) - (got - paid) - cost
        assert 0 <= commissions_of_what_is_held <= int(by_code["buy_fee_smtl"])
        if not cost:
            assert commissions_of_what_is_held == 0
        today = f"{self.clock.now():%Y%m%d}"
        realised = sum(int(row["rlzt_pfls"]) for row in days if row["trad_dt"] == today)
        told = self.me.balance_with_profit()
        assert int(told["rlzt_pfls"]) == realised
        assert money.items() <= told.items()


class AccountMachine(RuleBasedStateMachine):
    """Anything in any order, live; after each step everything is asked."""

    def __init__(self) -> None:
        super().__init__()
        clock = ManualClock(MONDAY)
        sim = Simulator(limit=100_000, clock=clock, market=MARKET, cash=CASH, commission_percent="0.5")
        self.trade = Trade(sim, clock, "http://in.process", per_million=5_000)

    @initialize(minutes=st.sampled_from([0, 300, 345, 400, 1391]))
    def begin_somewhere_in_the_day(self, minutes: int) -> None:
        self.trade.pass_time(60 * minutes)

    @rule(
        side=st.sampled_from(["buy", "buy", "sell"]),
        code=st.sampled_from(CODES),
        quantity=st.sampled_from([1, 2, 7, 30, 90]),
        offset=st.integers(-15, 15),
        kind=st.sampled_from(["00", "00", "01", "11", "12"]),
    )
    def order(self, side: str, code: str, quantity: int, offset: int, kind: str) -> None:
        self.trade.order(side, code, quantity, offset, kind)

    @precondition(lambda self: self.trade.accepted)
    @rule(which=st.integers(0, 99), quantity=st.sampled_from([0, 0, 1, 5]), offset=st.integers(-15, 15))
    def change(self, which: int, quantity: int, offset: int) -> None:
        self.trade.change(which, quantity, offset)

    @precondition(lambda self: self.trade.accepted)
    @rule(which=st.integers(0, 99), quantity=st.sampled_from([0, 0, 1, 5]))
    def cancel(self, which: int, quantity: int) -> None:
        self.trade.cancel(which, quantity)

    @rule(code=st.sampled_from(CODES), offset=st.integers(-20, 0), kind=st.sampled_from(["00", "01"]))
    def buy_all(self, code: str, offset: int, kind: str) -> None:
        self.trade.buy_all(code, offset, kind)

    @rule(
        side=st.sampled_from(["buy", "sell"]),
        code=st.sampled_from(CODES),
        quantity=st.sampled_from([1, 5, 40]),
        offset=st.integers(-15, 15),
        kind=st.sampled_from(["00", "01"]),
        days=st.sampled_from([0, 0, 3, 7]),
    )
    def reserve(self, side: str, code: str, quantity: int, offset: int, kind: str, days: int) -> None:
        self.trade.reserve(side, code, quantity, offset, kind, days)

    @rule(code=st.sampled_from(CODES))
    def sell_all(self, code: str) -> None:
        self.trade.sell_all(code)

    @rule(seconds=st.sampled_from([1, 61, 600, 3600, 7 * 3600, 86_400]))
    def pass_time(self, seconds: int) -> None:
        self.trade.pass_time(seconds)

    @invariant()
    def everything_agrees(self) -> None:
        self.trade.check()


AccountMachine.TestCase.settings = settings(
    max_examples=examples(14),
    stateful_step_count=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shorten a failure would take minutes
)
TestAccount = AccountMachine.TestCase


@pytest.mark.parametrize("mode", ["live", "paper"])
def test_a_long_day_over_a_socket(mode: str) -> None:
    rng = random.Random(4)
    clock = ManualClock(MONDAY)
    with Simulator(mode=mode, limit=100_000, clock=clock, market=MARKET, cash=CASH) as sim:
        trade = Trade(sim, clock, sim.base_url, paper=mode == "paper")
        for step in range(70):
            what = rng.random()
            code = rng.choice(CODES)
            if what < 0.5:
                side = rng.choice(["buy", "buy", "sell"])
                kind = rng.choice(["00", "00", "01"])
                trade.order(side, code, rng.randint(1, 40), rng.randint(-12, 12), kind)
            elif what < 0.6 and trade.accepted:
                trade.change(rng.randrange(99), rng.choice([0, 1]), rng.randint(-12, 12))
            elif what < 0.7 and trade.accepted:
                trade.cancel(rng.randrange(99), rng.choice([0, 1]))
            elif what < 0.75:
                trade.buy_all(code, -10, rng.choice(["00", "01"]))
            elif what < 0.8:
                trade.sell_all(code)
            else:
                trade.pass_time(rng.choice([1, 60, 900]))
            if step % 5 == 0 or step > 65:
                trade.check()
        assert len(trade.accepted) > 20
        assert not sim.errors


# -- quotes --------------------------------------------------------------------------------------------


def check_bar(open_: str, high: str, low: str, close: str) -> None:
    assert int(low) <= min(int(open_), int(close)) <= max(int(open_), int(close)) <= int(high)
    assert int(low) > 0


@pytest.mark.parametrize("code", CODES)
def test_books_and_charts_make_sense_at_any_time(code: str) -> None:
    rng = random.Random(code)
    clock = ManualClock(MONDAY.replace(hour=8, minute=35))
    sim = Simulator(mode="live", limit=100_000, clock=clock, market=MARKET)
    me = Stranger("http://in.process", sim.app_key, sim.app_secret, sim.account_no)
    me.session.mount(me.url, sim.adapter())
    me.log_in()
    for _ in range(8):
        price = me.price(code)
        book = me.quote("inquire-asking-price-exp-ccn", "FHKST01010200", code)["output1"]
        asks, bids = ([int(book[f"{side}{n}"]) for n in range(1, 11)] for side in ("askp", "bidp"))
        check_side([each for each in asks if each], code, price)
        check_side([each for each in bids if each], code, price)
        assert [each for each in asks if each] == sorted(filter(None, asks))
        assert [each for each in bids if each] == sorted(filter(None, bids), reverse=True)
        if asks[0] and bids[0]:
            assert bids[0] < asks[0]
        for side, total in (("askp", "total_askp_rsqn"), ("bidp", "total_bidp_rsqn")):
            assert sum(int(book[f"{side}_rsqn{n}"]) for n in range(1, 11)) == int(book[total])
        check_charts(me, code, price)
        clock.advance(rng.randint(60, 4_000))


def check_side(levels: list[int], code: str, price: Row) -> None:
    for level in levels:
        assert level % tick_at(level, code) == 0
        assert int(price["stck_llam"]) <= level <= int(price["stck_mxpr"])


def check_charts(me: Stranger, code: str, price: Row) -> None:
    for period in ("D", "W", "M"):
        dates = {"FID_INPUT_DATE_1": "20260101", "FID_INPUT_DATE_2": "20261231"}
        asked: dict[str, Any] = {**dates, "FID_PERIOD_DIV_CODE": period, "FID_ORG_ADJ_PRC": "0"}
        rows = me.quote("inquire-daily-itemchartprice", "FHKST03010100", code, **asked)["output2"]
        for row in rows:
            check_bar(row["stck_oprc"], row["stck_hgpr"], row["stck_lwpr"], row["stck_clpr"])
        days = [row["stck_bsop_date"] for row in rows]
        assert days == sorted(set(days), reverse=True)
    asked = {"FID_INPUT_HOUR_1": "153000", "FID_PW_DATA_INCU_YN": "N", "FID_ETC_CLS_CODE": ""}
    rows = me.quote("inquire-time-itemchartprice", "FHKST03010200", code, **asked)["output2"]
    for row in rows:
        check_bar(row["stck_oprc"], row["stck_hgpr"], row["stck_lwpr"], row["stck_prpr"])
    if int(price["acml_vol"]):
        check_bar(price["stck_oprc"], price["stck_hgpr"], price["stck_lwpr"], price["stck_prpr"])
