import csv
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from scored_calls import stored, write_recording, write_recordings
from sqlalchemy import select
from stub_classifier import stub_classifier
from typer.testing import CliRunner

from calmscore import cli
from calmscore.commands import score_calls
from calmscore.errors import ArtifactError
from calmscore.store import Store
from calmscore.store.calls import CallDetails, find_call, list_calls, set_details
from calmscore.store.coaching import correct_emotion
from calmscore.store.jobs import add_job, fail_job
from calmscore.store.keys import find_key
from calmscore.store.schema import Call, Installation
from calmscore.store.sessions import plan_session
from calmscore.store.settings import Settings, write_settings

ROOT = Path(__file__).resolve().parent.parent


pytestmark = pytest.mark.usefixtures("quick_workers")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Give the command a store of its own and the stub classifier."""
    monkeypatch.setenv("CALMSCORE_DATA_FOLDER", str(tmp_path / "store"))
    monkeypatch.delenv("CALMSCORE_DATABASE_URL", raising=False)
    monkeypatch.setattr(score_calls, "_load_classifier", lambda: stub_classifier)
    monkeypatch.setattr("calmscore.analysis.call.load_classifier", stub_classifier)
    return tmp_path / "store"


def run(*arguments, code: int = 0, typed: str | None = None):
    result = CliRunner().invoke(cli.app, [str(a) for a in arguments], input=typed)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def calls(tmp_path, folder):
    """Score three calls into the store: two of Ann's, one of Ben's."""
    paths = write_recordings(tmp_path / "calls", 3)
    run("batch", tmp_path / "calls", "--failures", tmp_path / "failures.csv")
    store = Store(folder)
    with store.database.writing() as session:
        rows = sorted(list_calls(session), key=lambda row: row.file_name)
        for row, agent, customer in zip(rows, ("Ann", "Ann", "Ben"), ("X", "Y", "X"), strict=True):
            call = find_call(session, row.id)
            set_details(session, call, CallDetails(agent=agent, customer=customer))
        correct_emotion(
            session, rows[0].id, start_seconds=3.0, end_seconds=6.0, emotion="sad", author="me"
        )
    store.close()
    return paths, [row.id for row in rows]


def test_help_is_quick_because_it_loads_no_model():
    script = (
        "import sys, calmscore.cli; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0
    text = run("--help").output
    for name in ("analyse", "batch", "watch", "serve", "dashboard", "export", "delete", "keys"):
        assert name in text


def test_the_version_is_told(monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "9.8.7")
    assert run("--version").output.strip() == "9.8.7"


def test_analyse_prints_what_inference_prints(tmp_path, capfd, folder):
    path = write_recording(tmp_path / "a.wav", 1)
    run("analyse", path, "--format", "json", "--output", tmp_path / "out.json")
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["call"]["file_name"] == "a.wav"
    assert not folder.exists()
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"")
    run("analyse", path, bad, "--output", tmp_path / "out.txt", code=3)
    assert "bad.wav" in (tmp_path / "out.txt").read_text()
    run("analyse", path, "--customer-channel", "middle", code=2)


def test_analyse_keeps_calls_on_request(tmp_path, folder):
    path = write_recording(tmp_path / "a.wav", 1)
    for _ in range(2):
        run("analyse", path, "--store", "--output", tmp_path / "out.txt")
    run("analyse", path, "--store", "--customer-channel", "right", "--output", tmp_path / "out.txt")
    assert stored(folder)["calls"] == 1


@pytest.mark.parametrize("output_format", ["table", "json", "csv"])
def test_odd_names_are_told_and_are_no_formulas(tmp_path, folder, output_format):
    calls = tmp_path / "calls"
    calls.mkdir()
    for name in (b"=1+1.wav", "Müller.wav".encode("latin-1")):
        (calls / os.fsdecode(name)).write_bytes(b"RIFF")
    out, failures = tmp_path / "out.txt", tmp_path / "f.csv"
    run("analyse", *calls.iterdir(), "--format", output_format, "--output", out, code=3)
    text = out.read_text(encoding="utf-8")
    assert "Müller.wav" in text
    run("batch", calls, "--failures", failures, code=3)
    if output_format == "csv":
        names = {row["file_name"] for row in csv.DictReader(out.open(encoding="utf-8"))}
        assert names == {"'=1+1.wav", "Müller.wav"}
        messages = [row["message"] for row in csv.DictReader(failures.open(encoding="utf-8"))]
        assert sorted(message[:3] for message in messages) == ["'=1", "Mül"]


def test_batch_tells_what_became_of_each_call(tmp_path, folder):
    write_recordings(tmp_path / "calls", 2)
    (tmp_path / "calls" / "bad.wav").write_bytes(b"RIFF")
    failures = tmp_path / "failures.csv"
    first = run("batch", tmp_path / "calls", "--failures", failures, "--jobs", "2", code=3)
    assert "2 scored, 0 known already, 1 failed" in first.output
    (row,) = list(csv.DictReader(failures.open(encoding="utf-8")))
    assert Path(row["path"]).name == "bad.wav" and row["code"] and "bad.wav" in row["message"]
    (tmp_path / "calls" / "bad.wav").unlink()
    again = run("batch", f"{tmp_path}/calls/*.wav", "--failures", failures)
    assert "0 scored, 2 known already, 0 failed" in again.output
    assert list(csv.DictReader(failures.open(encoding="utf-8"))) == []
    assert stored(folder) == {"calls": 2, "reports": 2, "added": 2}


def test_batch_says_what_is_wrong_with_its_options(tmp_path):
    assert "no such file" in run("batch", tmp_path / "gone", code=2).output
    write_recordings(tmp_path / "calls", 1)
    wrong = run("batch", tmp_path / "calls", "--failures", tmp_path / "no" / "f.csv", code=2)
    assert "cannot be written" in wrong.output
    run("batch", tmp_path / "calls", "--jobs", "0", code=2)


def test_an_interrupted_batch_says_how_to_go_on(tmp_path, monkeypatch):
    write_recordings(tmp_path / "calls", 1)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("calmscore.intake.batch.Workers.score", interrupted)
    result = run("batch", tmp_path / "calls", "--failures", tmp_path / "f.csv", code=130)
    assert "start the same command again" in result.output


def test_a_store_that_cannot_be_opened_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("CALMSCORE_DATABASE_URL", "mysql://nobody@nowhere/db")
    assert "only sqlite and postgresql" in run("keys", "list", code=3).output


def test_batch_on_a_cluster_hands_every_call_over(tmp_path, folder, monkeypatch):
    from calmscore.intake.batch import score_recording

    write_recordings(tmp_path / "calls", 2)
    asked = []

    def here(paths, work, *, scheduler):
        asked.append(scheduler)
        return [score_recording(path, work) for path in paths]

    monkeypatch.setattr("calmscore.intake.batch.score_on_cluster", here)
    run("batch", tmp_path / "calls", "--scheduler", "tcp://host:8786",
        "--failures", tmp_path / "f.csv")  # fmt: skip
    assert asked == ["tcp://host:8786"]
    assert stored(folder)["calls"] == 2


def test_watch_ends_when_it_is_told(tmp_path, folder):
    script = (
        "import sys; sys.path.insert(0, 'tests'); import stub_classifier\n"
        "from calmscore import cli\n"
        "from calmscore.commands import score_calls\n"
        "score_calls._load_classifier = lambda: stub_classifier.stub_classifier\n"
        "if __name__ == '__main__': cli.main()\n"
    )
    (tmp_path / "run.py").write_text(script)
    (tmp_path / "in").mkdir()
    write_recording(tmp_path / "in" / "a.wav", 1)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "run.py"), "watch", str(tmp_path / "in")],
        cwd=ROOT, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    assert any("a.wav scored" in line for line in lines)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    assert (tmp_path / "in" / "done" / "a.wav").is_file()
    assert stored(folder)["calls"] == 1


def test_serve_starts_the_service(monkeypatch):
    started = []
    monkeypatch.setattr("uvicorn.run", lambda *a, **options: started.append((a, options)))
    run("serve", "--host", "0.0.0.0", "--port", "9000")
    ((application, options),) = started
    assert application == ("calmscore.service.application:create_app",) and options["factory"]
    assert (options["host"], options["port"]) == ("0.0.0.0", 9000)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert f"pip install --editable '{ROOT}[server]'" in run("serve", code=2).output


def test_dashboard_answers_here_only_unless_told_otherwise(monkeypatch):
    started = []
    monkeypatch.setattr("os.execv", lambda program, command: started.append(command))
    monkeypatch.chdir(ROOT)
    run("dashboard")
    run("dashboard", "--host", "0.0.0.0", "--port", "80")
    assert started[0][-4:] == ["--server.address", "localhost", "--server.port", "8501"]
    assert started[1][-4:] == ["--server.address", "0.0.0.0", "--server.port", "80"]


@pytest.mark.parametrize(("table", "rows"), [("calls", 2), ("segments", None), ("corrections", 1)])
def test_export_writes_tables_and_leaves_an_audit_line(calls, tmp_path, folder, table, rows):
    file = tmp_path / "out.csv"
    run("export", table, "--agent", "Ann", "--output", file)
    written = list(csv.DictReader(file.open(encoding="utf-8")))
    assert written and rows in (None, len(written))
    run("export", table, "--format", "json", "--output", tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text())
    store = Store(folder)
    with store.database.reading() as session:
        from calmscore.store.audit import list_events

        assert [event.action for event in list_events(session)].count("exported") == 2
    store.close()
    wrong = run("export", table, "--output", tmp_path / "no" / "out.csv", code=2)
    assert "cannot be written" in wrong.output


def test_export_of_a_period(calls, tmp_path):
    file = tmp_path / "out.csv"
    run("export", "calls", "--until", "2001-01-01", "--output", file)
    assert list(csv.DictReader(file.open(encoding="utf-8"))) == []
    run("export", "calls", "--since", "2001-01-01", "--output", file)
    assert len(list(csv.DictReader(file.open(encoding="utf-8")))) == 3


def test_delete_asks_and_then_deletes(calls, folder):
    _, ids = calls
    assert "call-00.wav" in run("delete", ids[0], typed="n\n", code=1).output
    assert stored(folder)["calls"] == 3
    run("delete", ids[0], typed="y\n")
    assert stored(folder)["calls"] == 2
    assert "no call" in run("delete", ids[0], "--yes", code=3).output
    run("delete", "--customer", "X", "--yes")
    assert stored(folder)["calls"] == 1
    store = Store(folder)
    with store.database.writing() as session:
        plan_session(session, agent="Ann", author="Sam")
    store.close()
    assert "coaching sessions with Ann: 1" in run("delete", "--agent", "Ann", "--yes").output
    assert stored(folder)["calls"] == 0
    assert "no call matches" in run("delete", "--agent", "Ann", "--yes").output
    run("delete", code=2)


def test_delete_finds_an_upload_that_became_no_call(folder):
    store = Store(folder)
    said = {"file_name": "Mr X.wav", "customer": "X", "actor": "me"}
    with store.database.writing() as session:
        job = add_job(session, kind="call", parameters=said)
        fail_job(session, job.id, code="empty_file", message="Mr X.wav is empty")
    assert "Mr X.wav" in run("delete", "--customer", "X", "--yes").output
    assert "no call matches" in run("delete", "--customer", "X", "--yes").output
    store.close()


def test_retention_asks_where_the_clock_jumped_and_stops_where_nobody_answers(
    calls, folder, monkeypatch
):
    run("retention")
    store = Store(folder)
    with store.database.writing() as session:
        session.get_one(Installation, 1).clock_seen_at = datetime(2024, 1, 1, tzinfo=UTC)
        for call in session.scalars(select(Call)):
            call.added_at = datetime(2024, 1, 1, tzinfo=UTC)
    store.close()
    assert "the clock shows" in run("retention", code=3).output
    monkeypatch.setattr("calmscore.commands.call_store._is_asked", lambda: True)
    assert "Delete by this clock?" in run("retention", typed="n\n", code=1).output
    assert stored(folder)["calls"] == 3
    assert "3 calls deleted" in run("retention", "--clock-is-right").output


def test_retention_deletes_nothing_that_is_young(calls, folder):
    assert "0 recordings and 0 calls deleted" in run("retention").output
    assert stored(folder)["calls"] == 3


def test_retention_deletes_what_watch_moved_when_recordings_are_not_kept(folder, tmp_path):
    (tmp_path / "done").mkdir()
    (tmp_path / "done" / "call.wav").touch()
    option = ("--folder", tmp_path / "done")
    assert "0 of the moved recordings deleted" in run("retention", *option).output
    store = Store(folder)
    with store.database.writing() as session:
        write_settings(session, Settings(audio_days=0))
    store.close()
    assert "1 of the moved recordings deleted" in run("retention", *option).output
    assert not any((tmp_path / "done").iterdir())
    lost = run("retention", "--folder", tmp_path / "dne", code=2).output
    assert "0 recordings and 0 calls deleted" in lost and "dne (No such file" in lost


def test_a_key_is_shown_once_and_can_be_revoked(folder):
    key = run("keys", "create", "telephone system", "--role", "supervisor").output.strip()
    store = Store(folder)
    with store.database.reading() as session:
        found = find_key(session, key)
    assert found is not None and found.role == "supervisor"
    listed = run("keys", "list").output
    assert "telephone system" in listed and "never used" in listed and key not in listed
    run("keys", "revoke", found.id)
    assert "revoked" in run("keys", "list").output
    with store.database.reading() as session:
        assert find_key(session, key) is None
    store.close()
    assert "no key 99" in run("keys", "revoke", "99", code=3).output
    run("keys", "create", "x", "--role", "emperor", code=2)


def test_a_model_that_cannot_be_loaded_is_a_failure_of_each_call(tmp_path, monkeypatch):
    monkeypatch.setattr(score_calls, "_load_classifier", lambda: _no_model)
    write_recordings(tmp_path / "calls", 1)
    failures = tmp_path / "f.csv"
    run("batch", tmp_path / "calls", "--failures", failures, code=3)
    assert "the model is gone" in failures.read_text()


def _no_model():
    raise ArtifactError("the model is gone")


def test_a_score_of_both_needs_the_words(tmp_path):
    path = write_recording(tmp_path / "call.wav", 1)
    asked = run("analyse", path, "--score-from", "voice_and_words", code=2)
    assert "needs --transcript" in asked.output
