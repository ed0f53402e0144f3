"""The account APIs that tell what there is: balances, assets, rights.

This room changes when KIS changes one of these answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime

from kis_sync.catalog import Mode
from kis_sync.market.hours import previous_trading_day
from kis_sync.sim.door.wire import Response
from kis_sync.sim.formats import documented, rate
from kis_sync.sim.question import Question
from kis_sync.sim.routes.counter import Counter
from kis_sync.sim.routes.position import Position
from kis_sync.sim.routes.price import collateral_value
from kis_sync.sim.trading.ledger import Account, Fees, Fill, Holding, Side, next_trading_day

_BALANCE_ROWS = {Mode.LIVE: 50, Mode.PAPER: 20}
_ASSETS_FOUND = ("KIOK0530", "조회되었습니다")
_SELLABLE_FOUND = ("KIOK0420", "정상적으로 조회되었습니다")
_YESTERDAY_LEFT_OUT = "01"
_NOT_MODELLED = (
    "cma_evlu_amt",
    "nxdy_auto_rdpt_amt",
    "d2_auto_rdpt_amt",
    "tot_loan_amt",
    "tot_stln_slng_chgs",
)
_SEARCHED = (
    "CANO",
    "ACNT_PRDT_CD",
    "AFHR_FLPR_YN",
    "OFL_YN",
    "INQR_DVSN",
    "UNPR_DVSN",
    "FUND_STTL_ICLD_YN",
)
_RIGHTS_SEARCHED = (
    "INQR_DVSN",
    "CUST_RNCNO25",
    "HMID",
    "CANO",
    "ACNT_PRDT_CD",
    "INQR_STRT_DT",
    "INQR_END_DT",
    "RGHT_TYPE_CD",
    "PDNO",
    "PRDT_TYPE_CD",
)


class AccountReads(Counter):
    """Answers about one account at the clock's present."""

    @property
    def routes(self) -> Mapping[str, Callable[[Question], Response]]:
        """The function that answers each API."""
        return {
            "domestic_stock.inquire_balance": self.balance,
            "domestic_stock.inquire_balance_rlz_pl": self.balance_with_profit,
            "domestic_stock.inquire_account_balance": self.assets,
            "domestic_stock.inquire_psbl_sell": self.sellable,
            "domestic_stock.period_rights": self.rights,
            "domestic_bond.inquire_balance": self.bonds,
        }

    def balance(self, question: Question) -> Response:
        """inquire-balance: holdings in pages (also those sold out until settled), and one row of sums."""
        account = self._account(question)
        with self._brokerage.present() as now:
            positions = self._positions(account, now)
            sums = self._sums(account, positions, now)
            return self._listed(question, positions, sums, self._row_with_collateral)

    def balance_with_profit(self, question: Question) -> Response:
        """inquire-balance-rlz-pl: the same, with what was realised today."""
        account = self._account(question)
        with self._brokerage.present() as now:
            positions = self._positions(account, now)
            fees, with_costs = self._brokerage.fees, question.field("COST_ICLD_YN") == "Y"
            profit = _profit_fields(account, positions, now.date(), fees if with_costs else None)
            sums = self._sums(account, positions, now) | profit
            return self._listed(question, positions, sums, self._row)

    def _listed(
        self,
        question: Question,
        positions: Sequence[Position],
        sums: Mapping[str, str],
        row: Callable[[Position], dict[str, str]],
    ) -> Response:
        name, with_yesterday = question.endpoint.name, question.field("PRCS_DVSN") != _YESTERDAY_LEFT_OUT
        shown = [each for each in positions if each.is_shown(with_yesterday=with_yesterday)]
        rows = [documented(name, "output1", row(each)) for each in shown]
        search = "^".join(question.field(field) or "N" for field in _SEARCHED) + "^"
        codes = [each.held.code for each in shown]
        page = self._page(question, rows, codes, _BALANCE_ROWS[self._mode], search)
        content = {**page.context, "output1": page.rows, "output2": [documented(name, "output2", sums)]}
        return self._answered(content, is_empty=not rows, tr_cont=page.tr_cont)

    def _row(self, position: Position) -> dict[str, str]:
        return position.fields(self._name(position.held.code))

    def _row_with_collateral(self, position: Position) -> dict[str, str]:
        return self._row(position) | {"sbst_pric": str(collateral_value(position.quote))}

    def assets(self, question: Question) -> Response:
        """inquire-account-balance: assets by kind, as far as they are settled, and their sums."""
        account, name = self._account(question), question.endpoint.name
        with self._brokerage.present() as now:
            settled = account.settled(now.date())
            positions = self._positions(settled, now)
        cost = sum(each.held.cost for each in positions)
        value = sum(each.value for each in positions)
        rows = _asset_rows(account.product, cost, value, settled.cash)
        sums = dict.fromkeys(_NO_SUCH_ASSETS, "0") | {
            "pchs_amt_smtl": str(cost),
            "nass_tot_amt": str(value),
            "evlu_pfls_amt_smtl": str(value - cost),
            "evlu_amt_smtl": str(value),
            "tot_asst_amt": str(value + settled.cash),
            "tot_dncl_amt": str(settled.cash),
            "dncl_amt": str(settled.cash),
            "ovrs_stck_evlu_amt1": "0.000000",
            "ovrs_bond_evlu_amt": "0.000000",
        }
        content = {
            "output1": [documented(name, "output1", row) for row in rows],
            "output2": documented(name, "output2", sums),
        }
        return self._answered(content, found=_ASSETS_FOUND)

    def sellable(self, question: Question) -> Response:
        """inquire-psbl-sell: one holding and how much of it no order has locked.

        The layout calls the answer output1, the documented example output: both are there.
        """
        account, code = self._account(question), question.field("PDNO")
        self._brokerage.tradable(code)
        (output,) = question.endpoint.outputs
        with self._brokerage.present() as now:
            position = self._position(account.holdings.get(code, Holding(code)), account, now)
            row = documented(question.endpoint.name, output, position.sellable_fields(self._name(code)))
        return self._answered({"output": row, "output1": row}, found=_SELLABLE_FOUND)

    def rights(self, question: Question) -> Response:
        """period-rights: no account has rights of issues, dividends or meetings here."""
        self._account(question)
        search = "!^".join(question.field(field) for field in _RIGHTS_SEARCHED)
        page = self._page(question, [], [], _BALANCE_ROWS[self._mode], search)
        content = {**page.context, "output": page.rows, "output1": page.rows}
        return self._answered(content, is_empty=True)

    def bonds(self, question: Question) -> Response:
        """domestic-bond inquire-balance: no account holds bonds here."""
        account = self._account(question)
        search = f"{account.cano}!^{account.product}!^{question.field('INQR_CNDT')}!^"
        page = self._page(question, [], [], _BALANCE_ROWS[self._mode], search)
        return self._answered({**page.context, "output": page.rows}, is_empty=True)

    def _positions(self, account: Account, now: datetime) -> list[Position]:
        return [self._position(held, account, now) for held in account.holdings.values()]

    def _position(self, held: Holding, account: Account, now: datetime) -> Position:
        kind = self._brokerage.tradable(held.code).kind
        return Position(held, account, self._market.quote(held.code, now), now.date(), kind)

    def _sums(self, account: Account, positions: Sequence[Position], now: datetime) -> dict[str, str]:
        today = now.date()
        value = sum(each.value for each in positions)
        cost = sum(each.held.cost for each in positions)
        todays = account.fills_on(today)
        before = account.cash - sum(fill.cash_effect for fill in todays)
        before += sum(each.quantity_before * each.quote.base for each in positions)
        total = value + account.cash
        growth = rate((total - before) * 100 / before if before else 0.0) + "000000"
        zero = dict.fromkeys(_NOT_MODELLED, "0")
        return (
            zero
            | _traded(todays, "thdt")
            | _traded(account.fills_on(previous_trading_day(today)), "bfdy")
            | {
                "dnca_tot_amt": str(account.deposit(today)),
                "nxdy_excc_amt": str(account.deposit(next_trading_day(today))),
                "prvs_rcdl_excc_amt": str(account.cash),
                "scts_evlu_amt": str(value),
                "tot_evlu_amt": str(total),
                "nass_amt": str(total),
                "pchs_amt_smtl_amt": str(cost),
                "evlu_amt_smtl_amt": str(value),
                "evlu_pfls_smtl_amt": str(value - cost),
                "bfdy_tot_asst_evlu_amt": str(before),
                "asst_icdc_amt": str(total - before),
                "asst_icdc_erng_rt": growth if self._mode is Mode.PAPER else "0.00000000",
            }
        )


def _traded(fills: list[Fill], day: str) -> dict[str, str]:
    buys = sum(fill.value for fill in fills if fill.side is Side.BUY)
    sells = sum(fill.value for fill in fills if fill.side is Side.SELL)
    costs = sum(fill.fee + fill.tax for fill in fills)
    return {f"{day}_buy_amt": str(buys), f"{day}_sll_amt": str(sells), f"{day}_tlex_amt": str(costs)}


def _profit_fields(
    account: Account, positions: Sequence[Position], today: date, fees: Fees | None
) -> dict[str, str]:
    """What today's sales realised, and what selling the rest would; ``fees`` when costs are counted."""
    sales = [fill for fill in account.fills_on(today) if fill.side is Side.SELL]
    cost = sum(fill.cost for fill in sales)
    realised = sum(fill.profit if fees else fill.value - fill.cost for fill in sales)
    held_cost = sum(each.held.cost for each in positions)
    gain = sum(each.value for each in positions) - held_cost
    if fees:
        gain -= sum(each.held.fee + each.selling_costs(fees) for each in positions)
    return {
        "rlzt_pfls": str(realised),
        "rlzt_erng_rt": f"{realised * 100 / cost if cost else 0:.8f}",
        "real_evlu_pfls": str(gain),
        "real_evlu_pfls_erng_rt": f"{gain * 100 / held_cost if held_cost else 0:.8f}",
    }


# -- assets by kind ------------------------------------------------------------------------------------

_KINDS = {"": (20, 17), "21": (17, 14)}  # rows of the list, and which of them is the deposit, by product
_NO_SUCH_ASSETS = (
    "loan_amt_smtl",
    "tot_lnda_tot_ulst_lnda",
    "cma_auto_loan_amt",
    "tot_mgln_amt",
    "stln_evlu_amt",
    "crdt_fncg_amt",
    "ocl_apl_loan_amt",
    "pldg_stup_amt",
    "frcr_evlu_tota",
    "cma_evlu_amt",
    "tot_sbst_amt",
    "thdt_rcvb_amt",
    "mmf_cma_mgge_loan_amt",
    "sbsc_dncl_amt",
    "pbst_sbsc_fnds_loan_use_amt",
    "etpr_crdt_grnt_loan_amt",
)


def _asset_rows(product: str, cost: int, value: int, deposit: int) -> list[dict[str, str]]:
    """Securities first, then what there is none of, the deposit, and at last the sum of all."""
    count, at = _KINDS.get(product, _KINDS[""])
    total = value + deposit
    rows = [_asset_row(0, 0, total) for _ in range(count)]
    rows[0] = _asset_row(cost, value, total)
    rows[at] = _asset_row(0, deposit, total) | {"evlu_pfls_amt": "0"}
    rows[-1] = _asset_row(cost, total, total) | {"evlu_pfls_amt": str(value - cost)}
    return rows


def _asset_row(cost: int, value: int, total: int) -> dict[str, str]:
    return {
        "pchs_amt": str(cost),
        "evlu_amt": str(value),
        "evlu_pfls_amt": str(value - cost),
        "crdt_lnd_amt": "0",
        "real_nass_amt": str(value),
        "whol_weit_rt": rate(value * 100 / total if total else 0.0) + "000000",
    }
