"""The catalogue's data files, each read when something first asks for it and kept.

This room changes when the place or the form of those files changes.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any


@cache
def records(name: str) -> dict[str, Any]:
    """The records of ``data/<name>.json`` by their names; not to be changed."""
    # By its path: importlib.resources, which does no more here, would cost every process some 10 ms.
    path = Path(__file__).with_name("data") / f"{name}.json"
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded
