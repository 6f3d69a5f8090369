"""The chaos run counts right: what is lost, failed wrongly or twice does not pass unseen."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest
from service_store import ROOT
from sqlalchemy import delete
from stored_calls import add, call_id_of

from calmscore.store import Store, jobs
from calmscore.store.schema import Job


@pytest.fixture
def chaos() -> ModuleType:
    spec = importlib.util.spec_from_file_location("chaos", ROOT / "benchmarks" / "chaos.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["chaos"] = module
    spec.loader.exec_module(module)
    return module


def test_every_fate_is_counted(store: Store, chaos: ModuleType):
    record = chaos.Record()
    ids = {}
    with store.database.writing() as session:
        for name in ("good", "bad", "wrongly", "open", "vanished"):
            job = jobs.add_job(session, kind="call", parameters={"file_name": name})
            ids[name] = job.id
            record.accepted[job.id] = call_id_of(name)
        for name in ("bad", "wrongly"):
            jobs.fail_job(session, ids[name], code="x", message="x")
        jobs.finish_job(session, ids["good"], call_id=call_id_of("good"))
        session.execute(delete(Job).where(Job.id == ids["vanished"]))
    add(store, "good")
    record.bad.add(call_id_of("bad"))
    figures = chaos.count(store, record)
    assert {name: figures[name] for name in ("accepted", "stored", "twice", "calls")} == {
        "accepted": 5, "stored": 1, "twice": 0, "calls": 1,
    }  # fmt: skip
    assert (figures["failed_for_a_reason"], figures["failed_wrongly"]) == (1, 1)
    assert figures["lost"] >= 2
