import errno
import multiprocessing
import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest
from forked_processes import quick
from scored_calls import stored, stub_work, write_recording, write_recordings
from waiting import until

from calmscore.errors import ParameterError
from calmscore.intake.batch import (
    RecordingResult,
    Workers,
    find_recordings,
    score_on_cluster,
    score_recording,
)
from calmscore.intake.watching import WatchedFolder, delete_put_away, watch
from calmscore.store import Store
from calmscore.store.calls import list_calls

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.usefixtures("quick_workers")


def states(outcomes) -> list[str]:
    return sorted(outcome.state for outcome in outcomes)


def test_a_folder_stands_for_its_recordings_and_those_below(tmp_path):
    for name in ("b.wav", "a/c.FLAC", "a/notes.txt", "a/.hidden.wav", "d.mp3"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_recordings([str(tmp_path)])
    names = [path.relative_to(tmp_path).as_posix() for path in found.recordings]
    assert names == ["a/c.FLAC", "b.wav", "d.mp3"]
    assert [path.name for path in found.others] == ["notes.txt"]
    found = find_recordings([f"{tmp_path}/*.wav", f"{tmp_path}/b.wav"])
    assert [p.name for p in found.recordings] == ["b.wav"]
    named = find_recordings([str(tmp_path / "a" / "notes.txt")])
    # Asked for by name: told what is wrong.
    assert [path.name for path in named.recordings] == ["notes.txt"]


@pytest.mark.parametrize(("name", "reason"), [("gone", "no such file"), ("*.wav", "no such file")])
def test_a_pattern_that_stands_for_nothing_is_told(tmp_path, name, reason):
    with pytest.raises(ParameterError, match=f"{reason}|holds no recording"):
        find_recordings([str(tmp_path / name)])
    with pytest.raises(ParameterError, match="holds no recording"):
        find_recordings([str(tmp_path)])


def test_a_recording_is_scored_once_whatever_its_name(tmp_path):
    work = stub_work(tmp_path / "store")
    first = write_recording(tmp_path / "a.wav", 1)
    copy = tmp_path / "copy.wav"
    copy.write_bytes(first.read_bytes())
    assert score_recording(first, work).state == "scored"
    assert score_recording(first, work).state == "known"
    assert score_recording(copy, work).state == "known"
    assert stored(tmp_path / "store") == {"calls": 1, "reports": 1, "added": 1}


def test_another_channel_is_scored_again(tmp_path):
    path = write_recording(tmp_path / "a.wav", 1)
    assert score_recording(path, stub_work(tmp_path / "store")).state == "scored"
    for channel in ("left", "right"):
        score_recording(path, stub_work(tmp_path / "store", customer_channel=channel))
    assert stored(tmp_path / "store")["calls"] == 1
    assert stored(tmp_path / "store")["reports"] == 2


def test_another_direction_is_scored_again(tmp_path):
    path = write_recording(tmp_path / "a_out_1.wav", 1)
    outcomes = [
        score_recording(path, stub_work(tmp_path / "store", direction=direction)).state
        for direction in (None, "outbound", "inbound", "inbound", None)
    ]
    # The name says outbound.
    assert outcomes == ["scored", "known", "scored", "known", "known"]


@pytest.mark.parametrize("content", [b"", b"not sound at all", None])
def test_a_bad_file_fails_with_its_name_and_a_reason(tmp_path, content):
    path = tmp_path / "bad.wav"
    if content is not None:
        path.write_bytes(content)
    outcome = score_recording(path, stub_work(tmp_path / "store"))
    assert outcome.state == "failed"
    assert outcome.code not in ("", "internal_error")
    assert "bad.wav" in outcome.message


def _broken_classifier():
    raise RuntimeError("no model today")


def test_a_fault_is_an_outcome_too(tmp_path):
    path = write_recording(tmp_path / "a.wav", 1)
    work = stub_work(tmp_path / "store")
    outcome = score_recording(path, type(work)(**{**vars(work), "load": _broken_classifier}))
    assert outcome.code == "internal_error"
    assert "a.wav" in outcome.message and "no model today" in outcome.message


def test_workers_score_every_call_and_name_the_bad_ones(tmp_path):
    paths = write_recordings(tmp_path / "calls", 5)
    bad = tmp_path / "calls" / "bad.wav"
    bad.write_bytes(b"RIFF")
    with Workers(stub_work(tmp_path / "store"), jobs=2) as workers:
        outcomes = list(workers.score([*paths, bad]))
        assert states(outcomes) == ["failed"] + ["scored"] * 5
        assert states(workers.score(paths)) == ["known"] * 5
    assert [outcome.path for outcome in outcomes if outcome.state == "failed"] == [bad]
    assert stored(tmp_path / "store") == {"calls": 5, "reports": 5, "added": 5}


def _deadly_for_one(path, work):
    if path.name == "call-02.wav":
        os.kill(os.getpid(), signal.SIGKILL)
    return score_recording(path, work)


def test_a_call_that_kills_its_worker_fails_and_the_others_are_scored(tmp_path, monkeypatch):
    paths = write_recordings(tmp_path / "calls", 5)
    monkeypatch.setattr("calmscore.intake.batch.score_recording", _deadly_for_one)
    with Workers(stub_work(tmp_path / "store"), jobs=2) as workers:
        outcomes = {outcome.path.name: outcome for outcome in workers.score(paths)}
    assert len(outcomes) == 5
    dead = outcomes.pop("call-02.wav")
    assert (dead.state, dead.code) == ("failed", "worker_died")
    assert "call-02.wav" in dead.message
    assert {outcome.state for outcome in outcomes.values()} <= {"scored", "known"}
    assert stored(tmp_path / "store") == {"calls": 4, "reports": 4, "added": 4}


def test_a_process_that_dies_between_calls_is_replaced(tmp_path):
    first, second = write_recordings(tmp_path / "calls", 2)
    with Workers(stub_work(tmp_path / "store"), jobs=1) as workers:
        assert states(workers.score([first])) == ["scored"]
        (process,) = multiprocessing.active_children()
        process.kill()
        process.join()
        assert states(workers.score([second])) == ["scored"]


def test_no_jobs_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="jobs is 0"):
        Workers(stub_work(tmp_path), jobs=0)


def score_all(folder: Path, store: Path, forking, told) -> None:
    """Score a folder of recordings in a process of its own, and tell of each."""
    with (
        pytest.MonkeyPatch.context() as patch,
        Workers(stub_work(store), jobs=2) as workers,
    ):
        patch.setattr("calmscore.intake.batch.multiprocessing", quick(forking))
        for outcome in workers.score(sorted(folder.glob("*.wav"))):
            told.send(outcome.state)


def test_a_batch_killed_at_any_moment_goes_on_where_it_was(tmp_path, forking):
    paths = write_recordings(tmp_path / "calls", 12)
    generator = random.Random(0)

    def started():
        reader, writer = forking.Pipe(duplex=False)
        process = forking.Process(
            target=score_all, args=(tmp_path / "calls", tmp_path / "store", forking, writer)
        )
        process.start()
        writer.close()
        return process, reader

    for _ in range(3):
        process, reader = started()
        for _ in range(generator.randint(1, 3)):
            reader.recv()
        time.sleep(generator.uniform(0.0, 0.1))
        process.kill()
        process.join()
    process, reader = started()
    states = [reader.recv() for _ in paths]
    process.join()
    assert process.exitcode == 0
    assert set(states) <= {"scored", "known"}
    assert stored(tmp_path / "store") == {"calls": 12, "reports": 12, "added": 12}


def test_a_cluster_scores_every_call_once_though_a_worker_is_killed(tmp_path):
    distributed = pytest.importorskip("distributed")
    paths = write_recordings(tmp_path / "calls", 12)
    bad = tmp_path / "calls" / "bad.wav"
    bad.write_bytes(b"RIFF")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        outcomes = []
        work = stub_work(tmp_path / "store")
        for outcome in score_on_cluster([*paths, bad], work, scheduler=cluster.scheduler_address):
            outcomes.append(outcome)
            if len(outcomes) == 3:
                os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
    assert sorted(outcome.path for outcome in outcomes) == sorted([*paths, bad])
    assert [outcome.path for outcome in outcomes if outcome.state == "failed"] == [bad]
    assert stored(tmp_path / "store") == {"calls": 12, "reports": 12, "added": 12}


def test_a_scheduler_that_does_not_answer_is_told(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    with pytest.raises(ParameterError, match="no Dask scheduler answers"):
        list(score_on_cluster([], stub_work(tmp_path), scheduler="nonsense://nowhere"))


@pytest.fixture
def watched(tmp_path):
    """Watch a folder in a thread; yield it and a list that outcomes are added to."""
    folder = WatchedFolder(
        incoming=tmp_path / "in", done=tmp_path / "in" / "done", failed=tmp_path / "in" / "failed"
    )
    folder.prepare()
    stop, seen = threading.Event(), []
    with Workers(stub_work(tmp_path / "store"), jobs=1) as workers:
        thread = threading.Thread(
            target=watch, args=(folder, workers),
            kwargs={"stop": stop, "report": seen.append, "look_every_seconds": 0.05,
                    "settle_seconds": 0.3},
        )  # fmt: skip
        thread.start()
        yield folder, seen
        stop.set()
        thread.join()


def test_what_arrives_is_scored_and_moved_with_its_reason_if_bad(watched, tmp_path):
    folder, seen = watched
    write_recording(folder.incoming / "good.wav", 1)
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    (tmp_path / "bad.wav").replace(folder.incoming / "bad.wav")
    (folder.incoming / "notes.txt").write_text("not a call")
    until(lambda: len(seen) == 3)
    # What is passed over is told of, once.
    assert [r.message for r in seen if r.code == "left_alone"] == [
        "notes.txt is no recording by its name, and stays where it is"
    ]
    # The same name again, with other content.
    write_recording(tmp_path / "again.wav", 2).replace(folder.incoming / "good.wav")
    until(lambda: len(seen) == 4)
    until(lambda: not list(folder.incoming.glob("*.wav")))
    assert sorted(p.name for p in folder.done.iterdir()) == ["good-2.wav", "good.wav"]
    assert sorted(p.name for p in folder.failed.iterdir()) == ["bad.wav", "bad.wav.reason.txt"]
    assert "bad.wav" in (folder.failed / "bad.wav.reason.txt").read_text()
    assert (folder.incoming / "notes.txt").is_file()
    store = Store(tmp_path / "store")
    with store.database.reading() as session:
        assert {call.file_name for call in list_calls(session)} == {"good.wav"}
        assert len(list_calls(session)) == 2
    store.close()


class _Rests(threading.Event):
    """Notes how long each rest is; ends the watching after some."""

    def __init__(self, *deeds) -> None:
        super().__init__()
        self.deeds, self.seconds = list(deeds), []

    def wait(self, timeout=None):
        self.seconds.append(timeout)
        if self.deeds:
            self.deeds.pop(0)()
        else:
            self.set()


def nothing():
    pass


def made_folder(path):
    folder = WatchedFolder(incoming=path / "in", done=path / "done", failed=path / "failed")
    folder.prepare()
    return folder


def test_a_file_that_still_grows_waits(tmp_path):
    content = write_recording(tmp_path / "whole.wav", 3).read_bytes()
    size = len(content) // 5
    parts = [content[start : start + size] for start in range(0, len(content), size)]
    folder, seen = made_folder(tmp_path), []

    def grow():
        with (folder.incoming / "slow.wav").open("ab") as file:
            file.write(parts.pop(0))

    def note(outcome):
        assert not parts
        seen.append(outcome)

    with Workers(stub_work(tmp_path / "store"), jobs=1) as workers:
        watch(folder, workers, stop=_Rests(*[grow] * len(parts), nothing, nothing), report=note)
    assert [outcome.state for outcome in seen] == ["scored"]


class _Answers:
    """Stands in for the workers: gives one recording after another the next code."""

    def __init__(self, *codes: str) -> None:
        self.codes = list(codes)

    def score(self, paths):
        for path in paths:
            code = self.codes.pop(0)
            yield RecordingResult(path=path, state="failed" if code else "scored", code=code)


@pytest.fixture
def folder(tmp_path):
    """Return a watched folder in which a recording has arrived."""
    folder = made_folder(tmp_path)
    (folder.incoming / "a.wav").touch()
    return folder


def outcomes_of_watching(folder, answers, rests):
    seen = []
    watch(folder, answers, stop=rests, report=seen.append,
          look_every_seconds=2.0, retry_every_seconds=30.0, settle_seconds=0.0)  # fmt: skip
    assert [path.name for path in folder.done.iterdir()] == ["a.wav"]
    assert not list(folder.failed.iterdir())
    return [(outcome.state, outcome.code) for outcome in seen]


def test_a_recording_stays_while_the_store_does_not_answer(folder):
    rests = _Rests(nothing, nothing, nothing)
    seen = outcomes_of_watching(folder, _Answers("store_unusable", ""), rests)
    assert seen == [("failed", "store_unusable"), ("scored", "")]
    assert rests.seconds == [2.0, 30.0, 2.0, 2.0]


def test_a_folder_that_goes_away_for_a_while_ends_nothing(folder, tmp_path):
    away = tmp_path / "away"
    rests = _Rests(
        lambda: folder.incoming.rename(away), lambda: away.rename(folder.incoming), nothing
    )
    seen = outcomes_of_watching(folder, _Answers(""), rests)
    assert seen == [("failed", "folder_unreadable"), ("scored", "")]
    assert rests.seconds == [2.0, 30.0, 2.0, 2.0]


def test_a_recording_that_cannot_be_moved_is_told_and_tried_again(folder):
    rests = _Rests(folder.done.rmdir, folder.done.mkdir, nothing)
    seen = outcomes_of_watching(folder, _Answers("", ""), rests)
    assert seen == [("failed", "not_moved"), ("scored", "")]
    assert rests.seconds == [2.0, 30.0, 2.0, 2.0]


def test_recordings_never_come_back_to_where_they_arrive(tmp_path):
    folder = WatchedFolder(incoming=tmp_path, done=tmp_path, failed=tmp_path / "failed")
    with pytest.raises(ParameterError, match="other folders"):
        folder.prepare()
    (tmp_path / "file").touch()
    folder = WatchedFolder(incoming=tmp_path, done=tmp_path / "file", failed=tmp_path / "failed")
    with pytest.raises(ParameterError, match="cannot be made"):
        folder.prepare()


def test_what_was_moved_long_ago_is_deleted_and_nothing_else(folder):
    for name in ("call.wav", "CALL.WAV", "notes.txt"):
        (folder.done / name).touch()
    (folder.done / "folder.wav").mkdir()
    for name in ("bad.wav", "bad.wav.reason.txt"):
        (folder.failed / name).touch()
    folders, present = [folder.done, folder.failed], time.time()
    # A recording of an old call that was moved just now is young.
    os.utime(folder.done / "call.wav", (0, 0))
    assert delete_put_away(folders, days=30, now=present + 29 * 86_400) == 0
    assert delete_put_away(folders, days=30, now=present + 31 * 86_400) == 3
    assert sorted(p.name for p in folder.done.iterdir()) == ["folder.wav", "notes.txt"]
    assert not any(folder.failed.iterdir())


def test_what_cannot_be_deleted_is_told_after_the_rest_was_deleted(folder, tmp_path, monkeypatch):
    for name in ("a.wav", "b.wav"):
        (folder.done / name).touch()
    unlink = os.unlink

    def refuse_one(path, **options):
        if path == "a.wav":
            raise PermissionError(errno.EACCES, "Permission denied")
        unlink(path, **options)

    monkeypatch.setattr(os, "unlink", refuse_one)
    with pytest.raises(ParameterError, match=r"gone \(No such.*a\.wav \(Permission denied\)"):
        delete_put_away([tmp_path / "gone", folder.done], days=0, now=time.time() + 1)
    assert [path.name for path in folder.done.iterdir()] == ["a.wav"]
