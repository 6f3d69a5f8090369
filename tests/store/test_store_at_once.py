"""Many at once: every call exactly once, whoever adds, deletes or reads meanwhile."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import func, select
from stored_calls import MODEL, NEWER_MODEL, add, call_id_of, make_report, recording_of

from calmscore.errors import NotStoredError, StoreError
from calmscore.store import Store
from calmscore.store.calls import list_agents, list_calls
from calmscore.store.reports import list_reports, read_report, save_report
from calmscore.store.schema import Moment

THREADS, PROCESSES = 8, 4
OWN_CALLS, SHARED_CALLS = 4, 4
PATIENCE_SECONDS = 120


def names_of(worker: int) -> list[str]:
    """Return the calls that a worker adds: some of its own, some that all workers add."""
    own = [f"worker{worker}-{number}.wav" for number in range(OWN_CALLS)]
    shared = [f"shared{number}.wav" for number in range(SHARED_CALLS)]
    return [name for pair in zip(own, shared, strict=True) for name in pair]


def add_calls(store: Store, worker: int, start) -> None:
    start.wait(timeout=PATIENCE_SECONDS)
    for number, name in enumerate(names_of(worker)):
        add(store, name, agent=f"Agent {number}")


def add_calls_from_a_process(folder: Path, url: str, worker: int, start) -> None:
    store = Store(folder, url=url)
    add_calls(store, worker, start)
    store.close()


def assert_each_once(store: Store, workers: int) -> None:
    expected = sorted({name for worker in range(workers) for name in names_of(worker)})
    with store.database.reading() as session:
        rows = list_calls(session, order="file_name", descending=False, limit=1000)
        assert [row.file_name for row in rows] == expected
        assert all(row.id == call_id_of(row.file_name) and row.has_audio for row in rows)
        assert all(len(list_reports(session, row.id)) == 1 for row in rows)
        assert list_agents(session) == [f"Agent {n}" for n in range(OWN_CALLS + SHARED_CALLS)]
        moments = Counter(session.scalars(select(Moment.call_number)))
        changes = len(make_report().score.transitions)
        assert moments == {row.number: changes for row in rows}
    assert store.audio.ids() == sorted(map(call_id_of, expected))
    for name in expected:
        assert store.audio.path(call_id_of(name)).read_bytes() == recording_of(name)


def test_threads_add_the_same_and_different_calls_exactly_once(store):
    start = threading.Barrier(THREADS)
    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(add_calls, store, n, start) for n in range(THREADS)]:
            done.result()
    assert_each_once(store, THREADS)


def test_processes_add_the_same_and_different_calls_exactly_once(
    store, store_url, tmp_path, forking
):
    start = forking.Barrier(PROCESSES)
    processes = [
        forking.Process(target=add_calls_from_a_process, args=(tmp_path, store_url, n, start))
        for n in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    assert_each_once(store, PROCESSES)


def test_calls_are_added_deleted_and_played_at_once_without_a_fault(store):
    start = threading.Barrier(THREADS)
    call_id = call_id_of("call.wav")

    def work(worker: int) -> None:
        start.wait(timeout=PATIENCE_SECONDS)
        for _ in range(6):
            try:
                if worker % 4 == 0:
                    store.delete_call(call_id, actor="tester")
                elif worker % 4 == 1:
                    store.open_audio(call_id, actor="tester")
                else:
                    add(store, agent=f"Agent {worker % 2}")
            except (NotStoredError, StoreError):
                continue  # deleted meanwhile

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(work, n) for n in range(THREADS)]:
            done.result()
    add(store, agent="Ben")
    assert store.open_audio(call_id, actor="tester").read_bytes() == recording_of("call.wav")
    with store.database.reading() as session:
        assert list_agents(session) == ["Ben"]


def test_reports_of_two_models_at_once_do_not_mix(postgres_url, tmp_path):
    store = Store(tmp_path, url=postgres_url)
    up_and_down = make_report(emotions=("anger", "neutral") * 6, model=NEWER_MODEL)
    for report in (make_report(model=MODEL), up_and_down):
        call_id = add(store, report=report)
    with ThreadPoolExecutor(1) as pool:
        with store.database.writing() as session:
            save_report(session, make_report(model=MODEL))
            other = pool.submit(add, store, report=up_and_down)
            # Long enough for the other one to be on its way; it has to wait for this one.
            threading.Event().wait(0.5)
            assert not other.done()
        other.result()
    with store.database.reading() as session:
        assert read_report(session, call_id) == up_and_down.to_dict()
        count = session.scalar(select(func.count(Moment.id)))
    assert count == len(up_and_down.score.transitions)
    store.close()
