"""What the user decides: keys, account, mode, limits; from keywords, the environment, or a ``.env`` file.

Every fault of a configuration is reported at once, by the name of its field and variable and the form
expected. This room changes when there is something new to decide.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from kis_sync import environment
from kis_sync.catalog.endpoint import Mode
from kis_sync.environment import USUAL_ENV_FILE, Variable, number, number_or_off, switch, won
from kis_sync.errors import ConfigurationError
from kis_sync.market.rates import LEDGER_CALLS_PER_SECOND, call_limits
from kis_sync.order_limits import OrderLimits
from kis_sync.retries import RetryPolicy

_SERVERS = {
    Mode.LIVE: "https://openapi.koreainvestment.com:9443",
    Mode.PAPER: "https://openapivts.koreainvestment.com:29443",
}
_HOSTS = {urlsplit(url).hostname: (mode, url) for mode, url in _SERVERS.items()}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ACCOUNT = re.compile(r"([0-9]{8})-?([0-9]{2})")
_SHARED = ("machine", "process")
_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*")
_LONGEST_TIMEOUT = 600.0  # seconds
_LONGEST_SETTLING = 3600.0  # seconds
_SETTLING = 60.0  # seconds: an order call's 20, the seconds by which lists were seen to lag, and room


class Account(NamedTuple):
    """An account: eight digits, and the two of its product code. Masked wherever it is printed."""

    number: str
    product: str

    def __repr__(self) -> str:
        return f"Account(******{self.number[-2:]}-{self.product})"


def _masked(secret: str) -> str:
    return f"***{secret[-2:]}" if len(secret) > 8 else "***" if secret else ""


@dataclass(frozen=True, repr=False)
class Settings:
    """Everything a broker needs to know; checked when made, ``ConfigurationError`` lists every fault.

    ``app_key`` (36 characters) and ``app_secret`` (180) as KIS issued them; ``account_no`` eight digits and
    two, ``12345678-01``, needed for account and orders only; ``mode`` ``"paper"`` or ``"live"``;
    ``base_url`` another server than KIS's own; ``rate_limit_rps`` calls a second (default: KIS's newest
    notice), ``ledger_rate_limit_rps`` account reads a second; ``shared`` who is counted together:
    ``"machine"`` all processes of the user, ``"process"`` this one alone; ``allow_live_orders`` must be
    ``True`` before an order leaves in live mode; ``use_hashkey`` whether orders carry a hash key; ``retry``
    how reads are tried again; ``store_access_token`` whether the access token is kept on disk for other
    processes; ``cache_dir`` where it and the count of calls are kept (default: the user's cache folder);
    ``proxies`` and ``ca_bundle`` as in requests (default: what the environment says); ``connect_timeout``,
    ``read_timeout``, ``order_timeout`` in seconds, at most 600; ``order_limits`` what orders are held to;
    ``settling_seconds`` how long after an order became uncertain, and between two complete readings of the
    lists, before it may be concluded on live that it did not run: longer than an order can be on its way;
    ``keep_journal`` whether orders are written down before they leave, in ``data_dir`` (default: the user's
    data folder).
    """

    app_key: str
    app_secret: str
    account_no: str | None = None
    mode: Mode | str = Mode.PAPER
    base_url: str | None = None
    rate_limit_rps: float | None = None
    ledger_rate_limit_rps: float | None = None
    burst: int | None = None
    shared: str = "machine"
    allow_live_orders: bool = False
    use_hashkey: bool = True
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    store_access_token: bool = True
    cache_dir: str | os.PathLike[str] | None = None
    proxies: Mapping[str, str] | None = None
    ca_bundle: str | os.PathLike[str] | None = None
    connect_timeout: float = 3.0
    read_timeout: float = 10.0
    order_timeout: float = 20.0
    order_limits: OrderLimits = field(default_factory=OrderLimits)
    settling_seconds: float = _SETTLING
    keep_journal: bool = True
    data_dir: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        faults = list(_faults(self))
        if faults:
            raise ConfigurationError("; ".join(faults))
        object.__setattr__(self, "mode", _mode(self.mode))
        for name in ("cache_dir", "data_dir"):
            path = getattr(self, name)
            if path is not None:
                object.__setattr__(self, name, Path(path).expanduser())

    @classmethod
    def from_env(
        cls, env_file: str | os.PathLike[str] | None = USUAL_ENV_FILE, **overrides: object
    ) -> Settings:
        """Settings from ``KIS_APP_KEY``, ``KIS_APP_SECRET``, ``KIS_ACCOUNT_NO``, ``MODE`` and the rest.

        The environment wins over ``env_file``, a keyword over both. An absent ``.env`` is skipped;
        a file of another name must be there.
        """
        found = environment.variables(env_file)
        given, faults = environment.values(found, _VARIABLES, overrides)
        values: dict[str, object] = {"app_key": "", "app_secret": ""} | given
        if "order_limits" not in overrides:
            limits, limit_faults = environment.values(found, _LIMIT_VARIABLES)
            faults += limit_faults
            try:
                values["order_limits"] = OrderLimits(**limits)  # type: ignore[arg-type]
            except ConfigurationError as error:
                faults.append(error.message)
        unknown = sorted(set(overrides) - {each.name for each in fields(cls)})
        faults += [f"there is no setting named {name}" for name in unknown]
        if not faults:
            return cls(**(values | overrides))  # type: ignore[arg-type]
        try:
            cls(**(values | {name: value for name, value in overrides.items() if name not in unknown}))  # type: ignore[arg-type]
        except ConfigurationError as error:
            faults.append(error.message)
        raise ConfigurationError("; ".join(faults))

    @property
    def server(self) -> str:
        """Scheme, host and port of the server, without a slash at the end."""
        if self.base_url is None:
            return _SERVERS[Mode(self.mode)]
        parts = urlsplit(self.base_url)  # put together anew, so that everyone reads the same in it
        host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
        return f"{parts.scheme}://{host}" + ("" if parts.port is None else f":{parts.port}")

    @property
    def calls_per_second(self) -> float:
        """The limit that the broker keeps."""
        if self.rate_limit_rps is not None:
            return float(self.rate_limit_rps)
        limits = call_limits()
        return limits.live if self.mode is Mode.LIVE else limits.paper

    @property
    def ledger_calls_per_second(self) -> float:
        """The limit that account reads keep besides."""
        given = self.ledger_rate_limit_rps
        return LEDGER_CALLS_PER_SECOND if given is None else float(given)

    @property
    def account(self) -> Account:
        """The account; ``ConfigurationError`` when the settings have none."""
        found = _ACCOUNT.fullmatch(self.account_no.strip()) if self.account_no else None
        if found is None:
            raise ConfigurationError(
                "this call needs an account: set account_no (KIS_ACCOUNT_NO), such as 12345678-01"
            )
        return Account(found[1], found[2])

    def __repr__(self) -> str:
        """Every setting that was given; keys, secret and account number masked."""
        secret = {"app_key", "app_secret", "account_no"}
        shown = []
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in secret:
                value = _masked(value or "") or None
            elif each.name == "proxies" and value:
                value = "***"  # a proxy URL may carry a password
            elif each.name == "mode":
                value = value.value
            if value != (each.default if each.default_factory is MISSING else each.default_factory()):
                shown.append(f"{each.name}={value!r}")
        return f"Settings({', '.join(shown)})"


def _faults(settings: Settings) -> list[str]:
    """Every fault of the settings, each naming its field, its variable, and the form expected."""
    faults = []
    for name, variable, length in (("app_key", "KIS_APP_KEY", 36), ("app_secret", "KIS_APP_SECRET", 180)):
        value = getattr(settings, name)
        if not isinstance(value, str) or not value.strip():
            faults.append(f"{name} ({variable}) is missing: {length} characters from KIS's developer site")
        elif not value.isascii() or not value.isprintable() or " " in value:
            faults.append(f"{name} ({variable}) must be {length} printable characters without blanks")
    account = settings.account_no
    if account and (not isinstance(account, str) or not _ACCOUNT.fullmatch(account.strip())):
        faults.append("account_no (KIS_ACCOUNT_NO) must be eight digits and two, such as 12345678-01")
    mode = _mode(settings.mode)
    if mode is None:
        faults.append(f"mode (MODE) must be 'paper' or 'live', not {settings.mode!r}")
    faults += _server_faults(settings.base_url, mode)
    faults += _rate_faults(settings, mode)
    return faults + _other_faults(settings) + _settling_faults(settings, mode)


def _mode(value: object) -> Mode | None:
    """The mode, in whatever case it is written."""
    return next((each for each in Mode if isinstance(value, str) and each.value == value.lower()), None)


def _other_faults(settings: Settings) -> list[str]:
    faults = []
    for name in ("allow_live_orders", "use_hashkey", "store_access_token", "keep_journal"):
        if not isinstance(getattr(settings, name), bool):  # the text "false" would count as true
            faults.append(f"{name} must be True or False")
    for name in ("connect_timeout", "read_timeout", "order_timeout"):
        value = getattr(settings, name)
        if not _is_positive(value) or value > _LONGEST_TIMEOUT:
            faults.append(f"{name} must be a number of seconds above 0 and at most {_LONGEST_TIMEOUT:.0f}")
    if settings.shared not in _SHARED:
        faults.append(f"shared (KIS_SHARED) must be 'machine' or 'process', not {settings.shared!r}")
    if settings.burst is not None and not (isinstance(settings.burst, int) and settings.burst >= 1):
        faults.append("burst must be a whole number of at least 1")
    retry: object = settings.retry
    order_limits: object = settings.order_limits
    proxies: object = settings.proxies
    if not isinstance(retry, RetryPolicy):
        faults.append("retry must be a RetryPolicy")
    if not isinstance(order_limits, OrderLimits):
        faults.append("order_limits must be OrderLimits")
    if proxies is not None and not isinstance(proxies, Mapping):
        faults.append("proxies must be a mapping of schemes to addresses, as in requests")
    for name, variable in (
        ("cache_dir", "KIS_CACHE_DIR"),
        ("data_dir", "KIS_DATA_DIR"),
        ("ca_bundle", "KIS_CA_BUNDLE"),
    ):
        path = getattr(settings, name)
        if path is not None and not (isinstance(path, (str, os.PathLike)) and "\0" not in str(path)):
            faults.append(f"{name} ({variable}) must be a path")
        elif path is not None and name != "ca_bundle" and not _is_one_place(path):
            # From another working directory it would be another journal and another limit.
            faults.append(f"{name} ({variable}) must be an absolute path, or one that begins with ~")
        elif path is not None and name == "ca_bundle" and not os.path.exists(path):  # noqa: PTH110  (never raises)
            faults.append(f"ca_bundle (KIS_CA_BUNDLE) names a file that is not there: {os.fspath(path)!r}")
    return faults


def _is_one_place(path: str | os.PathLike[str]) -> bool:
    try:
        return Path(path).expanduser().is_absolute()
    except RuntimeError:  # there is no home
        return False


def _server_faults(base_url: str | None, mode: Mode | None) -> list[str]:
    if base_url is None:
        return []
    form = "base_url (KIS_BASE_URL) must be a server such as https://host:9443"
    if not isinstance(base_url, str) or not base_url.isascii() or not base_url.isprintable():
        return [form]
    try:
        parts = urlsplit(base_url)
        is_readable = parts.port is None or parts.port > 0
        # Brackets are for addresses with colons, and only newer Pythons insist on it.
        is_readable &= ("[" in parts.netloc) is (":" in str(parts.hostname))
    except ValueError:
        return [form]
    if parts.scheme not in ("http", "https") or not _is_host(parts.hostname) or not is_readable:
        return [form]
    if parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/"):
        return [f"{form}, without user, path or query"]
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        return ["base_url (KIS_BASE_URL) may be plain http:// on this machine only; use https://"]
    known = _HOSTS.get(parts.hostname)
    if known and mode and known[0] is not mode:
        return [
            f"base_url (KIS_BASE_URL) is KIS's {known[0].value} server, but mode (MODE) is {mode.value!r}"
        ]
    if known and parts.port != urlsplit(known[1]).port:
        return [f"base_url (KIS_BASE_URL) has the wrong port: KIS's {known[0].value} server is {known[1]}"]
    return []


def _rate_faults(settings: Settings, mode: Mode | None) -> list[str]:
    faults = []
    for name, variable in (
        ("rate_limit_rps", "RATE_LIMIT_RPS"),
        ("ledger_rate_limit_rps", "LEDGER_RATE_LIMIT_RPS"),
    ):
        value = getattr(settings, name)
        if value is not None and not _is_positive(value):
            faults.append(f"{name} ({variable}) must be a number of calls a second above 0")
    asked = settings.rate_limit_rps
    if not faults and asked is not None and mode is not None and _is_kiss(settings.base_url, mode):
        limits = call_limits()
        most = limits.live if mode is Mode.LIVE else limits.paper
        if asked > most:
            faults.append(
                f"rate_limit_rps (RATE_LIMIT_RPS) may not be above KIS's own limit of {most:g} a second"
            )
    return faults


def _settling_faults(settings: Settings, mode: Mode | None) -> list[str]:
    seconds = settings.settling_seconds
    name = "settling_seconds (KIS_SETTLING_SECONDS) must be"
    if not _is_positive(seconds) or seconds > _LONGEST_SETTLING:
        return [f"{name} a number of seconds above 0 and at most {_LONGEST_SETTLING:.0f}"]
    longest = settings.order_timeout
    is_real = mode is Mode.LIVE and _is_kiss(settings.base_url, mode)
    if is_real and _is_positive(longest) and seconds <= longest:  # it may still be on its way
        return [f"{name} longer than order_timeout on KIS's own server, which is {longest:g}"]
    return []


def _is_kiss(base_url: str | None, mode: Mode | None) -> bool:
    """Whether the server is one of KIS's own."""
    if _server_faults(base_url, mode):
        return False
    return base_url is None or urlsplit(base_url).hostname in _HOSTS


def _is_host(name: str | None) -> bool:
    if name is None:
        return False
    try:
        ip_address(name)
    except ValueError:
        return len(name) < 254 and _HOST_NAME.fullmatch(name) is not None
    return "%" not in name  # a zone is of this machine only


def _is_positive(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf")


_VARIABLES: dict[str, Variable] = {
    "app_key": Variable("KIS_APP_KEY", str),
    "app_secret": Variable("KIS_APP_SECRET", str),
    "account_no": Variable("KIS_ACCOUNT_NO", str),
    "mode": Variable("MODE", str.lower),
    "base_url": Variable("KIS_BASE_URL", str),
    "rate_limit_rps": Variable("RATE_LIMIT_RPS", number),
    "ledger_rate_limit_rps": Variable("LEDGER_RATE_LIMIT_RPS", number),
    "shared": Variable("KIS_SHARED", str.lower),
    "allow_live_orders": Variable("KIS_ALLOW_LIVE_ORDERS", switch),
    "use_hashkey": Variable("KIS_USE_HASHKEY", switch),
    "cache_dir": Variable("KIS_CACHE_DIR", str),
    "ca_bundle": Variable("KIS_CA_BUNDLE", str),
    "settling_seconds": Variable("KIS_SETTLING_SECONDS", number),
    "keep_journal": Variable("KIS_KEEP_JOURNAL", switch),
    "data_dir": Variable("KIS_DATA_DIR", str),
}
_LIMIT_VARIABLES: dict[str, Variable] = {
    "most_won": Variable("KIS_MAX_ORDER_WON", won),
    "most_won_a_day": Variable("KIS_MAX_DAY_WON", won),
    "fat_finger_percent": Variable("FAT_FINGER_PCT", number_or_off),
    "check_price": Variable("KIS_CHECK_PRICE", switch),
    "check_funds": Variable("KIS_CHECK_FUNDS", switch),
    "check_hours": Variable("KIS_CHECK_HOURS", switch),
}
