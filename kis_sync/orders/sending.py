"""Sending a call of effect order: the intent is written down, it leaves once, the outcome is written down.

Every such call of a broker passes here, whatever it trades. This room changes when what is written down
about a sending changes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from kis_sync.api.asker import Asker
from kis_sync.api.domestic_stock.cash_order import Receipt
from kis_sync.caller import PERSONAL
from kis_sync.catalog import Call
from kis_sync.envelope import Envelope
from kis_sync.errors import (
    InvalidRequestError,
    JournalError,
    KISError,
    OrderUncertainError,
    Reach,
    RequestRefusedError,
)
from kis_sync.orders.entry import Entry, State, Wish
from kis_sync.orders.halt import HaltSwitch
from kis_sync.orders.journal import Journal
from kis_sync.orders.order import Order

_log = logging.getLogger("kis_sync")
Read = TypeVar("Read")


class OrderAsker(Asker, Protocol):
    """The one who can send an order."""

    def know_the_time(self) -> None:
        """Let the server tell its time if it has not yet."""
        ...

    def check(self, call: Call, *, strict: bool = False) -> tuple[Call, str]:
        """The call as it would be sent, and its TR id; raises every fault at once."""
        ...

    def ask(self, call: Call, *, strict: bool = False, leaving: Callable[[], None] | None = None) -> Envelope:
        """The answer; ``leaving`` is called just before the bytes of an order leave, each time."""
        ...


@dataclass(frozen=True, slots=True)
class Sent(Generic[Read]):
    """An order that KIS accepted: its entry in the journal, the answer, and what was read in it."""

    entry: Entry
    envelope: Envelope
    receipt: Read


class Sender:
    """Sends the orders of one account on one server, each under an entry of its journal."""

    def __init__(
        self, caller: OrderAsker, journal: Journal, halt: HaltSwitch, most_won_a_day: int | None
    ) -> None:
        self._caller = caller
        self._journal = journal
        self._halt = halt
        self._most_won_a_day = most_won_a_day

    def send(
        self,
        call: Call,
        wish: Wish,
        client_order_id: str | None,
        read: Callable[[Envelope], Read],
        *,
        strict: bool = False,
    ) -> Sent[Read] | None:
        """Send an order once; ``None`` when its id names an order already, and nothing was sent.

        Raises what the call raises: the entry then says refused, not executed or uncertain.
        """
        self._caller.check(call, strict=strict)  # what is faulty is no intent
        self._caller.check_orders_allowed()
        entry, is_new = self._journal.open(
            client_order_id, wish, self._caller.now(), most_won_a_day=self._most_won_a_day
        )
        if not is_new:
            return None
        has_left = False

        def leaving() -> None:
            nonlocal entry, has_left
            self._check_not_halted(wish)
            entry = self._journal.leaving(entry, self._caller.now())
            has_left = True

        try:
            envelope = self._caller.ask(call, strict=strict, leaving=leaving)
            receipt = _read_or_uncertain(envelope, read, wish)
        except KISError as error:
            entry = self._end(entry, _state_after(error), reason=str(error))
            if isinstance(error, OrderUncertainError):
                error.order = Order.journalled(entry)
            raise
        except BaseException as error:  # Ctrl-C, too: what has left may run
            state = State.UNCERTAIN if has_left else State.NOT_EXECUTED
            self._end(entry, state, reason=f"the sending was interrupted ({type(error).__name__})")
            raise
        number, branch = (str(getattr(receipt, name, "") or "") for name in ("number", "branch"))
        return Sent(self._end(entry, State.ACCEPTED, number=number, branch=branch), envelope, receipt)

    def _check_not_halted(self, wish: Wish) -> None:
        reason = None if wish.is_cancellation else self._halt.reason()
        if reason is not None:
            raise InvalidRequestError(
                f"the order was not sent: orders are halted ({reason}); resume() lets them go"
            )

    def _end(
        self, entry: Entry, state: State, *, number: str = "", branch: str = "", reason: str = ""
    ) -> Entry:
        """Note the outcome. When that fails the order ran all the same, and recovery finds it later."""
        try:
            return self._journal.close(
                entry, state, self._caller.now(), number=number, branch=branch, reason=reason
            )
        except JournalError as error:
            _log.warning(
                "the order %s is %s, but the journal could not be written (%s): until it can, it counts as "
                "uncertain there",
                number or entry.client_order_id,
                state.value,
                error.message,
            )
            from dataclasses import replace

            return replace(entry, state=state, number=number, branch=branch, reason=reason)


def fields_of(call: Call) -> Mapping[str, str]:
    """What is sent, as text, without the account and telephone numbers."""
    return {name.upper(): str(value) for name, value in call.params.items() if name.upper() not in PERSONAL}


def told(wish: Wish) -> str:
    """A wish in a few words, without the account."""
    fields = " ".join(f"{name}={value}" for name, value in wish.fields.items() if value)
    return f"{wish.endpoint} {wish.variant} {fields}".replace("  ", " ")


def receipt_if_any(envelope: Envelope) -> Receipt | None:
    """The receipt of an order; ``None`` where this API answers with something else."""
    try:
        return Receipt.read(envelope)
    except (KISError, ValueError):
        return None


def _read_or_uncertain(envelope: Envelope, read: Callable[[Envelope], Read], wish: Wish) -> Read:
    try:
        return read(envelope)
    except RequestRefusedError:
        raise  # KIS says in its answer that it did not do it
    except (KISError, ValueError) as error:
        raise OrderUncertainError(
            "KIS accepted the order, but its receipt cannot be read; look at the account before anything "
            f"else. What happened: {error}",
            order_request=told(wish),
            endpoint=envelope.endpoint,
        ) from error


def _state_after(error: KISError) -> State:
    """What an error says of the order: refused, never executed, or nothing certain."""
    if error.reach is Reach.REFUSED:
        return State.REFUSED
    return State.NOT_EXECUTED if error.reach is Reach.NOT_EXECUTED else State.UNCERTAIN
