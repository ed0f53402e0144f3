"""From a call to its answer: checked, with an access token, tried again only where that is safe.

``ask`` is the inner door of every API. A read goes through the ring of retries; an order is sent once, and
again only when it provably did not run. This room changes when the rules of sending a call change.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from kis_sync import paging
from kis_sync.auth import AccessToken
from kis_sync.auth.hashkey import read_hashkey
from kis_sync.catalog import Call, Effect, Endpoint, Mode, endpoint
from kis_sync.catalog.check import checked
from kis_sync.clock import Clock
from kis_sync.envelope import Envelope
from kis_sync.errors import (
    AccessTokenError,
    ConfigurationError,
    InvalidRequestError,
    KISError,
    OrderUncertainError,
    Reach,
    ServerError,
)
from kis_sync.retries import order_is_worth_it, read_is_worth_it
from kis_sync.settings import Account, Settings
from kis_sync.transport import Transport, json_body

_log = logging.getLogger("kis_sync")
_CONTENT_TYPE = "application/json; charset=utf-8"
_OAUTH = "/oauth2/"
_PAGES = ("", "N")  # the first, the next
PERSONAL = frozenset({"CANO", "ACNT_PRDT_CD", "CTAC_TLNO", "CTAL_TLNO"})
"""Fields of orders that are told and kept nowhere: the account, and telephone numbers."""
_SAME_TIME = timedelta(seconds=2)  # a Date header has whole seconds, and its answer took a while to come


class Caller:
    """Asks for one app key on one server."""

    def __init__(
        self, settings: Settings, transport: Transport, access_token: AccessToken, clock: Clock
    ) -> None:
        self._settings = settings
        self._transport = transport
        self.traffic = transport.traffic
        self._access_token = access_token
        self._clock = clock
        self._has_asked_the_time = False

    @property
    def mode(self) -> Mode:
        """Live or paper."""
        return Mode(self._settings.mode)

    @property
    def account(self) -> Account:
        """The account of the settings."""
        return self._settings.account

    def check_orders_allowed(self) -> None:
        """Raise ``ConfigurationError`` for live orders without their opt-in."""
        if self.mode is Mode.LIVE and not self._settings.allow_live_orders:
            raise ConfigurationError(
                "live orders are switched off: set allow_live_orders=True (KIS_ALLOW_LIVE_ORDERS=true)"
            )

    def now(self) -> datetime:
        """The present in KST, by the server's clock where that is seen to differ from ours."""
        offset = self._transport.server_offset()
        now = self._clock.now()
        return now if offset is None or abs(offset) <= _SAME_TIME else now + offset

    def ask(self, call: Call, *, strict: bool = False, leaving: Callable[[], None] | None = None) -> Envelope:
        """The answer to a call, or the error that it stands for.

        A call of effect order that may have run raises ``OrderUncertainError``; it is not sent again.
        ``leaving`` is called just before an order's bytes leave, each time; when it raises, they do not.
        """
        call, tr_id = self.check(call, strict=strict)
        if not tr_id:
            return self._ask_without_access_token(call)
        if call.endpoint.effect is Effect.ORDER:
            return self._ask_order(call, tr_id, leaving)
        return self._settings.retry.run(
            lambda: self._authorised(call, tr_id, None, {}),
            clock=self._clock,
            worth_it=read_is_worth_it,
            on_wait=self._tell,
        )

    def know_the_time(self) -> None:
        """Let the server tell its time if it has not yet, before something is written down by it.

        The answer to an access token's issue tells it; else that to a hash key does, whose body is empty.
        """
        if self._has_asked_the_time or self._transport.server_offset() is not None:
            return
        with _before_the_call():
            self._access_token.ensure(self._issue)
            if self._transport.server_offset() is None:
                self._ask_without_access_token(Call(endpoint("hashkey"), {}), b"{}")
        self._has_asked_the_time = True  # a server that does not tell it is not asked again

    def check(self, call: Call, *, strict: bool = False) -> tuple[Call, str]:
        """The call as it would be sent, and its TR id; raises every fault at once, and nothing is sent."""
        if call.tr_cont not in _PAGES:
            raise InvalidRequestError(
                "tr_cont must be blank for the first page, N for a next one", endpoint=call.endpoint.name
            )
        is_known = call.endpoint.variant_fault(call.variant) is None  # else checked() tells it with all else
        tr_id = call.endpoint.tr_id(self.mode, call.variant) if is_known else ""
        fields = {**self._own_fields(call.endpoint), **call.params}
        params = checked(call.endpoint, fields, variant=call.variant, strict=strict)
        return Call(call.endpoint, params, call.variant, call.tr_cont), tr_id

    def ask_pages(self, call: Call, *, most: int | None = None, strict: bool = False) -> list[Envelope]:
        """Every page of the answer, read to the end, or an error; with ``most`` so many at most."""
        if call.endpoint.effect is Effect.ORDER:
            raise InvalidRequestError("an order has no pages", endpoint=call.endpoint.name)
        return paging.read_pages(lambda page: self.ask(page, strict=strict), call, most)

    def revoke_access_token(self) -> None:
        """Revoke the access token, at hand or on disk, at the server and forget it; without one, nothing.

        Source: /oauth2/revokeP.
        """
        value = self._access_token.living()
        if value is None:
            return
        with contextlib.suppress(AccessTokenError):  # the server knows it no more, as is wished
            self._ask_own("oauth2.revokeP", {"token": value})
        self._access_token.forget(value)

    def close(self) -> None:
        """Close the connections; waiting calls raise ``BrokerClosedError``."""
        self._transport.close()

    def _ask_order(self, call: Call, tr_id: str, leaving: Callable[[], None] | None) -> Envelope:
        self.check_orders_allowed()
        body = json_body(call.params)
        extra = {"hashkey": self._hashkey(body)} if self._settings.use_hashkey else {}
        if leaving is not None:
            self.know_the_time()  # when it left is compared with the exchange's lists
        try:
            envelope = self._settings.retry.run(
                lambda: self._authorised(call, tr_id, body, extra, leaving),
                clock=self._clock,
                worth_it=order_is_worth_it,
                on_wait=self._tell,
            )
            if "rt_cd" not in envelope.body:
                raise ServerError("the answer does not say whether the order was taken")
            return envelope
        except KISError as error:
            if error.reach is not Reach.MAYBE_EXECUTED:
                raise
            raise uncertain(call, error) from error
        except BaseException:
            _log.warning(
                "%s was interrupted: the order may have reached the exchange; look before sending it again",
                call.endpoint.name,
            )
            raise

    def _hashkey(self, body: bytes) -> str:
        """The hash key of an order's body: one more call, under a slot of its own."""
        with _before_the_call():
            return read_hashkey(self._ask_without_access_token(Call(endpoint("hashkey"), {}), body))

    def _authorised(
        self,
        call: Call,
        tr_id: str,
        body: bytes | None,
        extra: dict[str, str],
        leaving: Callable[[], None] | None = None,
    ) -> Envelope:
        """One exchange under a valid access token; once more if the server no longer knew that one."""
        was_refused = False
        while True:
            with _before_the_call():
                self._access_token.ensure(self._issue)  # may itself send, so before a slot is held
            sent = None

            def headers() -> dict[str, str]:
                nonlocal sent
                sent = self._access_token.value
                if sent is None:
                    raise AccessTokenError("the access token was dropped while this call waited for its slot")
                if leaving is not None:
                    leaving()
                return self._headers(call, tr_id, sent) | extra

            try:
                envelope = self._transport.send(call, headers, body)
            except AccessTokenError as error:
                if sent is None:
                    continue  # nothing was sent
                self._access_token.drop(sent)
                if was_refused:
                    raise
                was_refused = True
                _log.info("the server no longer knows the access token (%s): asking for another", error.code)
            else:
                self._access_token.confirm()
                return envelope

    def _headers(self, call: Call, tr_id: str, access_token: str) -> dict[str, str]:
        return {
            **self._keys(),
            "authorization": f"Bearer {access_token}",
            "tr_id": tr_id,
            "tr_cont": call.tr_cont,
            "custtype": "P",
        }

    def _keys(self) -> dict[str, str]:
        return {
            "content-type": _CONTENT_TYPE,
            "appkey": self._settings.app_key,
            "appsecret": self._settings.app_secret,
        }

    def _issue(self) -> Envelope:
        return self._ask_own("oauth2.tokenP", {})

    def _ask_own(self, name: str, fields: Mapping[str, str]) -> Envelope:
        """A call that nobody but this client asks for."""
        known = endpoint(name)
        return self._ask_without_access_token(Call(known, {**self._own_fields(known), **fields}))

    def _own_fields(self, known: Endpoint) -> dict[str, str]:
        """The fields of a call that the settings know and nobody needs to give: the keys, on OAuth paths."""
        if not known.path.startswith(_OAUTH):
            return {}
        keys = {
            "grant_type": "client_credentials",
            "appkey": self._settings.app_key,
            "appsecret": self._settings.app_secret,
            "secretkey": self._settings.app_secret,
        }
        return {each.name: keys[each.name] for each in known.params if each.name in keys}

    def _ask_without_access_token(self, call: Call, body: bytes | None = None) -> Envelope:
        """An exchange that needs the keys only: in its body on OAuth paths, elsewhere in the headers."""
        in_body = call.endpoint.path.startswith(_OAUTH)
        headers = {"content-type": _CONTENT_TYPE} if in_body else self._keys()
        sent = json_body(call.params) if body is None else body
        return self._settings.retry.run(
            lambda: self._transport.send(call, lambda: headers, sent),
            clock=self._clock,
            worth_it=read_is_worth_it,
            on_wait=self._tell,
        )

    def _tell(self, error: KISError, seconds: float) -> None:
        _log.info("trying again in %.1f s: %s", seconds, error)


@contextlib.contextmanager
def _before_the_call() -> Iterator[None]:
    """What a call needs before it; when this fails, in whatever way, that call itself was not sent."""
    try:
        yield
    except KISError as error:
        error.reach = Reach.NOT_EXECUTED
        error.can_retry = False  # it had its own tries
        raise


def uncertain(call: Call, error: KISError) -> OrderUncertainError:
    """What to raise for an order that may have run: it says what was asked, without the account."""
    asked = {name: value for name, value in call.params.items() if value and name.upper() not in PERSONAL}
    return OrderUncertainError(
        "it is not known whether the order reached the exchange; look at the account before anything else. "
        f"What happened: {error.message}",
        order_request=f"{call.variant} {asked}".strip(),
        code=error.code,
        endpoint=call.endpoint.name,
        http_status=error.http_status,
    )
