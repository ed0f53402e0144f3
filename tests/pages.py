"""What stands in a page for a reader to run, and the running of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def python_blocks(page: Path) -> list[str]:
    """The Python blocks of a page; none where the page is not beside these tests."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def run_block(block: str, folder: Path) -> list[str]:
    """The lines that a block prints in a process of its own, in which waits are skipped; it must end well."""
    program = f"from kis_sync.testing import no_waits\nwith no_waits():\n    exec({block!r}, {{}})"
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", program],
        capture_output=True,
        encoding="utf-8",
        cwd=folder,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
