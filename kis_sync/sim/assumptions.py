"""What nobody documents about KIS and this simulator had to choose, each choice a named switch.

Chosen without a switch, because no client should depend on it: a TR id of another path and an API that is
not simulated get OPSQ0002, no TR id OPSQ9999, an unknown path HTTP 404 and a wrong method HTTP 405, both
with EGW00101; tokenP and Approval called with bad keys more than once a second get EGW00201 with HTTP 403;
an order for 0 shares gets IGW00007; a call counts at the gate before its keys are looked at; a minute chart
asked for at 000000 shows the newest rows, and none lies beyond the close; chk-holiday ends with the year that
is asked for; a code that search-info does not know gets KIER2620 with rt_cd 7. After-hours, midpoint and stop
orders, NXT's own hours, paper's slow lists and everything abroad are not simulated.

This room changes when an open question about KIS is answered, or a new one is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """The simulator's choices where KIS is silent or its sources disagree."""

    refused_calls_count: bool = False
    """Whether a call refused with EGW00201 fills the window too. Off: clients that wait 0.1 s and try
    again are seen to succeed, which they could not if refusals counted."""

    new_token_kills_old: bool = False
    """Whether an issue after six hours kills the earlier access token at once (one vague report)."""

    expire_at_midnight: bool = False
    """Whether access tokens die at 00:00 KST (one program claims so; real expiry times contradict it)."""

    reissue_returns_dead_token: bool = True
    """Whether tokenP hands out the same access token within six hours of its issue even if it was revoked
    (one report, and what the documented rule says literally). Off: the issue after a revocation is new."""

    old_tr_ids: bool = True
    """Whether the TR ids before the renewal are still taken: KIS says they may end without notice."""

    first_page_more: Literal["M", "F"] = "M"
    """``tr_cont`` of a first page with more to come: a recorded live balance had M; no F was recorded."""

    last_page: Literal["D", "E"] = "D"
    """``tr_cont`` of a last page: the documents allow both."""

    full_page_says_more: bool = False
    """Whether a list that fills its last page exactly announces one page more, whose call is then
    refused with SYDB0050 (seen once on live, with exactly 50 holdings)."""

    paper_rejection_status: Literal[200, 500] = 200
    """HTTP status of a paper order rejection: logs show both, 200 more often."""

    order_needs_all_keys: bool = False
    """Whether an order without the optional keys is refused with IGW00007: reported, but the documented
    example leaves them out."""

    cancel_market_rest: bool = True
    """Whether the part of a market order that the book cannot fill is cancelled. Off: it rests, and fills
    at the next prices. KRX lets it rest at the last price; how KIS's paper venue does it is unknown."""

    commission_percent: str = "0.0142"
    """Commission in percent of the traded amount; figures from 0.0042 to 0.0142 were measured."""

    sales_tax_percent: str | None = None
    """Tax in percent of the amount of a sale; the tax in force on the day when not given."""
