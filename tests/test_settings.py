"""Settings: from where, in what form, every fault at once, and nothing secret shown."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kis_sync import ConfigurationError, KISBroker, RetryPolicy, Settings
from kis_sync.catalog import Mode
from kis_sync.order_limits import OrderLimits
from kis_sync.settings import Account

KEY, SECRET = "PSkey" + "k3Y" * 10 + "z", "s3cret+/" * 22 + "1234"
ENVIRONMENT = {"KIS_APP_KEY": KEY, "KIS_APP_SECRET": SECRET}
VARIABLES = (
    "KIS_APP_KEY",
    "KIS_APP_SECRET",
    "KIS_ACCOUNT_NO",
    "MODE",
    "KIS_BASE_URL",
    "RATE_LIMIT_RPS",
    "LEDGER_RATE_LIMIT_RPS",
    "KIS_ALLOW_LIVE_ORDERS",
    "KIS_USE_HASHKEY",
    "KIS_CACHE_DIR",
    "KIS_CA_BUNDLE",
    "KIS_MAX_ORDER_WON",
    "KIS_MAX_DAY_WON",
    "FAT_FINGER_PCT",
    "KIS_CHECK_PRICE",
    "KIS_CHECK_FUNDS",
    "KIS_CHECK_HOURS",
    "KIS_SETTLING_SECONDS",
    "KIS_KEEP_JOURNAL",
    "KIS_DATA_DIR",
    "KIS_SHARED",
)


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def make(**changes: Any) -> Settings:
    return Settings(**{"app_key": KEY, "app_secret": SECRET, **changes})


def faults_of(**changes: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        make(**changes)
    return caught.value.message.split("; ")


def from_env(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], **more: Any) -> Settings:
    for name, value in {**ENVIRONMENT, **variables}.items():
        monkeypatch.setenv(name, value)
    return Settings.from_env(**more)


class TestForms:
    def test_the_defaults_are_paper_and_careful(self) -> None:
        made = make()
        assert (made.mode, made.server) == (Mode.PAPER, "https://openapivts.koreainvestment.com:29443")
        assert (made.calls_per_second, made.ledger_calls_per_second) == (1, 1)
        assert (made.allow_live_orders, made.use_hashkey, made.store_access_token) == (False, True, True)
        assert (made.keep_journal, made.data_dir, made.settling_seconds) == (True, None, 60)
        assert made.settling_seconds > made.order_timeout
        assert made.order_limits == OrderLimits()
        live = make(mode="live")
        assert (live.mode, live.server) == (Mode.LIVE, "https://openapi.koreainvestment.com:9443")
        assert make(mode="Live").mode is Mode.LIVE
        assert live.calls_per_second == 18

    @pytest.mark.parametrize("text", ["12345678-01", "1234567801", " 12345678-01 "])
    def test_an_account(self, text: str) -> None:
        assert make(account_no=text).account == ("12345678", "01")

    @pytest.mark.parametrize(
        "text",
        [
            "12345678",
            "1234567-01",
            "12345678 01",
            "12345678-1",
            "１２３４５６７８-０１",
            "x" * 11,
            1234567801,
        ],
    )
    def test_what_is_no_account(self, text: object) -> None:
        assert faults_of(account_no=text) == [
            "account_no (KIS_ACCOUNT_NO) must be eight digits and two, such as 12345678-01"
        ]

    def test_without_an_account_only_what_needs_one_fails(self) -> None:
        with pytest.raises(ConfigurationError, match="KIS_ACCOUNT_NO"):
            _ = make().account

    @pytest.mark.parametrize("wrong", ["", "   ", None, 5, "a b", "키", "a\nb", "a\0b"])
    def test_keys(self, wrong: object) -> None:
        assert "app_key (KIS_APP_KEY)" in faults_of(app_key=wrong)[0]
        assert "app_secret (KIS_APP_SECRET)" in faults_of(app_secret=wrong)[0]

    @pytest.mark.parametrize("wrong", ["real", "Lives", "", None, 1])
    def test_modes(self, wrong: object) -> None:
        assert "mode (MODE) must be 'paper' or 'live'" in faults_of(mode=wrong)[0]

    @pytest.mark.parametrize(
        "name", ["allow_live_orders", "use_hashkey", "store_access_token", "keep_journal"]
    )
    @pytest.mark.parametrize("wrong", ["false", "no", 1, None])
    def test_switches_are_true_or_false_and_no_text_turns_live_orders_on(
        self, name: str, wrong: object
    ) -> None:
        assert faults_of(**{name: wrong}) == [f"{name} must be True or False"]

    @pytest.mark.parametrize("name", ["connect_timeout", "read_timeout", "order_timeout"])
    @pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), 1e300, 601, "5", None, True])
    def test_time_outs(self, name: str, wrong: object) -> None:
        (fault,) = faults_of(**{name: wrong})
        assert fault == f"{name} must be a number of seconds above 0 and at most 600"

    def test_the_rest(self, tmp_path: Path) -> None:
        assert faults_of(burst=0) == ["burst must be a whole number of at least 1"]
        assert faults_of(burst=1.5) == ["burst must be a whole number of at least 1"]
        assert faults_of(retry=3) == ["retry must be a RetryPolicy"]
        assert faults_of(order_limits=1_000_000) == ["order_limits must be OrderLimits"]
        assert faults_of(data_dir=5) == ["data_dir (KIS_DATA_DIR) must be a path"]
        assert "proxies must be a mapping" in faults_of(proxies="http://proxy:3128")[0]
        assert "must be a path" in faults_of(cache_dir="a\0b")[0]
        assert "must be an absolute path" in faults_of(cache_dir="cache")[0]
        assert make(cache_dir="~/cache").cache_dir == Path.home() / "cache"
        assert "must be a path" in faults_of(ca_bundle=5)[0]
        assert "names a file that is not there" in faults_of(ca_bundle=tmp_path / "none.pem")[0]
        assert "names a file that is not there" in faults_of(ca_bundle="x" * 5_000)[0]

    def test_who_is_counted_together(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert make().shared == "machine"
        assert make(shared="process").shared == "process"
        assert from_env(monkeypatch, {"KIS_SHARED": "Process"}).shared == "process"
        assert from_env(monkeypatch, {"KIS_SHARED": ""}).shared == "machine"
        assert from_env(monkeypatch, {"KIS_SHARED": "process"}, shared="machine").shared == "machine"
        with pytest.raises(ConfigurationError, match=r"shared \(KIS_SHARED\) must be 'machine' or 'process'"):
            from_env(monkeypatch, {"KIS_SHARED": "thread"})

    @pytest.mark.parametrize("wrong", ["", "Machine", "thread", None, True, 1, ["machine"], {}])
    def test_who_is_nobody(self, wrong: object) -> None:
        assert faults_of(shared=wrong) == [
            f"shared (KIS_SHARED) must be 'machine' or 'process', not {wrong!r}"
        ]

    @pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), 1e300, 3601, "60", None, True])
    def test_settling_times_that_are_none(self, wrong: object) -> None:
        assert faults_of(settling_seconds=wrong) == [
            "settling_seconds (KIS_SETTLING_SECONDS) must be a number of seconds above 0 and at most 3600"
        ]

    def test_on_live_an_order_that_is_still_on_its_way_is_not_thought_lost(self) -> None:
        told = (
            "settling_seconds (KIS_SETTLING_SECONDS) must be longer than order_timeout on KIS's own server, "
            "which is 20"
        )
        assert faults_of(mode="Live", settling_seconds=20) == [told]
        assert faults_of(
            mode="live", settling_seconds=1, base_url="https://openapi.koreainvestment.com:9443"
        ) == [told]
        assert faults_of(mode="live", order_timeout=60)[0].endswith("which is 60")
        make(mode="live", settling_seconds=20.5)
        make(mode="paper", settling_seconds=1)  # there nothing is concluded from lists
        make(mode="live", settling_seconds=0.1, base_url="http://127.0.0.1:1")

    def test_every_fault_is_told_at_once(self) -> None:
        told = faults_of(
            app_key="",
            app_secret="",
            account_no="1",
            mode="x",
            base_url="ftp://a",
            rate_limit_rps=0,
            ledger_rate_limit_rps=-1,
            read_timeout=0,
            burst=0,
        )
        assert len(told) == 9


class TestServer:
    @pytest.mark.parametrize(
        ("given", "server"),
        [
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
            ("http://localhost", "http://localhost"),
            (" https://host", "https://host"),
            ("http://[::1]:80", "http://[::1]:80"),
            ("HTTPS://Some-Host.Example:9443//", "https://some-host.example:9443"),
            ("https://OpenAPIvts.KoreaInvestment.com:29443", "https://openapivts.koreainvestment.com:29443"),
        ],
    )
    def test_is_scheme_host_and_port(self, given: str, server: str) -> None:
        assert make(base_url=given).server == server

    @pytest.mark.parametrize(
        "wrong",
        [
            "", "x", "host:9443", "//host", "ftp://host", "https://", "https://:9443", "https://host:0",
            "https://host:99999", "https://host:port", "https://[", "https://[::1", "https://[x]",
            "https://a b", "https://a..b", "https://host.", "https://.host", "https://한국.kr",
            "https://" + "a" * 64 + ".kr", "https://-a.kr", "https://ho\nst", "https://host\t",
            "https://ho\\st", "https://[fe80::1%25eth0]", "https://openapi.koreainvestment.com.:9443",
            5, b"https://host",
        ],
    )  # fmt: skip
    def test_what_is_none(self, wrong: object) -> None:
        (fault,) = faults_of(base_url=wrong)
        assert fault == "base_url (KIS_BASE_URL) must be a server such as https://host:9443"

    @pytest.mark.parametrize(
        "more",
        [
            "https://u@host",
            "https://u:passw0rd@host",
            "https://host/path",
            "https://host?q",
            "https://host#f",
            "https://openapivts.koreainvestment.com:29443\\@127.0.0.1",
        ],
    )
    def test_is_nothing_more(self, more: str) -> None:
        (fault,) = faults_of(base_url=more)
        assert fault.startswith("base_url (KIS_BASE_URL) must be a server")
        assert "passw0rd" not in fault

    @pytest.mark.parametrize("host", ["kis.example", "10.0.0.1", "127.0.0.1.example", "localhost.example"])
    def test_plain_http_is_for_this_machine(self, host: str) -> None:
        with pytest.raises(ConfigurationError, match="plain http:// on this machine only"):
            make(base_url=f"http://{host}:8000")

    @pytest.mark.parametrize(
        ("mode", "url"),
        [
            ("live", "https://openapivts.koreainvestment.com:29443"),
            ("paper", "https://openapi.koreainvestment.com:9443"),
            ("paper", "https://OPENAPI.koreainvestment.com:9443"),
        ],
    )
    def test_a_mode_that_contradicts_kiss_host(self, mode: str, url: str) -> None:
        (fault,) = faults_of(mode=mode, base_url=url)
        other = "paper" if mode == "live" else "live"
        assert fault == f"base_url (KIS_BASE_URL) is KIS's {other} server, but mode (MODE) is '{mode}'"

    @pytest.mark.parametrize("port", ["", ":9443", ":443"])
    def test_the_wrong_port_of_kiss_host(self, port: str) -> None:
        (fault,) = faults_of(base_url=f"https://openapivts.koreainvestment.com{port}")
        assert "wrong port" in fault
        assert ":29443" in fault


class TestRates:
    @pytest.mark.parametrize(("mode", "most"), [("live", 18), ("paper", 1)])
    def test_on_kiss_own_hosts_only_downward(self, mode: str, most: float) -> None:
        assert make(mode=mode, rate_limit_rps=most).calls_per_second == most
        assert make(mode=mode, rate_limit_rps=0.5).calls_per_second == 0.5
        (fault,) = faults_of(mode=mode, rate_limit_rps=most + 0.1)
        assert fault == f"rate_limit_rps (RATE_LIMIT_RPS) may not be above KIS's own limit of {most} a second"

    def test_however_the_mode_is_written(self) -> None:
        assert make(mode="Live", rate_limit_rps=5).calls_per_second == 5
        assert "may not be above" in faults_of(mode="LIVE", rate_limit_rps=20)[0]

    def test_naming_kiss_host_does_not_lift_it(self) -> None:
        url = "https://OPENAPI.koreainvestment.com:9443/"
        assert "may not be above" in faults_of(mode="live", rate_limit_rps=20, base_url=url)[0]

    def test_on_this_machine_any(self) -> None:
        assert make(base_url="http://127.0.0.1:1", rate_limit_rps=5000).calls_per_second == 5000

    @pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), "5", True])
    def test_what_is_none(self, wrong: object) -> None:
        assert "RATE_LIMIT_RPS" in faults_of(rate_limit_rps=wrong)[0]
        assert "LEDGER_RATE_LIMIT_RPS" in faults_of(ledger_rate_limit_rps=wrong)[0]


class TestFromEnv:
    def test_every_variable(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        bundle = tmp_path / "ca.pem"
        bundle.write_text("", encoding="utf-8")
        made = from_env(
            monkeypatch,
            {
                "KIS_ACCOUNT_NO": " 12345678-01 ",
                "MODE": "LIVE",
                "KIS_BASE_URL": "https://host:1",
                "RATE_LIMIT_RPS": "2.5",
                "LEDGER_RATE_LIMIT_RPS": "0.5",
                "KIS_ALLOW_LIVE_ORDERS": "True",
                "KIS_USE_HASHKEY": "off",
                "KIS_CACHE_DIR": str(tmp_path),
                "KIS_CA_BUNDLE": str(bundle),
                "KIS_MAX_ORDER_WON": "1,000,000",
                "KIS_MAX_DAY_WON": "5_000_000",
                "FAT_FINGER_PCT": "12.5",
                "KIS_CHECK_PRICE": "no",
                "KIS_CHECK_FUNDS": "off",
                "KIS_CHECK_HOURS": "0",
                "KIS_SETTLING_SECONDS": "90",
                "KIS_KEEP_JOURNAL": "false",
                "KIS_DATA_DIR": str(tmp_path / "data"),
            },
        )
        assert made == Settings(
            app_key=KEY,
            app_secret=SECRET,
            account_no="12345678-01",
            mode="live",
            base_url="https://host:1",
            rate_limit_rps=2.5,
            ledger_rate_limit_rps=0.5,
            allow_live_orders=True,
            use_hashkey=False,
            cache_dir=str(tmp_path),
            ca_bundle=str(bundle),
            order_limits=OrderLimits(1_000_000, 5_000_000, 12.5, False, False, False),
            settling_seconds=90,
            keep_journal=False,
            data_dir=str(tmp_path / "data"),
        )

    @pytest.mark.parametrize("text", ["1", "true", "TRUE", "yes", "On"])
    def test_on(self, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        assert from_env(monkeypatch, {"KIS_ALLOW_LIVE_ORDERS": text}).allow_live_orders

    @pytest.mark.parametrize("text", ["", "0", "false", "No", "OFF", " "])
    def test_off(self, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        assert not from_env(monkeypatch, {"KIS_ALLOW_LIVE_ORDERS": text}).allow_live_orders

    def test_faults_of_reading_and_of_making_are_told_together(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(ConfigurationError) as caught:
            from_env(
                monkeypatch,
                {
                    "RATE_LIMIT_RPS": "fast",
                    "KIS_USE_HASHKEY": "maybe",
                    "KIS_ACCOUNT_NO": "1",
                    "KIS_APP_KEY": "",
                },
                moed="live",
            )
        assert caught.value.message.split("; ") == [
            "RATE_LIMIT_RPS must be a number",
            "KIS_USE_HASHKEY must be true or false",
            "there is no setting named moed",
            "app_key (KIS_APP_KEY) is missing: 36 characters from KIS's developer site",
            "account_no (KIS_ACCOUNT_NO) must be eight digits and two, such as 12345678-01",
        ]

    @pytest.mark.parametrize("text", ["x", "-1", "1.5", "0x10", "１００", "9" * 19, "1e6"])
    def test_won_that_are_none(self, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            from_env(monkeypatch, {"KIS_MAX_ORDER_WON": text, "KIS_MAX_DAY_WON": "0"})
        assert caught.value.message == "KIS_MAX_ORDER_WON must be whole won, such as 1000000; " + (
            "most_won_a_day (KIS_MAX_DAY_WON) must be whole won above 0 (an int), or None for no limit"
        )

    def test_a_distance_can_be_switched_off(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert from_env(monkeypatch, {"FAT_FINGER_PCT": "OFF"}).order_limits.fat_finger_percent is None
        with pytest.raises(ConfigurationError, match="FAT_FINGER_PCT must be a number, or off"):
            from_env(monkeypatch, {"FAT_FINGER_PCT": "far"})

    def test_limits_given_as_a_keyword_go_before_their_variables(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = OrderLimits(most_won=5)
        assert from_env(monkeypatch, {"KIS_MAX_ORDER_WON": "x"}, order_limits=given).order_limits == given

    def test_a_key_in_the_wrong_place_is_not_repeated(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(ConfigurationError) as caught:
            from_env(
                monkeypatch,
                {
                    "RATE_LIMIT_RPS": KEY,
                    "KIS_USE_HASHKEY": SECRET,
                    "KIS_ACCOUNT_NO": KEY,
                    "KIS_BASE_URL": KEY,
                },
            )
        assert KEY[:8] not in str(caught.value)
        assert SECRET[:8] not in str(caught.value)

    def test_without_anything_the_missing_is_named(self) -> None:
        with pytest.raises(ConfigurationError, match=r"KIS_APP_KEY.*KIS_APP_SECRET"):
            Settings.from_env()


class TestFile:
    def write(self, path: Path, text: str, encoding: str = "utf-8") -> Path:
        path.write_bytes(text.encode(encoding))
        return path

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_with_korean_comments_quotes_and_a_byte_order_mark(
        self, tmp_path: Path, encoding: str, end: str
    ) -> None:
        lines = [
            f"KIS_APP_KEY={KEY}",
            "# 한국투자증권 앱키",
            f"export KIS_APP_SECRET='{SECRET}'",
            'KIS_ACCOUNT_NO="12345678-01"  # 계좌번호',
            "",
            "MODE=paper",
            "OTHER=무엇",
        ]
        path = self.write(tmp_path / "설정.env", end.join(lines), encoding)
        made = Settings.from_env(path)
        assert (made.app_key, made.app_secret, made.account_no) == (KEY, SECRET, "12345678-01")

    def test_the_one_of_the_working_folder_is_read_by_default(self, tmp_path: Path) -> None:
        self.write(tmp_path / ".env", f"KIS_APP_KEY={KEY}\nKIS_APP_SECRET={SECRET}\n")
        assert Settings.from_env().app_key == KEY
        with pytest.raises(ConfigurationError):
            Settings.from_env(None)

    def test_the_environment_goes_before_it_and_a_keyword_before_both(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.write(tmp_path / ".env", "RATE_LIMIT_RPS=0.1\nMODE=paper\nKIS_ACCOUNT_NO=11111111-01\n")
        found = from_env(monkeypatch, {"RATE_LIMIT_RPS": "0.2"})
        assert (found.rate_limit_rps, found.account_no) == (0.2, "11111111-01")
        assert Settings.from_env(rate_limit_rps=0.3).rate_limit_rps == 0.3
        assert Settings.from_env(account_no=None).account_no is None

    def test_a_keyword_saves_from_a_bad_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert from_env(monkeypatch, {"RATE_LIMIT_RPS": "fast"}, rate_limit_rps=1.0).rate_limit_rps == 1.0

    def test_it_does_not_change_the_environment(self, tmp_path: Path) -> None:
        self.write(tmp_path / ".env", f"KIS_APP_KEY={KEY}\nKIS_APP_SECRET={SECRET}\n")
        before = dict(os.environ)
        Settings.from_env()
        assert dict(os.environ) == before

    @pytest.mark.parametrize("absent", [".env", "no/such/folder/.env"])
    def test_a_usual_one_that_is_not_there_is_skipped(
        self, monkeypatch: pytest.MonkeyPatch, absent: str
    ) -> None:
        assert from_env(monkeypatch, {}, env_file=absent).app_key == KEY

    @pytest.mark.parametrize("absent", ["typo.env", ".", "x" * 5_000])
    def test_any_other_must_be_there(self, monkeypatch: pytest.MonkeyPatch, absent: str) -> None:
        with pytest.raises(ConfigurationError, match="is not there, or is no file"):
            from_env(monkeypatch, {}, env_file=absent)

    @pytest.mark.parametrize("encoding", ["cp949", "utf-16"])
    def test_in_another_encoding_it_is_a_clear_fault(self, tmp_path: Path, encoding: str) -> None:
        path = self.write(tmp_path / ".env", f"# 앱키\nKIS_APP_KEY={KEY}\n", encoding)
        with pytest.raises(
            ConfigurationError, match=r"\.env' cannot be read; it must be text in UTF-8"
        ) as caught:
            Settings.from_env(path)
        assert KEY not in str(caught.value)


class TestSecrecy:
    def test_nothing_secret_is_shown(self) -> None:
        made = make(account_no="12345678-01", proxies={"http": "http://u:passw0rd@proxy"}, mode="live")
        shown = repr(made)
        for secret in (KEY[:8], KEY[-8:], SECRET[:8], SECRET[-8:], "12345678", "passw0rd"):
            assert secret not in shown
        assert shown == (
            f"Settings(app_key='***{KEY[-2:]}', app_secret='***34', account_no='***01', mode='live', "
            "proxies='***')"
        )

    def test_what_was_given_is_shown(self) -> None:
        shown = repr(make(order_limits=OrderLimits(most_won=5), settling_seconds=30, keep_journal=False))
        assert "order_limits=OrderLimits(most_won=5, " in shown
        assert shown.endswith("settling_seconds=30, keep_journal=False)")
        assert "retry=RetryPolicy(" in repr(make(retry=RetryPolicy(attempts=2)))

    def test_short_secrets_are_not_shown_at_all(self) -> None:
        assert repr(Settings("abc", "def")) == "Settings(app_key='***', app_secret='***')"

    def test_an_account_is_masked_however_it_is_printed(self) -> None:
        account = make(account_no="12345678-01").account
        for text in (repr(account), str(account), f"{account}", "%s" % (account,)):  # noqa: UP031
            assert "12345678"[:6] not in text
        assert repr(Account("12345678", "01")) == "Account(******78-01)"

    def test_the_broker_shows_none_of_it(self) -> None:
        with KISBroker(make(account_no="12345678-01")) as broker:
            shown = repr(broker)
        assert shown == "<KISBroker https://openapivts.koreainvestment.com:29443 paper 1 a second>"

    def test_they_can_travel_to_a_process_of_ones_own(self) -> None:
        made = make(account_no="12345678-01", retry=RetryPolicy(attempts=2))
        assert pickle.loads(pickle.dumps(made)) == made


def test_an_empty_variable_does_not_hide_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text(f"KIS_APP_KEY={'k' * 36}\nKIS_APP_SECRET={'s' * 180}\n", encoding="utf-8")
    for name in ("KIS_APP_KEY", "KIS_APP_SECRET"):
        monkeypatch.setenv(name, "")
    assert Settings.from_env(tmp_path / ".env").app_key == "k" * 36
