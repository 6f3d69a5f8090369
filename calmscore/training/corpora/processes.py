"""Work on many clips in several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from calmscore.errors import CorpusError

Task = TypeVar("Task")
Result = TypeVar("Result")


def map_in_processes(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    workers: int,
    initializer: Callable[..., None] | None = None,
    initial_arguments: tuple[Any, ...] = (),
) -> Iterator[Result]:
    """Call a function on each task, in fresh processes.

    Parameters
    ----------
    function : callable
        Takes one task; found by its module's name.
    tasks : sequence
        Arguments of the calls.
    initializer : callable, optional
        Is called first in each process, with ``initial_arguments``.
    initial_arguments : tuple
        Handed to ``initializer``.

    Yields
    ------
    object
        Results in the order of the tasks.

    Raises
    ------
    CorpusError
        If a process was ended from outside, for example because memory ran out.
    """
    with ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=initializer,
        initargs=initial_arguments,
    ) as pool:
        try:
            yield from pool.map(function, tasks, chunksize=8)
        except BrokenProcessPool as error:
            raise CorpusError(
                f"One of {workers} processes that prepare {len(tasks)} clips was ended from "
                "outside. If memory ran out, run the command again with fewer --workers."
            ) from error
