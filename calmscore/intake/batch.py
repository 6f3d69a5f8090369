"""Many calls into the store: on several processes of this machine, or on a Dask cluster.

A call is stored in one transaction, and a recording that the store already has a
report of is not analysed again. So a batch may be stopped at any moment, also by
force, and started again: every call is there once.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from glob import glob, has_magic
from multiprocessing.connection import wait as wait_for_end
from pathlib import Path
from typing import Any, Literal

from calmscore.analysis.call_channels import ChannelChoice
from calmscore.analysis.report import Direction
from calmscore.audio.av_sound import RECORDING_SUFFIXES
from calmscore.audio.recording_file import open_recording
from calmscore.errors import NotStoredError, ParameterError, fault_of, leave_tracebacks_out
from calmscore.intake.take_in import take_in
from calmscore.locations import install_command
from calmscore.network.classifier import EmotionClassifier, load_classifier
from calmscore.store import Store
from calmscore.store.file_names import readable_name

LoadClassifier = Callable[[], EmotionClassifier]
RecordingState = Literal["scored", "known", "failed"]

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
_CLUSTER_RETRIES = 2
_LEAST_CLUSTER_TASKS = 64


@dataclass(frozen=True, kw_only=True)
class StorePlace:
    """Where the store is, for processes that open it themselves."""

    folder: Path
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a worker needs to know beside the call.

    Attributes
    ----------
    place : StorePlace
        Where the calls go.
    actor : str
        Who adds them, for the audit.
    customer_channel : {"auto", "left", "right", "mixed", "1", …, "8"}, optional
        Where the customer is; as in the settings by default.
    direction : {"inbound", "outbound", "unknown"}, optional
        Who called whom; as the file's name tells by default.
    load : callable
        Returns the classifier; called once in each process.
    """

    place: StorePlace
    actor: str
    customer_channel: ChannelChoice | None = None
    direction: Direction | None = None
    load: LoadClassifier = load_classifier


@dataclass(frozen=True, kw_only=True)
class RecordingResult:
    """What became of one recording.

    Attributes
    ----------
    state : {"scored", "known", "failed"}
    code, message : str
        Why it failed.
    call_id : str
        Of a call that was not in the store before.
    """

    path: Path
    state: RecordingState
    code: str = ""
    message: str = ""
    call_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What folders, globs and file names stand for.

    Attributes
    ----------
    recordings : tuple of Path
        Sorted, each once.
    others : tuple of Path
        Files of folders and globs that are no recordings by their names.
    """

    recordings: tuple[Path, ...]
    others: tuple[Path, ...]


def find_recordings(patterns: Sequence[str]) -> Found:
    """Return the recordings that folders, globs and file names stand for.

    Parameters
    ----------
    patterns : sequence of str
        A folder stands for every file in it and below whose name ends like a
        recording's; hidden files are left out.

    Raises
    ------
    ParameterError
        If a pattern stands for nothing.
    """
    recordings: set[Path] = set()
    others: set[Path] = set()
    for pattern in patterns:
        path = Path(pattern)
        if path.is_dir() or (has_magic(pattern) and not path.exists()):
            files = path.rglob("*") if path.is_dir() else map(Path, glob(pattern, recursive=True))
            seen = [p for p in files if p.is_file() and not p.name.startswith(".")]
            paths = [p for p in seen if is_recording_name(p)]
            others.update(p.absolute() for p in seen if not is_recording_name(p))
        elif path.exists():
            paths = [path]
        else:
            raise ParameterError(f"{pattern}: there is no such file or folder")
        if not paths:
            raise ParameterError(
                f"{pattern}: holds no recording "
                f"({', '.join(suffix[1:] for suffix in RECORDING_SUFFIXES)})"
            )
        recordings.update(path.absolute() for path in paths)
    return Found(recordings=tuple(sorted(recordings)), others=tuple(sorted(others - recordings)))


def is_recording_name(path: Path) -> bool:
    """Tell whether a file's name ends like a recording's."""
    return path.suffix.lower() in RECORDING_SUFFIXES


def score_recording(path: Path, work: Work) -> RecordingResult:
    """Analyse and store one recording, unless the store has its report.

    Parameters
    ----------
    work : Work
        Where it goes, and what analyses it.

    Returns
    -------
    RecordingResult
        Of any failure too; nothing is raised.
    """
    name = readable_name(path)
    try:
        store, classifier = _desk(work.place, work.load)
        with open_recording(path, file_name=name) as stream:
            taken = take_in(
                stream,
                file_name=name,
                store=store,
                classifier=classifier,
                actor=work.actor,
                customer_channel=work.customer_channel,
                direction=work.direction,
            )
    except Exception as error:  # one bad call never stops a batch
        fault = fault_of(error, file_name=name, detailed=True)
        return RecordingResult(path=path, state="failed", code=fault.code, message=fault.message)
    return RecordingResult(
        path=path,
        state="known" if taken.state == "known" else "scored",
        call_id=taken.report.call.id if taken.state == "added" else "",
    )


@cache
def _desk(place: StorePlace, load: LoadClassifier) -> tuple[Store, EmotionClassifier]:
    # Once in each process.
    return Store(place.folder, url=place.url), load()


class Workers:
    """Processes that score recordings; a context manager.

    Raises
    ------
    ParameterError
        If ``jobs`` is below 1.
    """

    def __init__(self, work: Work, *, jobs: int) -> None:
        if jobs < 1:
            raise ParameterError(f"jobs is {jobs}; give 1 or more")
        self._work, self._jobs = work, jobs
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        """Return the workers; each process starts when it is needed."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes; calls that they are at are finished or given up as a whole."""
        self._end_pool()

    def score(self, paths: Iterable[Path]) -> Iterator[RecordingResult]:
        """Score recordings and yield what became of each, in the order of completion.

        A recording at which a process dies is tried once more, alone; if that process
        dies too, the recording has failed with the code ``worker_died``.
        """
        waiting = deque(paths)
        running: dict[Future[RecordingResult], Path] = {}
        while waiting or running:
            while waiting and len(running) < 2 * self._jobs:
                try:
                    running[self._submit(waiting[0])] = waiting[0]
                except BrokenProcessPool:
                    # A process died since the last call was taken; not this one's fault.
                    if running:
                        break
                    self._end_pool()
                else:
                    waiting.popleft()
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            suspects: list[Path] = []
            for future in done:
                path = running.pop(future)
                if isinstance(future.exception(), BrokenProcessPool):
                    suspects.append(path)
                else:
                    yield future.result()
            if suspects:
                # All others of a broken pool break with it.
                wait(running)
                for future, path in running.items():
                    if isinstance(future.exception(), BrokenProcessPool):
                        suspects.append(path)
                    else:
                        yield future.result()
                running.clear()
                self._end_pool()
                yield from map(self._score_alone, suspects)

    def take_back(self, result: RecordingResult) -> None:
        """Delete the call that a result added, if it added one.

        Raises
        ------
        StoreError
            If the store does not answer.
        """
        if not result.call_id:
            return
        store = Store(self._work.place.folder, url=self._work.place.url)
        try:
            store.delete_call(result.call_id, actor=self._work.actor)
        except NotStoredError:
            return
        finally:
            store.close()

    def _score_alone(self, path: Path) -> RecordingResult:
        try:
            return self._submit(path).result()
        except BrokenProcessPool:
            self._end_pool()
            return RecordingResult(
                path=path,
                state="failed",
                code="worker_died",
                message=f"{path.name} ended the process that analysed it, twice; check the "
                "machine's free memory, and report the file if that is enough",
            )

    def _submit(self, path: Path) -> Future[RecordingResult]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._jobs,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_prepare_process,
                initargs=(max((os.cpu_count() or 1) // self._jobs, 1),),
            )
        return self._pool.submit(score_recording, path, self._work)

    def _end_pool(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def _prepare_process(threads: int) -> None:
    for name in _THREAD_VARIABLES:
        os.environ[name] = str(threads)
    leave_tracebacks_out()
    # The one who asked is told of an interrupt, and ends the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait_for_end([sentinel])
    os._exit(1)


def score_on_cluster(
    paths: Sequence[Path], work: Work, *, scheduler: str
) -> Iterator[RecordingResult]:
    """Score recordings on a Dask cluster and yield what became of each, as they finish.

    Calls of a worker that ends are given to others.

    Parameters
    ----------
    paths : sequence of Path
        Recordings, at the same place for every worker.
    work : Work
        What the workers do; all of them must reach its store.
    scheduler : str
        Address, such as ``tcp://host:8786``.

    Raises
    ------
    ParameterError
        If there is no scheduler at the address, or Dask is not installed.
    """
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError as error:
        raise ParameterError(
            f"--scheduler needs Dask; install it with: {install_command('cluster')}"
        ) from error
    try:
        client = distributed.Client(scheduler, timeout=10)
    except (OSError, ValueError) as error:
        raise ParameterError(f"{scheduler}: no Dask scheduler answers there ({error})") from error
    with client:
        cores = sum(client.ncores().values())
        waiting = iter(paths)
        running = distributed.as_completed(raise_errors=False)
        places: dict[str, Path] = {}

        def submit(path: Path) -> None:
            future = client.submit(
                score_recording, path, work, pure=False, retries=_CLUSTER_RETRIES
            )
            places[future.key] = path
            running.add(future)

        for _, path in zip(range(max(4 * cores, _LEAST_CLUSTER_TASKS)), waiting, strict=False):
            submit(path)
        for future in running:
            path = places.pop(future.key)
            yield _cluster_result(future, path)
            following = next(waiting, None)
            if following is not None:
                submit(following)


def _cluster_result(future: Any, path: Path) -> RecordingResult:
    if future.status == "finished":
        result: RecordingResult = future.result()
        return result
    return RecordingResult(
        path=path,
        state="failed",
        code="worker_died",
        message=f"{path.name} could not be analysed on the cluster ({future.exception()!r}); "
        "check the workers' log and memory",
    )
