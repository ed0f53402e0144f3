"""Modules as another operating system has them. This room changes when modules differ by something else."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest


def module_on(platform: str, module: ModuleType) -> ModuleType:
    """The module made anew, as on that platform; the one that is imported stays as it is."""
    spec = importlib.util.find_spec(module.__name__)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "platform", platform)
        spec.loader.exec_module(made)
    return made
