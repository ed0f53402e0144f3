"""What KIS's answer codes mean for the caller: whether the call ran, and whether to try again.

Only codes that were documented or observed are listed; a code that is not listed proves nothing.
This room changes when a code is learned.
"""

from __future__ import annotations

import enum


class Meaning(enum.Enum):
    """What a failure code says."""

    OVER_THE_LIMIT = "the gateway's call limit: not executed"
    OVER_THE_LEDGER_LIMIT = "the ledger's call limit: not executed"
    BAD_ACCESS_TOKEN = "the gateway does not know the access token: not executed"
    BAD_KEYS = "the keys are wrong"
    REFUSED = "KIS said no"
    STALE_PAGE = "the page asked for is gone"
    TROUBLE = "trouble at KIS: the call may have run"
    UNKNOWN = "not listed"


_CODES = {
    Meaning.OVER_THE_LIMIT: "EGW00201",
    Meaning.OVER_THE_LEDGER_LIMIT: "EGW00215",
    Meaning.BAD_ACCESS_TOKEN: "EGW00121 EGW00122 EGW00123",
    Meaning.BAD_KEYS: "EGW00102 EGW00103 EGW00104 EGW00105 EGW00304",
    Meaning.STALE_PAGE: "SYDB0050",
    Meaning.TROUBLE: (
        "EGW00001 EGW00002 EGW00202 EGW00203 EGW00300 EGW00301 EGW00302 EGW00316 IGW00009 "
        "OPSQ0001 OPSQ0003 OPSQ0004 OPSQ0005 OPSQ0006 OPSQ0007 OPSQ0008 OPSQ0009 OPSQ0010 OPSQ0011 OPSQ1002 "
        "90020000 APBK1630"
    ),
    Meaning.REFUSED: (
        # the gateway: rights, routing by environment, headers, request form
        "EGW00003 EGW00004 EGW00101 EGW00106 EGW00107 EGW00108 EGW00109 EGW00110 EGW00111 EGW00112 EGW00113 "
        "EGW00114 EGW00115 EGW00116 EGW00117 EGW00118 EGW00119 EGW00120 EGW00124 EGW00125 EGW00126 EGW00127 "
        "EGW00128 EGW00129 EGW00130 EGW00131 EGW00132 EGW00204 EGW00205 EGW00206 EGW00207 EGW00208 EGW00209 "
        "EGW00210 EGW00211 EGW00212 EGW00213 EGW00303 EGW02004 EGW02005 EGW02006 EGW02007 IGW00007 "
        "OPSQ0002 OPSQ2000 OPSQ2001 OPSQ2002 OPSQ2003 OPSQ3001 OPSQ3002 OPSQ3003 OPSQ3004 "
        "OPSQ9995 OPSQ9996 OPSQ9997 OPSQ9998 OPSQ9999 "
        # live trading
        "APBK0918 APBK0919 APBK0952 APBK0400 APBK0506 APBK0406 APBK0656 APBK0066 APBK0344 APBK0927 APBK0963 "
        "APBK1943 APBK3013 APBK1664 APBK1744 APAC0081 APAC0489 MCA05918 "
        # paper trading
        "40030000 40070000 40100000 40240000 40250000 40270000 40330000 40570000 40580000 40650000 40910000 "
        "90000000"
    ),
}
_MEANINGS = {code: meaning for meaning, codes in _CODES.items() for code in codes.split()}

ISSUED_LESS_THAN_A_MINUTE_AGO = "EGW00133"
"""The code of an access token asked for too soon after the last."""


def meaning(code: str | None) -> Meaning:
    """What a failure code says; ``UNKNOWN`` for one that is not listed.

    >>> meaning("APBK0952").name, meaning("EGW00301").name, meaning(None).name
    ('REFUSED', 'TROUBLE', 'UNKNOWN')
    """
    return _MEANINGS.get(code, Meaning.UNKNOWN) if code else Meaning.UNKNOWN
