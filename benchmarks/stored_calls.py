"""Time of the pages and queries behind them on a store of many calls, and their indexes.

    python benchmarks/stored_calls.py [--calls 10000] [--url URL] [--json FILE]

The calls are made up: agents, moods that last, scores by the real scoring, saved
through the same function as real ones. Without ``--url`` they go to SQLite in a
temporary folder; a database given by ``--url`` must be empty. Exits with 1 if a
query that should use an index does not, or a page takes longer than a second.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import event, func, select, text
from sqlalchemy.orm import Session

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.made_up_calls import AGENTS, DAYS, NEWEST, TAGS, fill  # noqa: E402
from calmscore.dashboard.page_files import page_file  # noqa: E402
from calmscore.store import Store  # noqa: E402
from calmscore.store.agents import agent_figures, agent_moments, weekly_scores  # noqa: E402
from calmscore.store.calls import (  # noqa: E402
    CallFilter,
    count_calls,
    list_agents,
    list_calls,
    list_tags,
    read_call,
)
from calmscore.store.database import Database  # noqa: E402
from calmscore.store.listening import to_listen_to  # noqa: E402
from calmscore.store.reports import read_report  # noqa: E402
from calmscore.store.schema import Call  # noqa: E402
from calmscore.store.words import lines_of_calls, phrases_of_calls  # noqa: E402

REPEATS = 9
MOST_SECONDS = 1.0
_LARGE_TABLES = ("calls", "reports", "moments", "tags", "call_words")
WATCHED = ("cancel", "supervisor", "third time")


@dataclass(frozen=True, kw_only=True)
class Query:
    """A function of the store, and whether its main query is to use an index of calls.

    Attributes
    ----------
    name : str
        For the table.
    run : callable
        Takes a reading session.
    indexed : bool
        False where every call has to be looked at; ``reason`` says why.
    """

    name: str
    run: Callable[[Session], object]
    indexed: bool = True
    reason: str = ""


@dataclass
class Measured:
    """What a query took, and how the database answers it."""

    milliseconds: float
    full_passes: list[str] = field(default_factory=list)


def queries(database: Database) -> Iterator[Query]:
    """Yield what the pages ask of the store."""
    with database.reading() as session:
        call_id = session.scalar(select(Call.id).order_by(Call.number).offset(5).limit(1)) or ""
        agent, calls = list_agents(session)[0], count_calls(session)
    month = NEWEST - timedelta(days=30)
    yield Query(
        name="count of all calls", run=count_calls, indexed=False, reason="all calls are counted"
    )
    for order in (
        "called_at", "score", "duration_seconds", "outcome", "file_name",
        "agent_share", "interruptions", "pauses",
    ):  # fmt: skip
        for descending in (True, False):
            yield Query(
                name=f"first page by {order}, {'descending' if descending else 'ascending'}",
                run=partial(list_calls, order=order, descending=descending),
            )
    yield Query(
        name="first page by agent",
        run=lambda s: list_calls(s, order="agent"),
        indexed=False,
        reason="the name stands in another table, so all calls are sorted",
    )
    yield Query(name="page halfway by time", run=lambda s: list_calls(s, offset=calls // 2))
    for name, wanted in {
        "one agent": CallFilter(agents=[agent]),
        "one outcome": CallFilter(outcomes=["escalated"]),
        "last 30 days": CallFilter(since=month),
        "score below 3": CallFilter(highest_score=3.0),
        "one tag": CallFilter(tag=TAGS[0]),
        "agent, outcome and dates": CallFilter(
            agents=[agent], outcomes=["de-escalated"], since=month
        ),
    }.items():
        yield Query(name=f"filter: {name}", run=partial(list_calls, wanted=wanted))
        yield Query(
            name=f"count: {name}",
            run=partial(count_calls, wanted=wanted),
            indexed=name in ("one agent", "last 30 days", "agent, outcome and dates"),
            reason="the planner decides by how many calls match",
        )
    for name, wanted in {
        "found": CallFilter(text="0042"),
        "nothing found": CallFilter(text="zebra"),
    }.items():
        searches: dict[str, Callable[..., object]] = {
            "search": list_calls,
            "count of search": count_calls,
        }
        for kind, function in searches.items():
            yield Query(
                name=f"{kind}, {name}",
                run=partial(function, wanted=wanted),
                indexed=False,
                reason="a part of a name is looked for",
            )
    yield from word_queries(database)
    yield Query(
        name="what to listen to",
        run=lambda s: to_listen_to(s, day=NEWEST.date(), reviewer=None),
        indexed=False,
        reason="the biggest rescue is looked for",
    )
    yield Query(name="names of agents", run=list_agents)
    yield Query(name="tags", run=list_tags, indexed=False, reason="every tag in use is listed")
    yield Query(name="one call", run=lambda s: read_call(s, call_id))
    yield Query(name="report of a call", run=lambda s: read_report(s, call_id))
    yield Query(
        name="agents' figures, all time",
        run=agent_figures,
        indexed=False,
        reason="all calls are averaged",
    )
    yield Query(name="agents' figures, 30 days", run=lambda s: agent_figures(s, since=month))
    yield Query(name="weeks of an agent", run=lambda s: weekly_scores(s, agent))
    yield Query(name="best moments of an agent", run=lambda s: agent_moments(s, agent, best=True))
    yield Query(
        name="worst moments of an agent, 30 days",
        run=lambda s: agent_moments(s, agent, best=False, since=month),
    )


def word_queries(database: Database) -> Iterator[Query]:
    """Yield what the page of calls asks of the words."""
    with database.reading() as session:
        page = [row.number for row in list_calls(session, limit=25)]
    reason = "calls that hold the word are sorted"
    for name, wanted in {
        "said by nearly all": CallFilter(words="the"),
        "said by some": CallFilter(words="word300"),
        "said one after another": CallFilter(words='"third time"'),
        "never said": CallFilter(words="zebra"),
        "watched phrases": CallFilter(phrases=WATCHED),
        "said, of the last 30 days": CallFilter(words="cancel", since=NEWEST - timedelta(days=30)),
    }.items():
        yield Query(
            name=f"words: {name}",
            run=partial(list_calls, wanted=wanted, limit=25),
            indexed=False,
            reason=reason,
        )
        yield Query(
            name=f"count of words: {name}",
            run=partial(count_calls, wanted=wanted),
            indexed=False,
            reason=reason,
        )
    yield Query(name="watched phrases of a page", run=lambda s: phrases_of_calls(s, page, WATCHED))
    yield Query(
        name="lines of a page", run=lambda s: lines_of_calls(s, page, 'the cancel "third time"')
    )


@contextmanager
def statements_of(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """Collect the SELECT statements that are run meanwhile, with their parameters."""
    found: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            found.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def full_passes(database: Database, statement: str, parameters: Any) -> list[str]:
    """Return the steps of a statement's plan that go through all of a large table.

    PostgreSQL rightly reads a table of some thousand rows as a whole even where an
    index fits; it is asked for the plan that it would take if that cost much.
    """
    with database.engine.connect() as connection:
        if database.is_sqlite:
            prefix = "EXPLAIN QUERY PLAN"
        else:
            prefix = "EXPLAIN"
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        rows = connection.exec_driver_sql(f"{prefix} {statement}", parameters).all()
    steps = [str(row[-1]).strip() for row in rows]
    if not database.is_sqlite:
        page = "LIMIT" in statement and "WHERE" not in statement
        return [
            step
            for step in steps
            if _step_of("Seq Scan on", step) or (page and step.startswith("->  Sort"))
        ]
    # In the order of an index, a page is full long before the end of the table.
    if "LIMIT" in statement and "USE TEMP B-TREE FOR ORDER BY" not in steps:
        steps = [step for step in steps if " USING " not in step]
    return [step for step in steps if _step_of("SCAN", step)]


def _step_of(kind: str, step: str) -> bool:
    return any(f"{kind} {table}" in step for table in _LARGE_TABLES)


def measure(database: Database, query: Query) -> Measured:
    """Return the median time of a query and the passes through large tables."""
    with statements_of(database) as statements, database.reading() as session:
        query.run(session)
    seconds = []
    for _ in range(REPEATS):
        with database.reading() as session:
            started = time.perf_counter()
            query.run(session)
            seconds.append(time.perf_counter() - started)
    return Measured(
        milliseconds=1000 * statistics.median(seconds),
        full_passes=[step for one in statements for step in full_passes(database, *one)],
    )


def measure_page(page: str) -> float | None:
    """Return the median server time of opening a page, in seconds; None without such a page.

    The program has been running for a while, and nobody has asked for these figures yet.
    """
    if not (ROOT / page).exists():
        return None
    import streamlit
    from streamlit.runtime.context import ContextProxy
    from streamlit.testing.v1 import AppTest

    # Streamlit warns in every run that no server runs it.
    logging.disable(logging.WARNING)

    # Asked for from this machine; without an address the page would be refused.
    ContextProxy.ip_address = None  # type: ignore[method-assign, assignment]
    seconds = []
    for _ in range(1 + REPEATS):
        streamlit.cache_data.clear()
        script = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).switch_page(page)
        started = time.perf_counter()
        script.run()
        seconds.append(time.perf_counter() - started)
        if script.exception or script.error:
            raise RuntimeError(f"{page} shows an error; open it to see which")
    return statistics.median(seconds[1:])


def run(store: Store, *, calls: int) -> dict[str, Any]:
    """Fill a store, measure it, and return the figures."""
    database = store.database
    with database.reading() as session:
        if session.scalar(select(func.count(Call.number))):
            raise SystemExit("the database holds calls already; give an empty one")
    filling = fill(database, calls=calls)
    results: dict[str, Any] = {
        "database": database.engine.dialect.name,
        "calls": calls,
        "agents": AGENTS,
        "days": DAYS,
        "cores": os.cpu_count(),
        "saving_milliseconds_per_call": 1000 * filling / calls,
        "queries": [],
        "pages": {},
    }
    if database.is_sqlite:
        results["bytes_per_call"] = (store.folder / "calmscore.db").stat().st_size / calls
    else:
        with database.reading() as session:
            size = session.scalar(select(func.pg_database_size(func.current_database())))
        results["bytes_per_call"] = (size or 0) / calls
    for query in queries(database):
        measured = measure(database, query)
        results["queries"].append(
            {
                "name": query.name,
                "milliseconds": measured.milliseconds,
                "full_passes": measured.full_passes,
                **({} if query.indexed else {"full_pass_allowed": query.reason}),
            }
        )
    for page in (page_file("calls"), page_file("agents")):
        seconds = measure_page(page)
        if seconds is not None:
            results["pages"][page] = {"seconds": seconds}
    return results


def faults(results: dict[str, Any]) -> list[str]:
    """Return what is slower than allowed, or goes through all calls where an index is there."""
    found = [
        f"{row['name']}: {row['full_passes'][0]}"
        for row in results["queries"]
        if row["full_passes"] and "full_pass_allowed" not in row
    ]
    times = {row["name"]: row["milliseconds"] / 1000 for row in results["queries"]}
    times |= {name: page["seconds"] for name, page in results["pages"].items()}
    return found + [
        f"{name}: {seconds:.2f} s" for name, seconds in times.items() if seconds > MOST_SECONDS
    ]


def main() -> int:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--calls", type=int, default=10_000, help="some thousand or more")
    parser.add_argument("--url", help="an empty database instead of SQLite")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures in this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CALMSCORE_DATA_FOLDER"] = folder
        if options.url:
            os.environ["CALMSCORE_DATABASE_URL"] = options.url
        store = Store.from_environment()
        try:
            results = run(store, calls=options.calls)
        finally:
            store.close()
    print(f"{results['calls']} calls in {results['database']}: "
          f"{results['saving_milliseconds_per_call']:.1f} ms to save one, "
          f"{results['bytes_per_call'] / 1024:.1f} KB each")  # fmt: skip
    for row in results["queries"]:
        way = "any" if "full_pass_allowed" in row else "index"
        print(f"{row['milliseconds']:8.1f} ms  {way:5}  {row['name']}")
    for page, figures in results["pages"].items():
        print(f"{1000 * figures['seconds']:8.1f} ms  page   {page}")
    if options.json is not None:
        keep(options.json, results)
    problems = faults(results)
    for problem in problems:
        print(f"too slow or without index: {problem}", file=sys.stderr)
    return 1 if problems else 0


def keep(path: Path, results: dict[str, Any]) -> None:
    """Put the figures of one database beside those of the other."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept[results["database"]] = results
    path.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
