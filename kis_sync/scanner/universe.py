"""Which stocks a scan is about: the codes that were asked for, each once, the impossible ones marked.

This room changes when stocks are chosen in a new way.
"""

from __future__ import annotations

from collections.abc import Iterable

from kis_sync.api.domestic_stock.stock_code import checked_code
from kis_sync.errors import InvalidRequestError


def distinct_codes(codes: Iterable[str]) -> dict[str, InvalidRequestError | None]:
    """Each code once, without surrounding blanks, in the order of its first occurrence.

    Its value is ``None``, or the error of a code that cannot be asked for. A single string is no list of
    codes: ``InvalidRequestError``.

    >>> distinct_codes([" 005930", "000660", "005930"])
    {'005930': None, '000660': None}
    """
    if isinstance(codes, (str, bytes)) or not isinstance(codes, Iterable):
        raise InvalidRequestError(f"stock codes come as a list such as ['005930'], not {codes!r}")
    checked: dict[str, InvalidRequestError | None] = {}
    for code in codes:
        stripped = str(code).strip()
        if stripped not in checked:
            checked[stripped] = _fault(code)
    return checked


def _fault(code: object) -> InvalidRequestError | None:
    try:
        checked_code(code)  # type: ignore[arg-type]  # what is not text is one of the faults
    except InvalidRequestError as error:
        return error
    return None
