from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from kis_sync.catalog import Effect, Endpoint, Mode, endpoint, endpoints, find, response_fields
from kis_sync.catalog.check import UndocumentedValueWarning, checked
from kis_sync.errors import InvalidRequestError, NotOnPaperError

FACTS = Path(__file__).parents[3] / "shared" / "kis" / "api.json"
TR_ID = re.compile(r"[A-Z0-9]{6,13}")


@pytest.mark.parametrize("each", endpoints().values(), ids=lambda each: each.name)
class TestEveryRecord:
    def test_is_well_formed(self, each: Endpoint) -> None:
        assert each.path.startswith(("/uapi/", "/oauth2/"))
        assert each.method in ("GET", "POST")
        for ids in [*each.tr_ids.values(), *each.old_tr_ids.values()]:
            assert len(ids) == 2
            assert all(tr_id is None or TR_ID.fullmatch(tr_id) for tr_id in ids)
        assert len({parameter.name for parameter in each.params}) == len(each.params)
        assert all(shape in ("object", "list") for shape in each.outputs.values())

    def test_paging_keys_are_fields_in_and_out(self, each: Endpoint) -> None:
        names = {parameter.name for parameter in each.params}
        assert set(each.cursor) == {name for name in names if name.startswith("CTX_AREA")}

    def test_is_found_by_name_and_path(self, each: Endpoint) -> None:
        assert endpoint(each.name) is each
        assert find(each.path) is each

    def test_an_order_posts_and_a_read_of_a_page_gets(self, each: Endpoint) -> None:
        if each.effect is Effect.ORDER:
            assert each.method == "POST"
            assert each.ledger

    @pytest.mark.skipif(not FACTS.exists(), reason="the facts are not beside this checkout")
    def test_agrees_with_the_facts(self, each: Endpoint) -> None:
        record = next(r for r in json.loads(FACTS.read_text(encoding="utf-8")) if r["path"] == each.path)
        assert record["method"] == each.method


def test_a_bare_name_works_where_it_is_unique() -> None:
    assert endpoint("order_cash").path.endswith("/trading/order-cash")


def test_an_unknown_name_lists_the_nearest() -> None:
    with pytest.raises(InvalidRequestError, match=r"domestic_stock\.inquire_price or"):
        endpoint("inquire_prise")


def test_tr_ids_by_mode_and_variant() -> None:
    order = endpoint("order_cash")
    assert order.tr_id(Mode.LIVE, "buy") == "TTTC0012U"
    assert order.tr_id(Mode.PAPER, "sell") == "VTTC0011U"
    with pytest.raises(InvalidRequestError, match="variant must be one of 'buy', 'sell'"):
        order.tr_id(Mode.LIVE, "hold")


def test_not_on_paper() -> None:
    with pytest.raises(NotOnPaperError, match="paper trading does not offer"):
        endpoint("inquire_psbl_sell").tr_id(Mode.PAPER)


class TestChecking:
    def test_fills_in_what_may_be_blank(self) -> None:
        asked = {"CANO": "1", "ACNT_PRDT_CD": "01", "PDNO": "005930", "ORD_DVSN": "00", "ORD_UNPR": "0"}
        fields = checked(endpoint("order_cash"), {**asked, "ORD_QTY": 10})
        assert fields["CNDT_PRIC"] == ""
        assert fields["ORD_QTY"] == "10"
        assert list(fields) == [each.name for each in endpoint("order_cash").params]

    def test_tells_every_fault_at_once(self) -> None:
        with pytest.raises(InvalidRequestError) as caught:
            checked(
                endpoint("domestic_stock.inquire_price"),
                {"FID_INPUT_ISC": "005930", "FID_COND_MRKT_DIV_CODE": None},
            )
        assert "unknown field FID_INPUT_ISC (did you mean FID_INPUT_ISCD?)" in str(caught.value)
        assert "FID_COND_MRKT_DIV_CODE must be text" in str(caught.value)
        assert "FID_INPUT_ISCD is missing" in str(caught.value)

    def test_a_letter_that_cannot_be_sent(self) -> None:
        with pytest.raises(InvalidRequestError, match="FID_INPUT_ISCD holds a letter that cannot be sent"):
            checked(
                endpoint("domestic_stock.inquire_price"),
                {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "\ud800"},
            )

    def test_takes_names_in_either_case(self) -> None:
        fields = checked(
            endpoint("domestic_stock.inquire_price"),
            {"fid_cond_mrkt_div_code": "J", "fid_input_iscd": "005930"},
        )
        assert fields == {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930"}

    def test_an_undocumented_value_is_a_warning_and_with_strict_an_error(self) -> None:
        asked = {"FID_COND_MRKT_DIV_CODE": "ZZ", "FID_INPUT_ISCD": "005930"}
        with pytest.warns(UndocumentedValueWarning, match="'ZZ' is not documented"):
            assert checked(endpoint("domestic_stock.inquire_price"), asked)["FID_COND_MRKT_DIV_CODE"] == "ZZ"
        with pytest.raises(InvalidRequestError, match="'ZZ'"):
            checked(endpoint("domestic_stock.inquire_price"), asked, strict=True)
