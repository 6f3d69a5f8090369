"""Training over HTTP: beside the service, one at a time, never over its command."""

from __future__ import annotations

from pathlib import Path

import pytest
from service_store import FAKE_TRAINING, make_keys, make_training_set, unhurried
from starlette.testclient import TestClient
from stub_classifier import stub_classifier
from waiting import until

from calmscore.service.application import create_app
from calmscore.service.model_documents import TrainingRequest
from calmscore.service.trainings import TRAIN_COMMAND, training_arguments
from calmscore.store.audit import list_events
from calmscore.training import command
from service.test_api import assert_problem

WANTED = {"training_set": "crema_d", "version": "1.1.0"}


@pytest.fixture
def sets(tmp_path) -> Path:
    folder = tmp_path / "sets"
    make_training_set(folder, "crema_d")
    (folder / "crema_d" / "settings.json").touch()
    (folder / "unprepared").mkdir()
    return folder


@pytest.fixture
def admin(store):
    return make_keys(store).admin


def make_app(store, sets, *, command=FAKE_TRAINING):
    settings = unhurried(training_folder=sets)
    return create_app(store, stub_classifier(), settings=settings, train_command=command)


@pytest.fixture
def client(store, sets):
    with TestClient(make_app(store, sets)) as opened:
        yield opened


def start(client, admin, **changes):
    return client.post("/v1/train", headers=admin, json={**WANTED, **changes})


def ended(client, admin, job_id):
    def read():
        return client.get(f"/v1/train/{job_id}", headers=admin).json()

    until(lambda: read()["state"] in ("done", "failed"))
    return read()


def go_on(store, job_id):
    (store.folder / "training" / job_id / "go-on").touch()


def test_a_training_writes_a_model_of_its_own(client, admin, store, sets):
    answer = start(client, admin, epochs=3, head_rate=0.01, copies=8.0)
    training = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/train/{training['id']}"
    assert training["state"] == "running" and training["metrics"] is None
    training = ended(client, admin, training["id"])
    assert (training["state"], training["error"]) == ("done", None)
    assert training["metrics"] == {"uar": 0.5}
    assert (training["training_set"], training["version"]) == ("crema_d", "1.1.0")
    assert (store.folder / training["artifacts"] / "metrics.json").is_file()
    arguments, priority = training["log"]
    for option in (f"--training-set {sets / 'crema_d'}", "--epochs 3", "--head-rate 0.01",
                   "--copies 8"):  # fmt: skip
        assert option in arguments
    assert "--seed" not in arguments and "--whisper-weights" not in arguments
    assert priority == "priority 19"
    with store.database.reading() as session:
        assert [(line.actor, line.action) for line in list_events(session)] == [
            ("the admin", "training started")
        ]


def test_weights_that_lie_beside_the_sets_are_used(client, admin, sets):
    (sets / "whisper").mkdir()
    (sets / "whisper" / "tiny.en.bin").touch()
    training = ended(client, admin, start(client, admin).json()["id"])
    assert f"--whisper-weights tiny.en={sets / 'whisper' / 'tiny.en.bin'}" in training["log"][0]


def test_a_training_that_fails_says_why(client, admin):
    training = ended(client, admin, start(client, admin, version="fails").json()["id"])
    assert training["state"] == "failed"
    assert training["error"] == {
        "code": "training_failed",
        "message": "the training ended: error: the training set is empty",
    }


def test_only_one_training_runs_at_a_time(client, admin, store):
    first = start(client, admin, version="waits").json()["id"]
    assert_problem(start(client, admin), 409, "training_runs")
    go_on(store, first)
    assert ended(client, admin, first)["state"] == "done"
    assert start(client, admin).status_code == 202


def test_a_training_goes_on_when_the_service_is_started_again(store, sets, admin):
    with TestClient(make_app(store, sets)) as client:
        job_id = start(client, admin, version="waits").json()["id"]
    with TestClient(make_app(store, sets)) as client:
        training = client.get(f"/v1/train/{job_id}", headers=admin).json()
        assert training["state"] == "running"
        assert_problem(start(client, admin), 409, "training_runs")
        go_on(store, job_id)
        assert ended(client, admin, job_id)["state"] == "done"


def test_a_training_that_ended_meanwhile_is_noted(store, sets, admin):
    app = make_app(store, sets)
    with TestClient(app) as client:
        app.state.service.trainings._follow = lambda job_id, process: process.wait()
        job_id = start(client, admin).json()["id"]
    with TestClient(make_app(store, sets)) as client:
        assert ended(client, admin, job_id)["state"] == "done"


def test_a_training_that_cannot_be_started_fails(store, sets, admin):
    with TestClient(make_app(store, sets, command=("/no/such/program",))) as client:
        training = ended(client, admin, start(client, admin).json()["id"])
    assert training["state"] == "failed"
    assert "/no/such/program" in training["error"]["message"]


def test_a_training_whose_folder_cannot_be_made_fails(client, admin, store, monkeypatch):
    def broken(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("calmscore.service.trainings.subprocess.Popen", broken)
    training = ended(client, admin, start(client, admin).json()["id"])
    assert training["state"] == "failed" and training["log"] == []


def test_an_upload_is_no_training_and_a_training_no_upload(client, admin):
    job_id = start(client, admin).json()["id"]
    assert_problem(client.get(f"/v1/jobs/{job_id}", headers=admin), 404, "not_found")
    upload = client.post("/v1/calls", headers=admin, files={"file": b"x"}).json()["id"]
    assert_problem(client.get(f"/v1/train/{upload}", headers=admin), 404, "not_found")


def test_without_a_folder_of_sets_training_is_off(store, admin):
    with TestClient(make_app(store, None)) as client:
        problem = assert_problem(start(client, admin), 409, "training_not_configured")
        assert "CALMSCORE_TRAINING_FOLDER" in problem["detail"]


@pytest.mark.parametrize("name", ["other", "unprepared", "crema_d.", "whisper"])
def test_only_prepared_sets_can_be_trained_on(client, admin, name):
    problem = assert_problem(start(client, admin, training_set=name), 404, "training_set_unknown")
    assert "crema_d" in problem["detail"]


@pytest.mark.parametrize(
    "changes",
    [
        {"training_set": "../crema_d"},
        {"training_set": "/etc"},
        {"training_set": ".."},
        {"version": "--help"},
        {"version": None},
        {"epochs": 0},
        {"epochs": "3"},
        {"epochs": 2.5},
        {"head_rate": 0.0},
        {"artifacts": "artifacts"},
    ],
)
def test_parameters_are_checked(client, admin, changes):
    problem = assert_problem(start(client, admin, **changes), 422, "invalid_request")
    assert next(iter(changes)) in problem["detail"]


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        ("{", "application/json", 422, "invalid_request"),
        ("[]", "application/json", 422, "invalid_request"),
        ("{}", "text/plain", 415, "not_json"),
        (" " * 20_000, "application/json", 413, "request_too_large"),
    ],
)
def test_a_body_that_is_no_request_is_named(client, admin, body, kind, status, code):
    answer = client.post("/v1/train", headers={**admin, "Content-Type": kind}, content=body)
    assert_problem(answer, status, code)


def test_the_training_program_knows_every_option(sets, tmp_path):
    wanted = TrainingRequest(
        **WANTED, seed=3, head_epochs=0, epochs=2, batch_size=16, head_rate=0.01,
        encoder_rate=0.001, copies=4,
    )  # fmt: skip
    options = wanted.model_dump(exclude={"training_set"})
    assert None not in options.values()
    arguments = training_arguments(sets / "crema_d", folder=tmp_path, options=options)
    read = vars(command._parser().parse_args(["train", *arguments]))
    assert {name: read[name] for name in options} == options
    assert read["training_set"] == sets / "crema_d"
    assert read["artifacts"] == tmp_path / "artifacts"
    assert TRAIN_COMMAND[1:] == ("-m", "calmscore.training.command", "train")
