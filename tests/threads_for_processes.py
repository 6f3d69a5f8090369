"""Prepare sets in threads, because to start a process takes longer than the work."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest


def _executor(workers, *, mp_context, **options):
    assert mp_context.get_start_method() == "spawn"
    return ThreadPoolExecutor(workers, **options)


@contextmanager
def threads():
    """Let `map_in_processes` start threads of this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("calmscore.training.corpora.processes.ProcessPoolExecutor", _executor)
        yield
