"""The campaign of orders in its smallest form: a sound client passes, a broken one is found out."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.benchmarks.audit import BELIEVED, DAMAGES, DOUBLED, LEFT, LOST


def campaign(*arguments: str) -> tuple[int, dict[str, int]]:
    """The exit code, and the figures that must be 0."""
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.orders",
        "--processes",
        "2",
        "--minutes",
        "2",
        *arguments,
    ]
    ran = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=False, timeout=180
    )
    figures = {name: re.search(rf"^{name} +(\d+)  must be 0", ran.stdout, re.MULTILINE) for name in DAMAGES}
    return ran.returncode, {name: int(found[1]) for name, found in figures.items() if found}


def test_no_order_is_doubled_lost_or_distorted() -> None:
    assert campaign("--orders", "24", "--kills", "1", "--between-kills", "0.5", "--patience", "1") == (
        0,
        dict.fromkeys(DAMAGES, 0),
    )


def test_a_client_that_sends_an_order_again_is_found_out() -> None:
    code, figures = campaign("--orders", "16", "--kills", "0", "--patience", "1", "--sabotage", "retry")
    assert code == 1
    assert figures[DOUBLED] > 0
    assert figures[LOST] + figures[BELIEVED] + figures[LEFT] > 0  # nobody owns one of the two
