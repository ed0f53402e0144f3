"""The halt switch: seen at once by every process, made by hand, and safe where nothing can be read."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

from kis_sync.errors import JournalError
from kis_sync.orders.account_files import account_file
from kis_sync.orders.halt import HaltSwitch

SERVER, ACCOUNT = "https://host:9443", "1234567801"


def switch(folder: Path | None) -> HaltSwitch:
    return HaltSwitch(folder, SERVER, ACCOUNT)


def the_file(made: HaltSwitch) -> Path:
    assert made.path is not None
    return made.path


def test_it_halts_and_resumes(tmp_path: Path) -> None:
    one, other = switch(tmp_path / "new"), switch(tmp_path / "new")
    assert one.reason() is None
    one.halt("손실 한도 초과")
    assert one.reason() == other.reason() == "손실 한도 초과"
    other.halt()
    assert one.reason() == ""
    other.resume()
    other.resume()
    assert one.reason() is None


def test_it_is_of_one_account_and_server(tmp_path: Path) -> None:
    switch(tmp_path).halt("x")
    assert HaltSwitch(tmp_path, SERVER, "1234567802").reason() is None
    assert HaltSwitch(tmp_path, "https://other", ACCOUNT).reason() is None


def test_it_lies_beside_the_journal_and_its_name_tells_nothing(tmp_path: Path) -> None:
    name = the_file(switch(tmp_path)).name
    assert name == account_file(tmp_path, "orders", SERVER, ACCOUNT).name.replace("orders", "halt")
    assert ACCOUNT[:8] not in name


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"", ""),
        (b"\n", ""),
        ("\ufeff점심\r\n".encode(), "점심"),
        ("점심".encode("cp949"), "\ufffd" * 4),
        (b"x" * 10_000, "x" * 4_000),
    ],
)
def test_a_file_made_by_hand_halts_whatever_it_says(tmp_path: Path, written: bytes, read: str) -> None:
    made = switch(tmp_path)
    the_file(made).write_bytes(written)
    assert made.reason() == read
    the_file(made).unlink()
    assert made.reason() is None


def test_text_that_is_no_unicode_halts_too(tmp_path: Path) -> None:
    made = switch(tmp_path)
    made.halt("a\ud800b")
    assert made.reason() == "a?b"


def test_what_cannot_be_read_counts_as_a_halt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = switch(tmp_path)
    the_file(made).mkdir()
    assert "cannot be read" in str(made.reason())
    with pytest.raises(JournalError, match="orders stay halted"):
        made.resume()
    the_file(made).rmdir()
    assert made.reason() is None

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "cannot be read (Permission denied)" in str(made.reason())


def test_where_no_file_can_be_made_this_process_is_halted_and_it_is_told(tmp_path: Path) -> None:
    made = switch(tmp_path)
    the_file(made).mkdir()
    with pytest.raises(JournalError, match="this process are halted, those of others are not"):
        made.halt("now")
    the_file(made).rmdir()
    assert made.reason() == "now"
    made.resume()
    assert made.reason() is None


def test_a_file_that_cannot_be_removed_keeps_the_halt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = switch(tmp_path)
    made.halt("x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(JournalError, match=r"orders stay halted.*Permission denied"):
        made.resume()
    assert made.reason() == "x"


def test_without_a_folder_it_is_of_this_process() -> None:
    made = switch(None)
    assert (made.path, made.reason()) == (None, None)
    made.halt(" why ")
    assert made.reason() == "why"
    assert switch(None).reason() is None
    made.resume()
    assert made.reason() is None


def _look(
    folder: Path, asked: multiprocessing.Queue[str], answers: multiprocessing.Queue[str | None]
) -> None:
    seen = switch(folder)
    while asked.get() == "look":
        answers.put(seen.reason())


def test_another_process_sees_it_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    asked, answers = context.Queue(), context.Queue()
    process = context.Process(target=_look, args=(tmp_path, asked, answers))
    process.start()
    try:
        made = switch(tmp_path)
        asked.put("look")
        assert answers.get(timeout=60) is None
        made.halt("왜")
        asked.put("look")
        assert answers.get(timeout=60) == "왜"
        made.resume()
        asked.put("look")
        assert answers.get(timeout=60) is None
    finally:
        asked.put("end")
        process.join(60)


def test_a_halt_outlives_the_process_that_made_it(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from kis_sync.orders.halt import HaltSwitch; "
        f"HaltSwitch(Path(sys.argv[1]), {SERVER!r}, {ACCOUNT!r}).halt('gone')"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, timeout=60)
    assert switch(tmp_path).reason() == "gone"
