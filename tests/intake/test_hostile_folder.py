"""A folder whose files are odd, half written or hostile: each has an end, the others go on."""

from __future__ import annotations

import csv
import os
import struct
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from scored_calls import stub_work, write_recording
from waiting import until

from calmscore.commands import score_calls
from calmscore.errors import ParameterError
from calmscore.intake.arrivals import announced_bytes
from calmscore.intake.batch import RecordingResult, Workers, find_recordings
from calmscore.intake.watching import WatchedFolder, delete_put_away, watch
from calmscore.store import Store
from calmscore.store.calls import list_calls

pytestmark = pytest.mark.usefixtures("quick_workers")

LATIN_1 = os.fsdecode("Müller".encode("latin-1"))


def made_folder(path: Path) -> WatchedFolder:
    folder = WatchedFolder(
        incoming=path / "in", done=path / "in" / "done", failed=path / "in" / "failed"
    )
    folder.prepare()
    return folder


class _Scorer:
    """Stands in for the workers: good files are scored, bad ones fail."""

    def __init__(self, meanwhile=lambda path: None) -> None:
        self.meanwhile, self.taken_back = meanwhile, []

    def score(self, paths):
        for path in paths:
            self.meanwhile(path)
            bad = "bad" in path.name
            yield RecordingResult(
                path=path, state="failed" if bad else "scored",
                code="not_audio" if bad else "", message="no sound in it" if bad else "",
                call_id="" if bad else f"call of {path.stat().st_size} bytes",
            )  # fmt: skip

    def take_back(self, result):
        self.taken_back.append(result.call_id)


@contextmanager
def watching(folder, workers, **options):
    stop, seen = threading.Event(), []
    options = {"look_every_seconds": 0.02, "retry_every_seconds": 0.05} | options
    thread = threading.Thread(
        target=watch, args=(folder, workers), kwargs={"stop": stop, "report": seen.append} | options
    )
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def wav(*, announced: int, held: int) -> bytes:
    return (b"RIFF" + struct.pack("<I", announced - 8) + b"WAVE").ljust(held, b"\0")


def test_odd_things_are_told_once_and_what_is_beside_them_is_scored(tmp_path):
    folder = made_folder(tmp_path)
    (folder.incoming / "loop.wav").symlink_to("loop.wav")
    (tmp_path / "elsewhere.wav").write_bytes(b"another's")
    (folder.incoming / "link.wav").symlink_to(tmp_path / "elsewhere.wav")
    (folder.incoming / "folder.wav").mkdir()
    (folder.incoming / os.fsdecode(b"f\xf6lder.wav")).mkdir()
    os.mkfifo(folder.incoming / "pipe.wav")
    long = "x" * 250 + ".wav"
    for name in ("good.wav", "bad.wav", f"{LATIN_1}.wav", f"bad {LATIN_1}.wav", long):
        (folder.incoming / name).write_bytes(b"sound")
    (folder.incoming / ("bad" + "y" * 247 + ".wav")).write_bytes(b"sound")
    with watching(folder, _Scorer(), settle_seconds=0.0) as seen:
        until(lambda: len(seen) == 9)
        time.sleep(0.3)
    assert len(seen) == 9
    told = [result.message for result in seen if result.code == "left_alone"]
    assert sorted(message.split()[0] for message in told) == ["link.wav", "loop.wav", "pipe.wav"]
    assert {"good.wav", "Müller.wav"} < set(names(folder.done))
    assert {"bad.wav", "bad.wav.reason.txt", "bad Müller.wav"} < set(names(folder.failed))
    assert len(names(folder.done)) == 3
    assert len(names(folder.failed)) == 6
    assert (tmp_path / "elsewhere.wav").read_bytes() == b"another's"


def test_a_name_that_is_not_utf_8_is_scored_into_the_store(tmp_path):
    folder = made_folder(tmp_path / LATIN_1)
    write_recording(tmp_path / "call.wav", 1).rename(folder.incoming / f"{LATIN_1}.wav")
    with (
        Workers(stub_work(tmp_path / "store"), jobs=1) as workers,
        watching(folder, workers) as seen,
    ):
        until(lambda: len(seen) == 1)
    assert [result.state for result in seen] == ["scored"]
    store = Store(tmp_path / "store")
    with store.database.reading() as session:
        assert [call.file_name for call in list_calls(session)] == ["Müller.wav"]
    store.close()


def test_a_batch_with_such_names_ends_with_its_list_of_failures(tmp_path):
    folder = tmp_path / LATIN_1
    folder.mkdir()
    (folder / f"{LATIN_1}.wav").write_bytes(b"no sound")
    (folder / "loop").symlink_to("loop")
    failures = tmp_path / "failures.csv"
    found = find_recordings([str(folder)]).recordings
    with Workers(stub_work(tmp_path / "store"), jobs=1) as workers:
        assert score_calls.follow(workers.score(found), total=1, failures=failures) == 1
    with failures.open(newline="", encoding="utf-8") as file:
        ((path, _, message),) = list(csv.reader(file))[1:]
    assert path.endswith(r"M\xfcller.wav") or path.endswith(r"M\udcfcller.wav")
    assert "Müller.wav" in message


@pytest.mark.parametrize("header", [b"", wav(announced=2**31, held=12)])
def test_a_writer_that_pauses_is_waited_for(tmp_path, header):
    folder = made_folder(tmp_path)
    path = folder.incoming / "slow.wav"
    with watching(folder, _Scorer(), settle_seconds=600.0, incomplete_seconds=600.0) as seen:
        path.write_bytes(header + b"half")
        time.sleep(0.4)
        assert seen == []
        with path.open("ab") as file:
            file.write(b"other half")
        os.utime(path, (time.time() - 700.0,) * 2)
        until(lambda: seen)
    assert [result.call_id for result in seen] == [f"call of {len(header) + 14} bytes"]


def test_a_recording_that_is_as_long_as_it_says_does_not_wait(tmp_path):
    folder = made_folder(tmp_path)
    (folder.incoming / "whole.wav").write_bytes(wav(announced=100, held=100))
    (folder.incoming / "half.wav").write_bytes(wav(announced=100, held=50))
    with watching(folder, _Scorer(), settle_seconds=600.0) as seen:
        until(lambda: seen)
        time.sleep(0.2)
    assert [result.path.name for result in seen] == ["whole.wav"]
    assert announced_bytes(folder.incoming / "half.wav") == 100


def test_a_recording_that_grows_while_it_is_analysed_is_scored_again(tmp_path):
    folder, grown = made_folder(tmp_path), []

    def grow_once(path):
        if not grown:
            grown.append(path)
            with path.open("ab") as file:
                file.write(b"other half")

    (folder.incoming / "call.wav").write_bytes(b"half")
    scorer = _Scorer(grow_once)
    with watching(folder, scorer, settle_seconds=0.0) as seen:
        until(lambda: len(seen) == 2)
    assert [(result.state, result.code) for result in seen] == [("failed", "grew"), ("scored", "")]
    assert scorer.taken_back == ["call of 14 bytes"]
    assert names(folder.done) == ["call.wav"]


@pytest.mark.parametrize("name", ["call.wav", "bad call.wav"])
def test_a_recording_that_grows_after_it_was_put_away_is_scored_again(tmp_path, name):
    folder, scorer = made_folder(tmp_path), _Scorer()
    (folder.incoming / name).write_bytes(b"half")
    with (
        (folder.incoming / name).open("ab") as writer,
        watching(folder, scorer, settle_seconds=0.0) as seen,
    ):
        until(lambda: len(seen) >= 1)
        writer.write(b"other half")
        writer.flush()
        until(lambda: len(seen) >= 3)
    assert [result.code for result in seen][1] == "grew"
    put_away = folder.failed if "bad" in name else folder.done
    assert (put_away / name).read_bytes() == b"halfother half"
    assert len(names(put_away)) == (2 if "bad" in name else 1)
    assert scorer.taken_back[0] == ("" if "bad" in name else "call of 4 bytes")


def test_the_call_of_a_first_half_is_not_kept(tmp_path):
    recording = write_recording(tmp_path / "a.wav", 1)
    with Workers(stub_work(tmp_path / "store"), jobs=1) as workers:
        (result,) = workers.score([recording])
        (again,) = workers.score([recording])
        workers.take_back(again)
        store = Store(tmp_path / "store")
        with store.database.reading() as session:
            assert [call.id for call in list_calls(session)] == [result.call_id]
        workers.take_back(result)
        workers.take_back(result)
        with store.database.reading() as session:
            assert not list_calls(session)
        store.close()


def swap_for_a_link(folder: Path, target: Path) -> None:
    """Do what who may write into the folder above can do, once."""
    if folder.is_symlink():
        return
    folder.rename(folder.with_name("gone"))
    folder.symlink_to(target)


@pytest.mark.parametrize("name", ["good.wav", "bad.wav"])
def test_a_folder_swapped_for_a_link_gets_nothing(tmp_path, name):
    folder, own = made_folder(tmp_path), tmp_path / "own"
    own.mkdir()
    (own / f"{name}.reason.txt").write_text("mine")
    (folder.incoming / name).write_bytes(b"sound")
    swapped = folder.failed if name == "bad.wav" else folder.done
    with watching(
        folder, _Scorer(lambda _: swap_for_a_link(swapped, own)),
        settle_seconds=0.0,
    ) as seen:  # fmt: skip
        until(lambda: len(seen) >= 2)
    assert {result.code for result in seen} == {"not_moved"}
    assert "is a link" in seen[0].message
    assert (own / f"{name}.reason.txt").read_text() == "mine"
    assert len(names(own)) == 1


def test_a_link_at_the_start_is_refused(tmp_path):
    folder, own = made_folder(tmp_path), tmp_path / "own"
    own.mkdir()
    swap_for_a_link(folder.failed, own)
    with pytest.raises(ParameterError, match="is a link"):
        folder.prepare()
    folder.failed.unlink()
    folder.failed.mkdir()
    folder.failed.chmod(0o777)
    with pytest.raises(ParameterError, match="everybody may write"):
        folder.prepare()


def test_made_folders_are_for_their_owner_alone(tmp_path):
    folder = made_folder(tmp_path)
    assert {path.stat().st_mode & 0o777 for path in (folder.done, folder.failed)} == {0o700}


def test_the_retention_deletes_nothing_behind_a_link(tmp_path):
    folder, own = made_folder(tmp_path), tmp_path / "own"
    own.mkdir()
    (own / "kept.wav").touch()
    swap_for_a_link(folder.done, own)
    (folder.failed / "link.wav").symlink_to(own / "kept.wav")
    with pytest.raises(ParameterError, match="is a link"):
        delete_put_away([folder.done, folder.failed], days=0, now=time.time() + 10)
    assert names(own) == ["kept.wav"]


def test_what_lies_there_already_is_never_written_over(tmp_path):
    folder = made_folder(tmp_path)
    (folder.failed / "bad.wav.reason.txt").symlink_to(tmp_path / "target")
    (folder.done / "good.wav").write_text("earlier")
    for name in ("bad.wav", "good.wav"):
        (folder.incoming / name).write_bytes(b"sound")
    with watching(folder, _Scorer(), settle_seconds=0.0) as seen:
        until(lambda: len(seen) >= 2)
        time.sleep(0.1)
    assert (folder.done / "good.wav").read_text() == "earlier"
    assert (folder.done / "good-2.wav").read_bytes() == b"sound"
    assert not (tmp_path / "target").exists()
