"""What nobody documents about KIS and this simulator had to choose, each choice a named switch.

Chosen without a switch, because no client should depend on it: an order's TR id on another path and an API
that is not simulated get OPSQ0002, no TR id OPSQ9999, an unknown path HTTP 404 and a wrong method HTTP 405,
both with EGW00101; tokenP and Approval called with bad keys more than once a second get EGW00201 with HTTP
403; an order for 0 shares gets IGW00007; a call counts at the gate before its keys are looked at; a minute
chart or a list of trades asked for at 000000 or without an hour (five public clients leave it blank) shows
the newest rows, and none lies beyond the close; chk-holiday ends with the year that is asked for; a code that
search-info does not know gets KIER2620 with rt_cd 7. Paper's slow lists (but for the fault ``unlisted``) and
orders abroad are not simulated. An API answered by its documented example (``--examples``) has one page, and
live's codes on paper too.

Of matching (``trading/pit.py`` has the model): an order joins its queue behind the shares shown at its price,
and behind none where no level is shown; a trade beyond its price fills it as far as its volume goes; orders
of ours match each other, those of one account too (nobody documents that KIS prevents it); they show in no
quote. A part that is cancelled or changed away leaves the rest in its place; a change is a new order at the
end of its queue. Best, first and midpoint orders (03, 04, 15, 16, 21, 23, 24) take their price once, when
they come in; a midpoint is rounded by half a won to the order's favour and is taken in continuous trading on
KRX and in NXT's main session only. A stop order (22) wakes at the first trade after its entry that is at or
above CNDT_PRIC for a buy, at or below for a sell, and comes in then; without CNDT_PRIC it gets IGW00007, and
a trigger off the ticks or beyond the limits is refused as a price is. A conditional limit (02) takes any
price in the closing auction, so its buy is set aside at the upper limit, as are all buys without a price.

Of hours: 05 is refused with APBK0506 at another price than the previous close; 05 and 06 meet orders of ours
and, once, as many shares as the best level of the last book shows; 07 may have any price within the day's
limits. NXT and KRX each have such a book, the tape stands for both, all listings trade on NXT. In NXT's
pre-market orders meet the book of the last close, in its after market and in KRX's that of the day's, and
there are no trades: what rests, rests. The pre-market refuses orders at market (APBK0918 with its own text),
midpoint and stop orders, the after market all but 00, 03 and 04: at market with APBK1943, others with
APBK3013. SOR is KRX from 08:30 to 15:30 for what KRX takes at the moment, and NXT otherwise. Changes and
cancellations are taken while a session of the order's exchange runs. An order found there but filled or
cancelled gets APBK0927, one of another exchange APBK0344. The auctions of KRX take 00, 01 and 02 only, other
kinds are refused there as out of hours; an auction gives our buys as many shares as it traded, and our sells
too, with nobody of the market before them (at market and 02 at the close first, then price, then time), our
buys and sells beyond that meet each other, and what is left stays; there are no auctions after a VI. Paper
takes orders, changes and cancellations from the regular open to the close only, nothing in the half hour
before. Closures and late days are those of ``market/hours.py``, most of which are guessed for other years
than 2026.

Of refusals: the text of APBK1744. On paper: 40910000 for the products 29, 03 and 08; 40240000 for selling
more than is held (known for holding none); 40330000 for changing or cancelling an order that is not known;
90000000 for a kind or an exchange that paper does not have.

Quotations: inquire-time-itemconclusion and inquire-investor have 30 rows, the rows of the former have their
price as stck_pbpr, as documented, and as stck_prpr, which five public clients read, and today's investors are
blank before the close; who traded is drawn (three groups that add up to the volume, ten brokers), and so is a
fund's NAV; a ranking asked with another screen code, sort or a faulty number gets OPSQ2001, margin classes
and accumulated days change nothing; KOSPI, KOSDAQ and KOSPI200 are reckoned from the simulated listings at
invented levels, with the members' own highs and lows added up, two years back, and every other sector gets
zeros. Made-up minutes (FID_FAKE_TICK_INCU_YN Y) are flat ones without volume.

Abroad: a few dozen listings; only regular hours move prices, weekends are the only holidays, a day is quoted
from an hour before its open, Vietnam's hours, ticks and decimals outside the US and all exchange rates
(``overseas_listings.WON_PER``, fixed) are invented, day markets show the regular price, books are drawn
around the last price. An account has no foreign money and can buy nothing; its won stand in the totals of
inquire-present-balance; an empty list on paper says 70070000 (seen, but in no document). The forgotten TR ids
JTTT3012R and JTTT3018R, which two public clients send, count as old ones.

Of accounts: an order that is refused gets no number and is listed nowhere; KIS's example of a list shows a
refused live order (rjct_qty), but no document says which refusals get a number, so none does here; what an
order has left at the close is told as cancelled quantity; cost is the average, and a purchase's commission
counts when its shares are sold; inquire-account-balance knows settled trades only, and its nass_tot_amt is
the securities alone, as in the documented example; every list says KIOK0500 when it goes on; accounts of
product 29, 03 and 08 order no stocks; commission and tax are cut to whole won at each fill; order numbers go
on from day to day; cncl_cfrm_qty counts shares that were changed away too; sll_buy_dvsn_cd_name of a change
is 매수정정 or 매도정정, of a cancellation 매수취소 or 매도취소, and of a refused reserved order
BUY REJECT or SELL REJECT; the lists of orders go on behind the last row shown while orders come and go;
psbl-sell and period-rights answer under both names that the documents give their output.

Of reserved orders: they are taken an hour later on the days of the university entrance exam; KIER3672 out of
hours and APBK2938 for one taken, and the texts of both; they are sent 40 minutes before the open (a real one
was sent at 08:21); price, cash and shares are looked at then; 05 with 0, as KIS wants it, takes the previous
close then; what is refused is listed as rejected; an amendment keeps the number; a cancellation is refused
only around midnight; an end that does not fit gets OPSQ2001; a range of days means the day of sending or of
receipt; the words for refused and cancelled; no limit of 1,000.

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

    tr_id_decides: bool = True
    """Whether a read is answered by its TR id when its path is another read's: KIS is thought to go by TR id,
    since public clients that people use send FHPST02400000 to inquire-price, FHKST03010100 to
    inquire-daily-price and TTTC8908R to inquire-daily-ccld. Off: OPSQ0002. Orders need both right."""

    paper_takes_nxt: bool = False
    """Whether paper quotes the market divisions NX and UN: nobody documents that it knows J alone, and one
    public client asks for UN there."""

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

    nxt_orders_carry_over: bool = False
    """Whether what a session of NXT leaves open goes on to its next session of the day."""

    krx_after_market_kinds: tuple[str, ...] = ("41", "44")
    """The ORD_DVSN that KRX's after market takes, all as limit orders: one report says that it needs 41 or 44
    and refuses 00 and 01; KIS's documents do not know it yet."""

    krx_after_market_takes_funds: bool = False
    """Whether KRX's after market takes funds: it was announced without ETFs and ETNs at first. Off: such an
    order is refused as one out of hours is (assumed)."""

    commission_percent: str = "0.0142"
    """Commission in percent of the traded amount; figures from 0.0042 to 0.0142 were measured."""

    sales_tax_percent: str | None = None
    """Tax in percent of the amount of a sale; the tax in force on the day when not given."""
