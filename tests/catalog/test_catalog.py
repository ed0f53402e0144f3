from __future__ import annotations

import pytest

from kis_sync.catalog import Mode, endpoint, endpoints, find, response_fields
from kis_sync.catalog.check import UndocumentedValueWarning, checked
from kis_sync.catalog.streams import stream
from kis_sync.errors import InvalidRequestError, NotOnPaperError


def test_a_bare_name_works_where_it_is_unique() -> None:
    assert endpoint("order_cash").path.endswith("/trading/order-cash")


def test_an_unknown_name_lists_the_nearest() -> None:
    with pytest.raises(InvalidRequestError, match=r"domestic_stock\.inquire_price or"):
        endpoint("inquire_prise")


def test_a_bare_name_of_several_lists_them() -> None:
    with pytest.raises(InvalidRequestError, match=r"ambiguous: say domestic_stock\.inquire_balance or"):
        endpoint("inquire_balance")


@pytest.mark.parametrize("name", ["realtime.H0STCNT0", "H0STCNT0"])
def test_a_subscription_cannot_be_called(name: str) -> None:
    with pytest.raises(
        InvalidRequestError, match="is a websocket subscription; this client has no websocket"
    ):
        endpoint(name)


def test_a_subscription_is_found_with_and_without_its_room() -> None:
    assert stream("H0STCNT0") is stream("realtime.H0STCNT0")
    assert len(stream("H0STCNT0").fields) == 46
    with pytest.raises(InvalidRequestError, match="no websocket subscription"):
        stream("realtime.H0STCNT")


def test_an_endpoint_is_made_once_and_only_when_it_is_looked_up() -> None:
    known = endpoints()
    assert known["hashkey"] is known["hashkey"] is endpoint("hashkey") is find("/uapi/hashkey")
    assert "nothing" not in known
    assert find("/nothing") is None
    with pytest.raises(KeyError):
        known["nothing"]


def test_corrections_are_applied() -> None:
    assert endpoint("domestic_stock.volume_rank").outputs == {"output": "list"}  # its layout: Output
    assert "mksc_shrn_iscd" in response_fields("domestic_stock.volume_rank")["output"]
    assert response_fields("domestic_bond.buy")["output"][1] == "ODNO"
    assert endpoint("domestic_stock.chk_holiday").ledger
    name = "domestic_stock.order_credit"
    assert {each.name: each.length for each in endpoint(name).params}["PDNO"] == 12


@pytest.mark.parametrize(
    ("name", "cursor"),
    [
        ("domestic_stock.chk_holiday", ("CTX_AREA_FK", "CTX_AREA_NK")),
        ("domestic_stock.lendable_by_company", ("CTX_AREA_FK200", "CTX_AREA_NK100")),
        ("domestic_bond.avg_unit", ("CTX_AREA_FK100", "CTX_AREA_NK30")),
        ("overseas_price.period_rights", ("CTX_AREA_FK50", "CTX_AREA_NK50")),
        ("domestic_futureoption.margin_rate", ("CTX_AREA_NK200",)),
        ("domestic_stock.inquire_price", ()),
    ],
)
def test_cursors(name: str, cursor: tuple[str, ...]) -> None:
    assert endpoint(name).cursor == cursor


@pytest.mark.parametrize(
    ("name", "variant", "live", "paper"),
    [
        ("overseas_stock.order", "us_buy", "TTTT1002U", "VTTT1002U"),
        ("overseas_stock.order", "us_sell", "TTTT1006U", "VTTT1001U"),
        ("overseas_stock.order", "japan_sell", "TTTS0307U", "VTTS0307U"),
        ("overseas_stock.order", "shanghai_sell", "TTTS1005U", "VTTS1005U"),
        ("overseas_stock.order", "hong_kong_buy", "TTTS1002U", "VTTS1002U"),
        ("overseas_stock.order", "shenzhen_buy", "TTTS0305U", "VTTS0305U"),
        ("overseas_stock.order", "vietnam_buy", "TTTS0311U", "VTTS0311U"),
        ("overseas_stock.order_rvsecncl", "hong_kong", "TTTS1003U", "VTTS1003U"),
        ("overseas_stock.order_rvsecncl", "japan", "TTTS0309U", "VTTS0309U"),
        ("domestic_stock.order_resv_rvsecncl", "amend", "CTSC0013U", None),
        ("domestic_stock.order_credit", "sell", "TTTC0051U", None),
        ("domestic_futureoption.order", "day", "TTTO1101U", "VTTO1101U"),
        ("domestic_futureoption.order", "night", "STTN1101U", None),
        ("overseas_stock.daytime_order", "buy", "TTTS6036U", None),
    ],
)
def test_tr_ids_that_differ_by_market_side_and_hour(
    name: str, variant: str, live: str, paper: str | None
) -> None:
    found = endpoint(name)
    assert found.tr_id(Mode.LIVE, variant) == live
    assert found.tr_ids[variant] == (live, paper)
    if paper is None:
        with pytest.raises(NotOnPaperError):
            found.tr_id(Mode.PAPER, variant)


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
        fields = checked(endpoint("order_cash"), {**asked, "ORD_QTY": 10}, variant="buy")
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

    def test_a_field_given_twice(self) -> None:
        with pytest.raises(InvalidRequestError, match="FID_INPUT_ISCD is given twice"):
            checked(
                endpoint("domestic_stock.inquire_price"),
                {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "005930", "fid_input_iscd": "000660"},
            )

    def test_a_name_that_is_documented_in_lower_case(self) -> None:
        asked = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "069500"}
        assert checked(endpoint("etfetn.inquire_price"), asked) == {
            "fid_input_iscd": "069500",
            "fid_cond_mrkt_div_code": "J",
        }
        with pytest.raises(InvalidRequestError, match=r"did you mean fid_input_iscd\?"):
            checked(endpoint("etfetn.inquire_price"), {"FID_INPUT_ISCDE": "069500"})

    def test_a_value_too_long_is_sent_as_it_is(self) -> None:
        asked = {"FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "0" * 13}
        assert (
            checked(endpoint("domestic_stock.inquire_price"), asked, strict=True)["FID_INPUT_ISCD"]
            == "0" * 13
        )

    def test_a_free_body_takes_any_field_as_text(self) -> None:
        assert checked(endpoint("hashkey"), {"ORD_QTY": 10, "anything": "x"}, strict=True) == {
            "ORD_QTY": "10",
            "anything": "x",
        }
        with pytest.raises(InvalidRequestError, match="anything must be text"):
            checked(endpoint("hashkey"), {"anything": 1.5})

    def test_a_field_that_only_the_examples_send(self) -> None:
        asked = {"FID_COND_MRKT_DIV_CODE": "J", "FID_COND_SCR_DIV_CODE": "20171", "FID_INPUT_ISCD": "0000"}
        asked |= {"FID_DIV_CLS_CODE": "0", "FID_BLNG_CLS_CODE": "0", "FID_TRGT_CLS_CODE": "111111111"}
        asked |= {"FID_TRGT_EXLS_CLS_CODE": "0000000000"}
        rank = endpoint("domestic_stock.volume_rank")
        assert "FID_INPUT_DATE_1" not in checked(rank, asked, strict=True)
        assert checked(rank, asked | {"fid_input_date_1": "0"}, strict=True)["FID_INPUT_DATE_1"] == "0"
