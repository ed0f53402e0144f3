"""How many examples the properties are tried with: few in every run, more where there is time.

    EXAMPLES_TIMES=5 pytest tests/sim    # five times as many

This room changes when that is asked for in another way.
"""

from __future__ import annotations

import os

_TIMES = int(os.environ.get("EXAMPLES_TIMES", "1"))


def examples(few: int) -> int:
    """The count for a property that is worth ``few`` examples in every run."""
    return few * _TIMES
