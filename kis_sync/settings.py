"""What the user decides: keys, account, mode, limits; from keywords, the environment, or a ``.env`` file.

Every fault of a configuration is reported at once, by the name of its field and variable and the form
expected. This room changes when there is something new to decide.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from kis_sync.catalog.endpoint import Mode
from kis_sync.errors import ConfigurationError
from kis_sync.market.rates import LEDGER_CALLS_PER_SECOND, call_limits
from kis_sync.retries import RetryPolicy

_SERVERS = {
    Mode.LIVE: "https://openapi.koreainvestment.com:9443",
    Mode.PAPER: "https://openapivts.koreainvestment.com:29443",
}
_HOSTS = {urlsplit(url).hostname: (mode, url) for mode, url in _SERVERS.items()}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ACCOUNT = re.compile(r"([0-9]{8})-?([0-9]{2})")
_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*")
_USUAL_ENV_FILE = ".env"
_LONGEST_TIMEOUT = 600.0  # seconds
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


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
    notice), ``ledger_rate_limit_rps`` account reads a second; ``allow_live_orders`` must be ``True`` before
    an order leaves in live mode; ``use_hashkey`` whether orders carry a hash key; ``retry`` how reads are
    tried again; ``store_access_token`` whether the access token is kept on disk for other processes, in
    ``cache_dir`` (default: the user's cache folder); ``proxies`` and ``ca_bundle`` as in requests (default:
    what the environment says); ``connect_timeout``, ``read_timeout``, ``order_timeout`` in seconds, at most
    600.
    """

    app_key: str
    app_secret: str
    account_no: str | None = None
    mode: Mode | str = Mode.PAPER
    base_url: str | None = None
    rate_limit_rps: float | None = None
    ledger_rate_limit_rps: float | None = None
    burst: int | None = None
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

    def __post_init__(self) -> None:
        faults = list(_faults(self))
        if faults:
            raise ConfigurationError("; ".join(faults))
        object.__setattr__(self, "mode", _mode(self.mode))

    @classmethod
    def from_env(
        cls, env_file: str | os.PathLike[str] | None = _USUAL_ENV_FILE, **overrides: object
    ) -> Settings:
        """Settings from ``KIS_APP_KEY``, ``KIS_APP_SECRET``, ``KIS_ACCOUNT_NO``, ``MODE`` and the rest.

        The environment wins over ``env_file``, a keyword over both. An absent ``.env`` is skipped;
        a file of another name must be there.
        """
        variables = _read_env_file(env_file) | {name: value for name, value in os.environ.items() if value}
        values: dict[str, object] = {"app_key": "", "app_secret": ""}
        faults = []
        for name, (variable, parse) in _VARIABLES.items():
            text = variables.get(variable, "").strip()
            if not text or name in overrides:
                continue
            try:
                values[name] = parse(text)
            except ValueError as error:
                faults.append(f"{variable} {error}")
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
            if value != each.default and each.name != "retry":
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
    return faults + _other_faults(settings)


def _mode(value: object) -> Mode | None:
    """The mode, in whatever case it is written."""
    return next((each for each in Mode if isinstance(value, str) and each.value == value.lower()), None)


def _other_faults(settings: Settings) -> list[str]:
    faults = []
    for name in ("allow_live_orders", "use_hashkey", "store_access_token"):
        if not isinstance(getattr(settings, name), bool):  # the text "false" would count as true
            faults.append(f"{name} must be True or False")
    for name in ("connect_timeout", "read_timeout", "order_timeout"):
        value = getattr(settings, name)
        if not _is_positive(value) or value > _LONGEST_TIMEOUT:
            faults.append(f"{name} must be a number of seconds above 0 and at most {_LONGEST_TIMEOUT:.0f}")
    if settings.burst is not None and not (isinstance(settings.burst, int) and settings.burst >= 1):
        faults.append("burst must be a whole number of at least 1")
    retry: object = settings.retry
    proxies: object = settings.proxies
    if not isinstance(retry, RetryPolicy):
        faults.append("retry must be a RetryPolicy")
    if proxies is not None and not isinstance(proxies, Mapping):
        faults.append("proxies must be a mapping of schemes to addresses, as in requests")
    for name, variable in (("cache_dir", "KIS_CACHE_DIR"), ("ca_bundle", "KIS_CA_BUNDLE")):
        path = getattr(settings, name)
        if path is not None and not (isinstance(path, (str, os.PathLike)) and "\0" not in str(path)):
            faults.append(f"{name} ({variable}) must be a path")
        elif path is not None and name == "ca_bundle" and not os.path.exists(path):  # noqa: PTH110  (never raises)
            faults.append(f"ca_bundle (KIS_CA_BUNDLE) names a file that is not there: {os.fspath(path)!r}")
    return faults


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
    if faults or asked is None or mode is None or _server_faults(settings.base_url, mode):
        return faults
    if urlsplit(settings.server).hostname in _HOSTS:
        limits = call_limits()
        most = limits.live if mode is Mode.LIVE else limits.paper
        if asked > most:
            faults.append(
                f"rate_limit_rps (RATE_LIMIT_RPS) may not be above KIS's own limit of {most:g} a second"
            )
    return faults


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


def _read_env_file(env_file: str | os.PathLike[str] | None) -> dict[str, str]:
    if env_file is None:
        return {}
    if not os.path.isfile(env_file):  # noqa: PTH113  (never raises)
        if os.path.basename(env_file) == _USUAL_ENV_FILE:  # noqa: PTH119  (takes text of any kind)
            return {}
        raise ConfigurationError(f"the settings file {os.fspath(env_file)!r} is not there, or is no file")
    from dotenv import dotenv_values  # imported where used: keeps `import kis_sync` cheap

    try:
        read = dotenv_values(env_file, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"the settings file {os.fspath(env_file)!r} cannot be read; it must be text in UTF-8 "
            f"({type(error).__name__})"
        ) from None
    return {name: value for name, value in read.items() if value}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("must be a number") from None  # not what it is: it may be a key in the wrong place


def _switch(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError("must be true or false")


_VARIABLES: dict[str, tuple[str, Callable[[str], object]]] = {
    "app_key": ("KIS_APP_KEY", str),
    "app_secret": ("KIS_APP_SECRET", str),
    "account_no": ("KIS_ACCOUNT_NO", str),
    "mode": ("MODE", str.lower),
    "base_url": ("KIS_BASE_URL", str),
    "rate_limit_rps": ("RATE_LIMIT_RPS", _number),
    "ledger_rate_limit_rps": ("LEDGER_RATE_LIMIT_RPS", _number),
    "allow_live_orders": ("KIS_ALLOW_LIVE_ORDERS", _switch),
    "use_hashkey": ("KIS_USE_HASHKEY", _switch),
    "cache_dir": ("KIS_CACHE_DIR", str),
    "ca_bundle": ("KIS_CA_BUNDLE", str),
}
