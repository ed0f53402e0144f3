"""What ``import kis_sync`` offers, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import kis_sync

HEAVY = (
    "requests",
    "urllib3",
    "tenacity",
    "click",
    "tqdm",
    "filelock",
    "platformdirs",
    "dotenv",
    "http.server",
)


def loaded_after(code: str) -> set[str]:
    """The heavy packages that a fresh interpreter has loaded after ``code``."""
    probe = f"{code}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_every_public_name_is_there_and_known_by_its_home() -> None:
    assert len(kis_sync.__all__) <= 30
    assert sorted(kis_sync.__all__) == sorted(kis_sync._HOME_OF)
    for name in kis_sync.__all__:
        value = getattr(kis_sync, name)
        assert value.__name__ == name
        assert value.__doc__
        assert name in dir(kis_sync)


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(kis_sync, "KISBrokr")


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_after("import kis_sync") == set()


def test_importing_the_broker_loads_nothing_beyond_requests() -> None:
    assert loaded_after("from kis_sync import KISBroker, Settings") == {"requests", "urllib3"}


def test_making_a_broker_opens_nothing() -> None:
    code = (
        "import sys\n"
        "def refuse(event, args):\n"
        "    if event in ('socket.__new__', 'os.mkdir') or (event == 'open' and 'w' in str(args[1])):\n"
        "        raise AssertionError(event)\n"
        "sys.dont_write_bytecode = True\n"
        "sys.addaudithook(refuse)\n"
        "import kis_sync\n"
        "s = kis_sync.Settings(app_key='k' * 36, app_secret='s' * 180, cache_dir='/nowhere/at/all')\n"
        "kis_sync.KISBroker(s).close()"
    )
    assert "http.server" not in loaded_after(code)
