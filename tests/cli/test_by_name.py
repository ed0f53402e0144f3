"""``kis-sync apis`` and ``kis-sync call``: what is documented, found, described and called by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kis_sync.catalog import endpoints
from kis_sync.cli import run
from kis_sync.display.table import columns
from tests.fake_kis import ACCOUNT, RECEIPT, SECRET, FakeKIS, new_app_key, ok

ORDER = (
    "call",
    "order_cash",
    "PDNO=005930",
    "ORD_DVSN=00",
    "ORD_QTY=1",
    "ORD_UNPR=70000",
    "--variant",
    "buy",
)
DAYS = (
    "call", "domestic_stock.inquire_daily_price", "FID_COND_MRKT_DIV_CODE=J", "fid_input_iscd=005930",
    "FID_PERIOD_DIV_CODE=D", "FID_ORG_ADJ_PRC=1", "--sim",
)  # fmt: skip


class TestApis:
    def test_lists_everything(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["apis"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 2 + 278 + 60
        names = {line.split()[0] for line in lines[2:]}
        assert set(endpoints()) <= names

    def test_finds_by_words_in_korean_and_english(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["apis", "배당"]) == 0
        told = capsys.readouterr().out
        assert "domestic_stock.dividend " in told
        assert "예탁원정보(배당일정)" in told
        assert run(["apis", "TTTC0012U"]) == 0
        assert "주식주문(현금)" in capsys.readouterr().out

    def test_describes_one(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["apis", "domestic_stock.inquire_price"]) == 0
        told = capsys.readouterr().out
        for part in (
            "GET /uapi/domestic-stock/v1/quotations/inquire-price",
            "FHKST01010100",
            "J KRX, NX NXT, UN",
            "Answered in output:",
        ):
            assert part in told
        price = next(line for line in told.splitlines() if " stck_prpr " in line)
        assert price.endswith("주식 현재가")

    def test_tells_what_is_filled_in_and_what_may_be_blank(self, capsys: pytest.CaptureFixture[str]) -> None:
        run(["apis", "domestic_stock.order_cash"])
        told = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
        assert "filled in" in told["CANO"]
        assert "may be blank" in told["CNDT_PRIC"]
        assert "blank" not in told["PDNO"]

    @pytest.mark.parametrize("name", list(endpoints()))
    def test_every_description_fits_a_screen_and_has_labels(
        self, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["apis", name]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].removeprefix(name).strip()
        assert max(map(columns, lines)) <= 140

    def test_json(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["apis", "domestic_stock.order_cash", "--json"]) == 0
        (found,) = json.loads(capsys.readouterr().out)
        assert found["tr_ids"]["buy"] == ["TTTC0012U", "VTTC0012U"]
        assert found["request"][2]["label"] == "상품번호"

    def test_nothing_found(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["apis", "xyzzy"]) == 2
        assert "nothing is documented with 'xyzzy' in it" in capsys.readouterr().err


class TestCall:
    def test_shows_every_field_with_its_label(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(list(DAYS)) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[:2] == ["output: 30 rows", "output 1"]
        assert lines[5].split(None, 1)[0] == "stck_lwpr"
        assert "주식 최저가" in lines[5]
        assert "rt_cd: 0" in lines

    def test_json_is_kis_s_own(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run([*DAYS, "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert answer["rt_cd"] == "0"
        assert len(answer["output"]) == 30

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["call", "inquire_prise", "--sim"], "did you mean domestic_stock.inquire_price"),
            (["call", "inquire_price_2", "nonsense", "--sim"], "'nonsense' is not FIELD=VALUE"),
            (["call", "inquire_price_2", "A=1", "A=2", "--sim"], "A is given twice"),
            (["call", "inquire_price_2", "--sim"], "FID_INPUT_ISCD is missing"),
            (["call", "inquire_price_2", "--sim", "--mode", "paper"], "paper trading does not offer"),
            (["call", "realtime.H0STCNT0", "--sim"], "websocket subscription"),
            ([*DAYS, "--pages", "0"], "neither a number of at least 1 nor 'all'"),
        ],
    )
    def test_one_line_tells_what_is_wrong(
        self, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(arguments) == 2
        shown = capsys.readouterr()
        assert told in shown.err
        assert len(shown.err.splitlines()) == 1
        assert shown.out == ""

    def test_an_access_token_is_not_shown(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["call", "oauth2.tokenP", "--sim"]) == 0
        assert "access_token: ***" in capsys.readouterr().out


class TestOrders:
    @pytest.fixture
    def kis(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> object:
        with FakeKIS() as kis:
            for name, value in {
                "KIS_APP_KEY": new_app_key(),
                "KIS_APP_SECRET": SECRET,
                "KIS_ACCOUNT_NO": ACCOUNT,
                "KIS_BASE_URL": kis.url,
                "KIS_CACHE_DIR": str(tmp_path),
                "MODE": "live",
                "KIS_ALLOW_LIVE_ORDERS": "true",
            }.items():
                monkeypatch.setenv(name, value)
            monkeypatch.chdir(tmp_path)
            yield kis

    def test_leave_on_a_yes_only(
        self, kis: FakeKIS, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "n")
        assert run(list(ORDER)) == 130
        told = capsys.readouterr().err
        assert "LIVE order, account Account(******21-01): domestic_stock.order_cash buy PDNO=005930" in told
        assert kis.requests == []
        monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "y")
        assert run(list(ORDER)) == 0
        assert len(kis.accepted) == 1

    def test_leave_without_asking_when_told_so(
        self, kis: FakeKIS, capsys: pytest.CaptureFixture[str]
    ) -> None:
        kis.next("order-cash", ok(output=RECEIPT))
        assert run([*ORDER, "--yes"]) == 0
        assert "0001569157" in capsys.readouterr().out
        assert kis.count("order-cash") == 1

    def test_never_leave_without_the_opt_in(
        self, kis: FakeKIS, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.delenv("KIS_ALLOW_LIVE_ORDERS")
        for arguments in (ORDER, (*ORDER, "--yes")):
            assert run(list(arguments)) == 2
            assert "live orders are switched off" in capsys.readouterr().err
        assert kis.requests == []
