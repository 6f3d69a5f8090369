"""Processes that fork from one with the imports done: to start one anew takes seconds."""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def forking() -> BaseContext:
    """Give what starts processes; they share nothing that was opened here."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["scored_calls", "stored_calls"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        forkserver.ensure_running()
    return context


def quick(forking: BaseContext) -> SimpleNamespace:
    """Return what stands in for `multiprocessing` in a module that spawns processes."""

    def get_context(method: str) -> BaseContext:
        assert method == "spawn"
        return forking

    return SimpleNamespace(get_context=get_context, parent_process=multiprocessing.parent_process)


@pytest.fixture
def quick_workers(forking: BaseContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the workers of a batch start so, too."""
    monkeypatch.setattr("calmscore.intake.batch.multiprocessing", quick(forking))
