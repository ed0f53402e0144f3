"""KIS's answers, opened: success, or the error that they stand for."""

from __future__ import annotations

import json
import pickle
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kis_sync.catalog import Call, endpoint
from kis_sync.clock import KST
from kis_sync.envelope import Envelope, concealed, excerpt, masked, opened, server_time
from kis_sync.errors import (
    AccessTokenError,
    AuthenticationError,
    KISError,
    RateLimitError,
    Reach,
    RequestRefusedError,
    ServerError,
    StaleCursorError,
)
from tests.fake_kis import ACCOUNT, SECRET, access_token, new_app_key
from tests.thoroughness import examples

OK = {"rt_cd": "0", "msg_cd": "MCA00000", "msg1": "정상처리 되었습니다."}


def open_json(body: object, status: int = 200, **headers: Any) -> Envelope:
    return opened("a.b", status, json.dumps(body).encode(), **headers)


def failure(body: object, status: int = 200) -> KISError:
    with pytest.raises(KISError) as caught:
        open_json(body, status)
    return caught.value


class TestSuccess:
    @pytest.mark.parametrize(
        "body", [OK, {"rt_cd": 0}, {"rt_cd": " 0 "}, {"access_token": "x"}, {"HASH": "x"}, {}]
    )
    def test_rt_cd_of_0_or_none_at_all(self, body: dict[str, object]) -> None:
        assert open_json(body).body == body

    @pytest.mark.parametrize(
        ("tr_cont", "more"),
        [("M", True), ("F", True), (" m ", True), ("D", False), ("E", False), ("", False)],
    )
    def test_the_paging_word(self, tr_cont: str, more: bool) -> None:
        assert open_json(OK, tr_cont=tr_cont).has_more is more

    def test_the_time_of_the_answer_is_korean(self) -> None:
        envelope = open_json(OK, date="Tue, 24 Nov 2026 01:30:20 GMT")
        assert envelope.answered_at == datetime(2026, 11, 24, 10, 30, 20, tzinfo=KST)
        assert str(envelope.answered_at) == "2026-11-24 10:30:20+09:00"
        assert open_json(OK).answered_at is None

    @pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b" \r\n"])
    def test_korean_text_a_byte_order_mark_and_blanks(self, start: bytes) -> None:
        content = start + json.dumps({**OK, "output": {"name": "삼성전자"}}, ensure_ascii=False).encode()
        assert opened("a.b", 200, content).row("output").text("name") == "삼성전자"

    def test_it_can_be_pickled(self) -> None:
        envelope = open_json(OK, tr_cont="M")
        assert pickle.loads(pickle.dumps(envelope)) == envelope


class TestOutputs:
    def test_an_object_a_list_of_one_and_a_name_with_a_capital(self) -> None:
        for body in ({"output": {"a": "1"}}, {"output": [{"a": "1"}]}, {"Output": {"a": "1"}}):
            assert open_json({**OK, **body}).row("output").text("a") == "1"

    def test_a_list(self) -> None:
        rows = open_json({**OK, "output1": [{"a": "1"}, {"a": "2"}]}).rows("output1")
        assert [row.whole("a") for row in rows] == [1, 2]
        assert open_json({**OK, "output1": []}).rows("output1") == []

    @pytest.mark.parametrize("value", [None, "", "x", 5, [], [1], [{}, {}]])
    def test_what_is_no_object(self, value: object) -> None:
        with pytest.raises(ServerError, match="output is not an object"):
            open_json({**OK, "output": value}).row("output")
        with pytest.raises(ServerError, match="other is not an object"):
            open_json(OK).row("other")

    @pytest.mark.parametrize("value", [None, "", "x", 5, {}, [1], [{}, None]])
    def test_what_is_no_list_of_objects(self, value: object) -> None:
        with pytest.raises(ServerError, match="output is not a list of objects"):
            open_json({**OK, "output": value}).rows("output")


class TestFailure:
    @pytest.mark.parametrize("rt_cd", ["1", "2", "7", "", None, "00", 1, True, [], {}, 0.5, "-"])
    def test_any_other_rt_cd(self, rt_cd: object) -> None:
        error = failure({**OK, "rt_cd": rt_cd, "msg_cd": "XYZ", "msg1": "아니오"})
        assert (error.message, error.code) == ("아니오", "XYZ")

    @pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
    def test_any_status_but_success(self, status: int) -> None:
        error = failure({**OK, "output": {}}, status)
        assert error.http_status == status
        assert error.reach is Reach.MAYBE_EXECUTED

    @pytest.mark.parametrize(
        ("code", "kind", "reach"),
        [
            ("EGW00201", RateLimitError, Reach.NOT_EXECUTED),
            ("EGW00215", RateLimitError, Reach.REFUSED),
            ("EGW00123", AccessTokenError, Reach.NOT_EXECUTED),
            ("EGW00304", AuthenticationError, Reach.REFUSED),
            ("APBK0952", RequestRefusedError, Reach.REFUSED),
            ("40250000", RequestRefusedError, Reach.REFUSED),
            ("SYDB0050", StaleCursorError, Reach.MAYBE_EXECUTED),
            ("EGW00301", ServerError, Reach.MAYBE_EXECUTED),
        ],
    )
    @pytest.mark.parametrize("status", [200, 500])
    def test_the_code_decides_whatever_the_status(
        self, code: str, kind: type[KISError], reach: Reach, status: int
    ) -> None:
        error = failure({"rt_cd": "1", "msg_cd": f" {code} ", "msg1": "no".ljust(80)}, status)
        assert (type(error), error.reach, error.code, error.http_status) == (kind, reach, code, status)
        assert str(error).endswith(f"(a.b, {code}, HTTP {status})")

    @pytest.mark.parametrize(
        ("status", "kind", "can_retry"),
        [
            (200, RequestRefusedError, False),
            (400, RequestRefusedError, False),
            (401, AuthenticationError, False),
            (403, AuthenticationError, False),
            (404, RequestRefusedError, False),
            (429, RateLimitError, True),
            (500, ServerError, True),
            (503, ServerError, True),
        ],
    )
    def test_without_a_listed_code_the_status_does_and_nothing_is_proved(
        self, status: int, kind: type[KISError], can_retry: bool
    ) -> None:
        error = failure({"rt_cd": "1", "msg_cd": "", "msg1": ""}, status)
        assert (type(error), error.can_retry, error.reach) == (kind, can_retry, Reach.MAYBE_EXECUTED)
        assert (error.message, error.code) == ("the server gave no reason", None)

    def test_oauth_paths(self) -> None:
        error = failure({"error_code": "EGW00133", "error_description": "잠시 후"}, 403)
        assert (error.code, error.message) == ("EGW00133", "잠시 후")
        error = failure({"error_code": "EGW00105", "error_description": "AppSecret"}, 403)
        assert isinstance(error, AuthenticationError)
        assert "Check app_key and app_secret" in error.message

    def test_the_text_may_be_called_msg(self) -> None:
        assert failure({"rt_cd": "7", "msg_cd": "X", "msg": "예약"}).message == "예약"

    def test_the_text_becomes_one_line_without_control_characters(self) -> None:
        error = failure({"rt_cd": "1", "msg1": "a\r\n\tb \x1b[2J\x07 c\ud800 " + "가나다 " * 100})
        assert error.message.startswith("a b [2J c 가나다")
        assert error.message.isprintable()
        assert len(error.message) <= 200

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect(self, status: int) -> None:
        assert "not followed" in failure(OK, status).message


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
bodies = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
envelopes = st.dictionaries(
    st.sampled_from(["rt_cd", "msg_cd", "msg1", "error_code", "error_description", "output"]), bodies
)


class TestAnything:
    @settings(max_examples=examples(120))
    @given(
        st.integers(100, 599),
        st.binary() | envelopes.map(lambda body: json.dumps(body).encode()),
        st.text(),
        st.none() | st.text(),
    )
    def test_is_an_envelope_or_an_error_of_ours(
        self, status: int, content: bytes, tr_cont: str, date: str | None
    ) -> None:
        end: Envelope | KISError
        try:
            end = opened("a.b", status, content, tr_cont=tr_cont, date=date)
        except KISError as error:
            end = error
        assert type(pickle.loads(pickle.dumps(end))) is type(end)
        if isinstance(end, KISError):
            assert str(end).isprintable()
            assert len(str(end)) < 500
        else:
            assert 200 <= status < 300
            assert end.answered_at is None or end.answered_at.tzinfo is KST

    @given(bodies, st.sampled_from(["output", "Output", "x"]))
    def test_of_an_output_is_read_or_a_server_error(self, output: object, name: str) -> None:
        envelope = open_json({**OK, name: output})
        for read in (envelope.row, envelope.rows):
            try:
                found = read("output")
            except ServerError:
                continue
            assert found is not None

    @given(st.text())
    def test_a_date_is_a_time_or_nothing(self, date: str) -> None:
        found = server_time(date)
        assert found is None or found.utcoffset() is not None

    def test_nor_does_the_end_of_time_matter(self) -> None:
        assert server_time("Fri, 31 Dec 9999 23:59:59 -1200") is None


class TestMasking:
    @pytest.mark.parametrize(
        "secret", [new_app_key(), SECRET, access_token(1), "a1" * 32, "12345678", ACCOUNT]
    )
    @pytest.mark.parametrize(
        "form", ["{}", "got {}.", '{{"appkey":"{}"}}', "x={}&y", "Bearer {}", "<b>{}</b>"]
    )
    def test_secrets_and_numbers_go(self, secret: str, form: str) -> None:
        for text in (form.format(secret), form.format(secret.replace("/", "\\/"))):
            left = masked(text)
            assert secret[:6] not in left
            assert secret[-6:] not in left

    @pytest.mark.parametrize(
        "text",
        [
            "유효하지 않은 token 입니다.",
            "ERROR INPUT FIELD NOT FOUND [CURR_GB]",
            "TIME LIMIT 00:00 ~ 15:40",
            "주문가능금액을 초과 했습니다 1,234,567",
        ],
    )
    def test_what_kis_says_stays(self, text: str) -> None:
        assert masked(text) == text

    def test_a_secret_does_not_show_its_head_at_the_end_of_the_excerpt(self) -> None:
        """Cut off by the excerpt it would be too short to be known for one."""
        for before in range(460, 480):
            text = ("A1" * 300)[:before] + " 12345678, and so on"
            assert "1234" not in excerpt(text.encode())
            assert excerpt(text.encode()).startswith("'***")

    @given(st.binary(max_size=2_000))
    def test_an_excerpt_is_short_and_printable(self, content: bytes) -> None:
        shown = excerpt(content)
        assert shown.isprintable()
        assert len(shown) <= 400


def test_a_repr_shows_no_value_of_a_call_or_an_answer() -> None:
    envelope = Envelope("oauth2.tokenP", {"access_token": "secret", "output1": {"cano": "12345678"}})
    call = Call(endpoint("order_cash"), {"CANO": "12345678"}, "buy")
    assert repr(envelope) == "Envelope(oauth2.tokenP, outputs=['output1'])"
    assert repr(call) == "Call(domestic_stock.order_cash buy)"


@pytest.mark.parametrize("secret", ["s" * 180, "abcdefgh" * 5, "AbC1" * 9])
def test_an_excerpt_shows_nothing_long(secret: str) -> None:
    assert secret[:20] not in excerpt(f"appsecret={secret}".encode())
    assert secret[:20] not in masked(f"appsecret={secret}")


ACCOUNT, KEY = "87654321", "PSabCdEfGhIjKlMnOpQrStUvWx0123456789"


@pytest.mark.parametrize(
    "said",
    [
        KEY,
        KEY.upper(),
        KEY[5:17],
        " ".join(KEY[at : at + 4] for at in range(0, 36, 4)),
        f"{KEY[:16]}\n{KEY[16:]}",
        "\0".join(KEY),
        ACCOUNT,
        "8765-4321-01",
        "8.7654321e7",
        "\uff08876\u200b54321\uff09",
    ],
)
def test_a_secret_is_taken_out_however_it_is_written(said: str) -> None:
    shown = concealed(f"계좌 [{said}] 없음", [KEY, ACCOUNT])
    assert shown.startswith("계좌 [")
    assert shown.endswith("] 없음")
    letters = "".join(filter(str.isalnum, shown)).lower()
    assert not any(KEY.lower()[at : at + 8] in letters for at in range(29))
    assert ACCOUNT not in letters


def test_nothing_else_is_taken_out() -> None:
    said = "주문가능금액 8,765,000원을 초과 했습니다 APBK0952 PSabCdE 1234567"
    assert concealed(said, [KEY, ACCOUNT]) == said


def test_a_secret_that_is_short_is_taken_out_as_it_stands() -> None:
    assert concealed("my_key, my key, MY_KEY", ["my_key"]) == "***, my key, MY_KEY"


def test_an_error_conceals_its_message_and_its_code() -> None:
    error = ServerError(f"the server said: {ACCOUNT} is wrong", code=ACCOUNT)
    error.conceal(lambda text: concealed(text, [ACCOUNT]))
    assert str(error) == "the server said: *** is wrong"
    assert error.args == (error.message,)
    assert error.code is None


def test_an_error_keeps_a_code_that_is_no_secret() -> None:
    error = ServerError("no", code="40650000")
    error.conceal(lambda text: concealed(text, [ACCOUNT]))
    assert error.code == "40650000"


def test_an_answer_that_is_a_secret_itself_is_not_quoted() -> None:
    with pytest.raises(ServerError, match=r"something that is not JSON \(oauth2") as caught:
        opened("oauth2.tokenP", 200, b'{"access_token":"eyJ0', quotes=False)
    assert "eyJ0" not in str(caught.value)


@pytest.mark.parametrize(
    "date",
    ["Fri, 31 Dec 9999 14:59:59 GMT", "Fri, 01 Jan 0999 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"],
)
def test_a_date_of_another_age_is_none(date: str) -> None:
    assert server_time(date) is None
