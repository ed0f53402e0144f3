"""Where the files of one account on one server lie; their names tell neither.

This room changes when such files are named in another way.
"""

from __future__ import annotations

import hashlib
from pathlib import Path


def account_file(folder: Path, prefix: str, server: str, account_no: str, suffix: str = "") -> Path:
    """The file of an account (its ten digits) on a server, named by a hash of both.

    >>> account_file(Path("data"), "orders", "https://host", "1234567801", ".sqlite3").name
    'orders-40b3d5ac88223044d67f98b3ed861035.sqlite3'
    """
    name = hashlib.sha256(f"{server}\0{account_no}".encode()).hexdigest()[:32]
    return folder / f"{prefix}-{name}{suffix}"
