"""Every reader of an answer that the client has, and those that no exercise reaches.

A reader is a function whose name begins with ``read`` and that takes an envelope or a row. This room changes
when answers are read by functions of other names.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator
from types import CodeType, FrameType, FunctionType, ModuleType

import kis_sync
from tests.fuzz.client import client_on, settings
from tests.fuzz.memory import MemoryConnections
from tests.fuzz.operations import modules
from tests.fuzz.records import put_on_record
from tests.fuzz.rig import TOKEN_PATH, Exercise, Server

_NOT_THE_CLIENT = ("kis_sync.sim", "kis_sync.cli", "kis_sync.testing", "kis_sync.__main__")
_READ_FROM = ("Envelope", "Row")


def _functions(module: ModuleType) -> Iterator[FunctionType]:
    for value in vars(module).values():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(value):
            yield value
        elif inspect.isclass(value):
            for member in vars(value).values():
                function = getattr(member, "__func__", member)
                if inspect.isfunction(function):
                    yield function


def readers() -> dict[CodeType, str]:
    """The name of every reader by its code."""
    return {
        function.__code__: f"{module.__name__}.{function.__qualname__}"
        for module in modules(kis_sync)
        if not module.__name__.startswith(_NOT_THE_CLIENT)
        for function in _functions(module)
        if function.__name__.lstrip("_").startswith("read")
        and any(kind in str(hint) for kind in _READ_FROM for hint in _parameters(function))
    }


def _parameters(function: FunctionType) -> list[object]:
    return [hint for name, hint in function.__annotations__.items() if name != "return"]


def unreached(exercises: Iterable[Exercise]) -> list[str]:
    """The readers that none of the exercises gets to with good answers."""
    left = readers()

    def reached(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            left.pop(frame.f_code, None)

    server = Server()
    known = settings()
    connections = MemoryConnections(known, server.script, server.shortcut)
    for each in exercises:
        server.set(each, None)
        client = client_on(known, connections, has_token=each.target != TOKEN_PATH)
        if each.operation.trades:
            put_on_record(client)
        sys.setprofile(reached)
        try:
            each.operation.ask(client)
        finally:
            sys.setprofile(None)
            client.close()
    return sorted(left.values())
