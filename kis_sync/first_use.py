"""Methods that are imported when they are first asked for, so that a class may offer any number of them.

This room changes when the way of loading on first use changes.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class OnFirstUse:
    """In a class body: a method that is the function ``name`` of the module ``home``.

    The first time that it is asked for, the function takes this place in the class.
    """

    def __init__(self, home: str, name: str) -> None:
        self._home = home
        self._name = name
        self._places: list[tuple[type, str]] = []

    def __set_name__(self, owner: type, place: str) -> None:
        self._places.append((owner, place))

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        function = getattr(import_module(self._home), self._name)
        for each, place in self._places:
            setattr(each, place, function)
        return function.__get__(instance, owner)
