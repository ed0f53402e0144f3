"""A value of plausible form for a documented field that no example shows: by its name alone.

Always the same value for the same name. This room changes when KIS names its fields in another way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

_STEM = re.compile(r"^[-+\s]*(.*?)[\s_]*\d*$")
_FORMS = (
    # dates, months and times of day
    (r"_dtime$", "20250102103000"),
    (r"(^|_)(dt|date|day|ymd|sttldt)$|_term(_ft)?$|[a-z]ymd$|^(exdt|h52d|l52d|hand|land)$", "20250102"),
    (r"^(today|estdate|sbsnsdate)$", "20250102"),
    (r"_(yymm|ym)$", "202501"),
    (r"_mmdd$", "0102"),
    (r"_dtmd$", "103000000"),
    (r"(^|_)(tmd|hour|time|tm|btwn)$|hms$|^(stim|etim|sktm|ektm)$", "103000"),
    # yes or no, signs, codes of a kind
    (r"_yn$|^(next|more)$", "N"),
    (r"(sign|xsgn|xsng|diff_flag)$", "2"),
    (r"(crcy_cd|crc_cd|crcd|crcy|curr)$", "USD"),
    (r"natn_cd$", "840"),
    (r"prdt_type_cd$", "300"),
    (r"^excd$|exch_cd$", "NAS"),
    (r"ovrs_excg_cd$", "NASD"),
    (r"excg_(id_dvsn_)?cd$", "KRX"),
    (r"(^|_)(srs|futr_fx_pdno|sprd_srs)(_cd)?$", "6AZ25"),
    (r"^(symb|ovrs_pdno|ovrs_item_cd)$", "TSLA"),
    (r"^rsym$", "DNASTSLA"),
    (r"user_id$", "user0001"),
    (r"^sht_cd$", "005930"),
    (r"_(dvsn|cd|code|gb|tp|reas|form|type)$", "01"),
    # codes and numbers that stand for one thing
    (r"(std_pdno|std_iscd|stnd_iscd|isin)$", "KR7005930003"),
    (r"(^|_)(pdno|iscd|code|icod)$", "005930"),
    (r"odno$", "0000000001"),
    (r"(orgno|brno)$", "00001"),
    (r"(stfno|empno)$", "000000"),
    (r"ip_addr$", "127.0.0.1"),
    (r"^cano$", "12345678"),
    (r"(^|_)acno$", "1234567801"),
    (r"(^|_)(no|srno|seq|sqno|seqn|ccno|key|id|rank|nrec|crec|trec)$", "1"),
    (r"^hash$", "0" * 64),
    # texts
    (r"(name|isnm|_nm|knam|enam|exnm|nnam|cnnm|dorg|source|mgr)$", "예시"),
    (r"(text|cntt|memo|titl|title|rson|reason|rmks|opnn|way|kind|abrv|agenda|ifom|rslt|ordy)$", "예시"),
    (r"(^|_)stat$", "예시"),
    # rates, ratios and indices
    (r"(rate|ctrt|_rt|rlim|inrt|tnrt|dsrt|vltl|exrt|erng|ratem|pftrt|weit|grav|dprt|rhigh|rlow)$", "1.23"),
    (r"(rltv|powx?|psdg|basis|thpr|esdg|cefc|intr|xrat|tover|dbnb|moneyness|cfp|nmix|^nav)$", "1.23"),
    (r"^(delta|gama|vega|theta|rho|gear|prit|per|pbr|perx|pbrx)$|_idx$", "1.23"),
    # changes, quantities, prices and amounts
    (r"(vrss|icdc|diff|xdif|pfls|chgs)$", "100"),
    (r"(qty|vol|rsqn|cnqn|stcn|csnu|cnt|num|numb|qntt|remn|rmnd|nit|vbid|vask)$", "10"),
    (r"(spec|hedge|missing|cust)$", "10"),
    (r"(prpr|pric|price|unpr|prc|oprc|hgpr|lwpr|clpr|sdpr|mxpr|llam|cnpr|acpr|prvs|pbpr|barrier)$", "70000"),
    (r"(askp|bidp|pask|pbid|clos|uplp|dnlp|52p|anp|xprc|base|open|high|low|last|_pri)$", "70000"),
    (r"(amt|pbmn|smtl|smtn|fee|tax|tlex|tota|mgna|loan|mcap|tomv|avls|cap|cpta|objt_atm)$", "1000000"),
    (r"(account|cost|prfi|prti|ernn|expn|loss|ntin|_mang)$", "1000000"),
    (r"(cash|sbst|dnca|dfpa|dpast|aset|lblt|cptl|cpfn|ttam|_mgn)$", "1000000"),
    (r"(papr|parp|face_val|face_value|eps|epsx|bpsx|hogau)$", "100"),
)  # fmt: skip
_RULES = tuple((re.compile(pattern), value) for pattern, value in _FORMS)


@cache
def value_of(name: str) -> str:
    """The value for a field of that name; digits where the name says nothing.

    >>> value_of("lstg_dt"), value_of("cncl_yn"), value_of("prdt_name"), value_of("tot_ccld_qty")
    ('20250102', 'N', '예시', '10')
    """
    stem = _STEM.sub(r"\1", name.lower())
    return next((value for pattern, value in _RULES if pattern.search(stem)), "0")


def row_of(fields: Iterable[str]) -> dict[str, str]:
    """One row with a value for each field."""
    return {field: value_of(field) for field in fields}
