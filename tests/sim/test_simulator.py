from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from kis_sync.cli.sim import command as sim_command
from kis_sync.clock import KST, ManualClock, set_default_clock
from kis_sync.market.hours import is_trading_day
from kis_sync.sim import Simulator
from kis_sync.sim import simulator as simulator_module
from kis_sync.sim.door.gate import Gate
from kis_sync.sim.door.log import Entry, Log, Stats
from tests.sim.visitor import Visitor


def test_limits_are_the_announced_ones() -> None:
    assert Simulator(mode="live").gate.limit == 18
    assert Simulator(mode="paper").gate.limit == 1
    assert Simulator(mode="paper", limit=5).gate.limit == 5


@pytest.mark.parametrize("mode", ["live", "paper"])
def test_the_call_after_the_last_allowed_one_is_refused(mode: str) -> None:
    clock = ManualClock()
    visitor = Visitor(Simulator(mode=mode, clock=clock))
    limit = int(visitor.sim.gate.limit)
    visitor.token  # noqa: B018
    answers = [visitor.price() for _ in range(limit + 2)]
    assert [answer.status_code for answer in answers] == [200] * limit + [500, 500]
    assert answers[-1].json() == {
        "rt_cd": "1",
        "msg_cd": "EGW00201",
        "msg1": "초당 거래건수를 초과하였습니다.",
    }
    stats = visitor.sim.stats
    assert (stats.egw00201, stats.most_calls_in_any_second) == (2, limit + 2)
    assert stats.most_admitted_in_any_second == limit
    clock.advance(1)
    assert visitor.price().status_code == 200


def test_hash_keys_count_and_token_issues_do_not() -> None:
    visitor = Visitor(Simulator(limit=1, clock=ManualClock()))
    visitor.token  # noqa: B018
    assert visitor.ask("hashkey", a="b").status_code == 200
    assert visitor.price().json()["msg_cd"] == "EGW00201"
    assert visitor.sim.stats.calls == 3
    assert visitor.sim.stats.most_calls_in_any_second == 2


def test_the_ledger_has_a_limit_of_its_own_when_asked() -> None:
    clock = ManualClock()
    visitor = Visitor(Simulator(clock=clock, ledger_limit=1))
    assert visitor.balance().status_code == 200
    refused = visitor.buying_power()
    assert (refused.status_code, refused.json()["msg_cd"]) == (500, "EGW00215")
    assert visitor.price().status_code == 200
    clock.advance(1)
    assert visitor.buying_power().status_code == 200


def test_the_log_tells_every_request_without_secrets() -> None:
    sim = Simulator(limit=1, clock=ManualClock())
    visitor = Visitor(sim)
    visitor.price()
    visitor.price()
    token, first, second = sim.log
    assert (token.path, token.status, token.counted, token.app_key) == ("/oauth2/tokenP", 200, False, "")
    assert (first.method, first.tr_id, first.status, first.msg_cd) == (
        "GET",
        "FHKST01010100",
        200,
        "MCA00000",
    )
    assert (first.counted, second.counted, second.msg_cd) == (True, False, "EGW00201")
    assert first.time == sim.clock.now()
    assert sim.app_key not in repr(list(sim.log))
    assert sim.app_secret not in repr(list(sim.log))
    assert first.app_key == f"{sim.app_key[:4]}***{sim.app_key[-4:]}"
    assert sim.stats.calls_by_path == {token.path: 1, first.path: 2}
    assert sim.stats.rejections == {"EGW00201": 1}


def test_business_refusals_are_rejections_too() -> None:
    visitor = Visitor(Simulator(limit=100))
    visitor.order("buy", "QQQ", 1, kind="01")
    visitor.issue(appkey="short")
    assert visitor.sim.stats.rejections == {"APBK0656": 1, "EGW00103": 1}


def test_a_log_is_bounded_and_its_sums_are_not() -> None:
    log = Log(kept=3)
    for number in range(10):
        log.add(Entry(datetime.now(KST), 0.0, "GET", "/", "", "", 200, str(number), True), rejected=False)
    assert [entry.msg_cd for entry in log] == ["7", "8", "9"]
    assert (len(log), log[-1].msg_cd) == (3, "9")
    assert Stats(log, Gate(1)).calls == 10


def test_reset_makes_everything_new_but_the_market() -> None:
    sim = Simulator(limit=100, ledger_limit=100, clock=ManualClock())
    visitor = Visitor(sim)
    visitor.order("buy", "005930", 1, kind="01")
    sim.faults.next("*", "delay")
    price = visitor.price().json()["output"]["stck_sdpr"]
    before = sim.app_key
    sim.reset()
    assert sim.app_key != before
    assert (sim.stats.calls, sim.stats.rejections, sim.faults.left, len(sim.log)) == (0, {}, 0, 0)
    visitor = Visitor(sim)
    assert visitor.price().json()["output"]["stck_sdpr"] == price
    assert visitor.balance().json()["output1"] == []


def test_each_simulator_has_a_customer_of_its_own() -> None:
    one, other = Simulator(), Simulator()
    assert one.app_key != other.app_key
    assert (len(one.app_key), len(one.app_secret)) == (36, 180)
    cano, product = one.account_no.split("-")
    assert (len(cano), product) == (8, "01")


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (datetime(2026, 11, 24, 3, 0, tzinfo=KST), date(2026, 11, 24)),
        (datetime(2026, 11, 24, 23, 0, tzinfo=KST), date(2026, 11, 24)),
        (datetime(2026, 11, 22, 12, 0, tzinfo=KST), date(2026, 11, 20)),
        (datetime(2026, 9, 25, 12, 0, tzinfo=KST), date(2026, 9, 23)),
    ],
)
def test_the_clock_starts_in_mid_session_of_the_latest_trading_day(
    monkeypatch: pytest.MonkeyPatch, today: datetime, expected: date
) -> None:
    class Frozen(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return today.astimezone(tz)

    monkeypatch.setattr(simulator_module, "datetime", Frozen)
    monkeypatch.setattr("kis_sync.clock.datetime", Frozen)
    now = simulator_module.mid_session().now()
    assert (now.date(), now.time()) == (expected, time(10, 30))
    assert is_trading_day(now.date())


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (datetime(2026, 11, 24, 15, 29), "2026-11-24 15:29"),
        (datetime(2026, 11, 24, 6, 29, tzinfo=timezone.utc), "2026-11-24 15:29"),
        (datetime(2026, 11, 21, 12, 0, tzinfo=KST), "2026-11-21 12:00"),
    ],
)
def test_the_clock_starts_where_it_is_told_to_and_runs(at: datetime, told: str) -> None:
    machine = ManualClock(datetime(2026, 11, 26, 20, 0, tzinfo=KST))
    before = set_default_clock(machine)
    try:
        visitor = Visitor(Simulator(at=at))
    finally:
        set_default_clock(before)
    assert f"{visitor.sim.clock.now():%Y-%m-%d %H:%M}" == told
    machine.advance(3600)
    assert visitor.sim.clock.now().hour == int(told[11:13]) + 1
    assert visitor.sim.clock.now().utcoffset() == timedelta(hours=9)
    assert visitor.issue().json()["access_token_token_expired"] == "2026-11-27 21:00:00"


def test_a_start_must_be_one_that_the_market_knows() -> None:
    with pytest.raises(ValueError, match="from 2000 to 2100, not in 1999"):
        Simulator(at=datetime(1999, 12, 31, 10, 30))
    with pytest.raises(ValueError, match="from 2000 to 2100, not in 2101"):
        Simulator(at=datetime(2101, 1, 3, 10, 30))
    with pytest.raises(ValueError, match="not both"):
        Simulator(at=datetime(2026, 11, 24, 10, 30), clock=ManualClock())


class TestCommand:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2026-11-24 10:30", datetime(2026, 11, 24, 10, 30)),
            ("2026-11-24 15:29:50", datetime(2026, 11, 24, 15, 29, 50)),
            (None, None),
        ],
    )
    def test_says_when_to_begin(
        self, monkeypatch: pytest.MonkeyPatch, text: str | None, expected: datetime | None
    ) -> None:
        taken: dict[str, object] = {}

        class Recorder:
            def __init__(self, **options: object) -> None:
                taken.update(options)

            def start(self) -> None:
                raise OSError(1, "this is enough")

        monkeypatch.setattr("kis_sync.sim.Simulator", Recorder)
        done = CliRunner().invoke(sim_command, [] if text is None else ["--at", text])
        assert "this is enough" in done.output
        assert taken["at"] == expected

    def test_tells_its_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Stopped:
            def wait(self) -> None:
                raise KeyboardInterrupt

        class Threading:
            Event = Stopped

        monkeypatch.setattr("kis_sync.cli.sim.threading", Threading)
        done = CliRunner().invoke(sim_command, ["--port", "0", "--at", "2026-11-21 12:00"])
        assert done.exit_code == 0, done.output
        assert "The simulator's clock says 2026-11-21 12:00 in Korea" in done.output

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("10:30", 'like "2026-11-24 10:30"'),
            ("2026-02-30 10:30", 'like "2026-11-24 10:30"'),
            ("", 'like "2026-11-24 10:30"'),
            ("1999-12-30 10:30", "from 2000 to 2100"),
        ],
    )
    def test_refuses_what_is_no_time(self, text: str, told: str) -> None:
        done = CliRunner().invoke(sim_command, ["--port", "0", "--at", text])
        assert done.exit_code == 2
        assert told in " ".join(done.output.split())


def test_access_tokens_live_by_the_machine_s_time_unless_a_clock_was_given() -> None:
    """On a Sunday the market's clock stands at Friday; other programs compare with the machine's."""
    sunday = ManualClock(datetime(2026, 11, 22, 20, 0, tzinfo=KST))
    before = set_default_clock(sunday)
    try:
        at_the_weekend = Visitor(Simulator())
    finally:
        set_default_clock(before)
    assert at_the_weekend.sim.clock.now().date() == date(2026, 11, 20)
    assert at_the_weekend.issue().json()["access_token_token_expired"] == "2026-11-23 20:00:00"
    assert at_the_weekend.sim.clock.now().hour == 10
    given = Visitor(Simulator(clock=ManualClock(datetime(2026, 11, 24, 9, 0, tzinfo=KST))))
    assert given.issue().json()["access_token_token_expired"] == "2026-11-25 09:00:00"


def test_the_clock_runs() -> None:
    sim = Simulator()
    first = sim.clock.now()
    assert sim.clock.now() >= first
    assert first.time().hour == 10


def test_an_unknown_switch_is_refused() -> None:
    with pytest.raises(TypeError, match="no_such_switch"):
        Simulator(no_such_switch=True)
    with pytest.raises(ValueError, match="demo"):
        Simulator(mode="demo")


def test_both_doors_give_the_same_answer() -> None:
    with Simulator(limit=100, clock=ManualClock()) as sim:
        near, far = Visitor(sim), Visitor(sim, sim.base_url)
        far.token = near.token
        answers = [visitor.price() for visitor in (near, far)]
        assert answers[0].content == answers[1].content
        differing = ("gt_uid", "Connection")
        heads = [
            {name: value for name, value in answer.headers.items() if name not in differing}
            for answer in answers
        ]
        assert heads[0] == heads[1]
        assert answers[0].url.startswith("http://simulator/")
        assert isinstance(answers[0], requests.Response)
    assert list(sim.errors) == []


def test_the_two_legs_of_a_call_are_spent_around_the_count() -> None:
    class Slept(ManualClock):
        def sleep(self, seconds: float) -> None:
            self.advance(seconds)

    clock = Slept()
    sim = Simulator(clock=clock, latency=0.25)
    visitor = Visitor(sim)
    visitor.token  # noqa: B018
    started = clock.monotonic()
    visitor.price()
    assert sim.log[-1].arrival == started + 0.25
    assert clock.monotonic() == started + 0.5
