"""Many people at one dashboard: 20 browser sessions that open calls, each its own.

    python benchmarks/dashboard_sessions.py [--sessions 20] [--rounds 4] [--json FILE]

Every session opens the list of calls, then one call after another, no two the same at a time,
and listens for a while in between. A page is there when its score, its timeline and its title
are drawn; a call is playable when its sound is there too. Each page must show the title, the
score and the sound of the call that was asked for. Browsers and dashboard share the machine.
Exits with 1 if calls are mixed up, or the 95th percentile of a page is above 3 s.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from playwright.async_api import Browser, Page, async_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from made_calls import made_recording, made_report  # noqa: E402
from running_dashboard import chromium_options, running_dashboard  # noqa: E402
from told_figures import tell  # noqa: E402

from calmscore.analysis.report import CallReport  # noqa: E402
from calmscore.store import Store  # noqa: E402

MOST_SECONDS = 3.0
SHARE_WITHIN = 95
LISTENING_SECONDS = (10.0, 30.0)
PATIENCE_MILLISECONDS = 120_000
# A page of the list holds so many.
CALLS = 25
PLAYER = ".st-key-player audio"
DURATION = f"() => (document.querySelector('{PLAYER}') || {{}}).duration"


@dataclass(frozen=True, kw_only=True)
class MadeCall:
    """A call with a title, a score and a length that no other one has."""

    report: CallReport
    recording: bytes

    @property
    def score(self) -> str:
        """As the page shows it."""
        return f"{self.report.score.value:.1f}"


def made_call(number: int) -> MadeCall:
    """Return one of the calls; they differ in length, score and title."""
    seconds = 45.0 + number
    recording = made_recording(number, seconds=seconds)
    report = made_report(
        ["anger", "neutral"] * 8, file_name=f"call-{number:02d}.wav", recording=recording
    )
    report = replace(
        report,
        call=replace(report.call, duration_seconds=seconds),
        score=replace(report.score, value=2.0 + 0.3 * number),
    )
    return MadeCall(report=report, recording=recording)


async def open_call(page: Page, call: MadeCall) -> dict[str, float]:
    """Open a call from the list; return the seconds until it is drawn, and until it plays.

    ``mixed_up`` is 1 where the page shows anything of another call.
    """
    started = time.perf_counter()
    await page.get_by_role("link", name=call.report.call.file_name).click()
    title = page.get_by_role("heading", name=call.report.call.file_name)
    await title.wait_for(timeout=PATIENCE_MILLISECONDS)
    await page.locator(".score .value").wait_for(timeout=PATIENCE_MILLISECONDS)
    await page.locator(".console .time canvas").wait_for(timeout=PATIENCE_MILLISECONDS)
    shown = time.perf_counter() - started
    key = f".st-key-sound-{call.report.call.id[:12]} audio"
    await page.wait_for_function(
        f"() => (document.querySelector('{key}') || {{}}).readyState > 0",
        timeout=PATIENCE_MILLISECONDS,
    )
    playable = time.perf_counter() - started
    score = (await page.inner_text(".score .value")).split()[0]
    seconds = float(await page.evaluate(DURATION))
    right = score == call.score and abs(seconds - call.report.call.duration_seconds) < 0.2
    return {"call": shown, "playable": playable, "mixed_up": float(not right)}


async def one_session(
    browser: Browser, address: str, calls: Sequence[MadeCall], *, number: int, rounds: int
) -> list[dict[str, float]]:
    """Open one call after another in one session; return the seconds of its pages."""
    choices = random.Random(number)
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    await asyncio.sleep(2.0 * number)  # people come one after another
    await page.goto(f"{address}/calls", timeout=PATIENCE_MILLISECONDS)
    rows = page.get_by_role("link", name="call-")
    await rows.first.wait_for(timeout=PATIENCE_MILLISECONDS)
    await asyncio.sleep(choices.uniform(*LISTENING_SECONDS))
    opened = []
    for turn in range(rounds):
        # In one round no two sessions open the same call.
        call = calls[(number + 7 * turn) % len(calls)]
        times = await open_call(page, call)
        await asyncio.sleep(choices.uniform(*LISTENING_SECONDS))
        started = time.perf_counter()
        await page.get_by_role("link", name="All calls").click()
        await rows.first.wait_for(timeout=PATIENCE_MILLISECONDS)
        opened.append(times | {"list": time.perf_counter() - started})
        await asyncio.sleep(choices.uniform(*LISTENING_SECONDS) / 2)
    await context.close()
    return opened


async def all_sessions(
    address: str, calls: Sequence[MadeCall], *, sessions: int, rounds: int
) -> list[dict[str, float]]:
    """Run the sessions at once; return the seconds of all their pages."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**chromium_options())
        found = await asyncio.gather(
            *(
                one_session(browser, address, calls, number=number, rounds=rounds)
                for number in range(sessions)
            )
        )
        await browser.close()
    return [pages for session in found for pages in session]


def run(*, sessions: int, rounds: int) -> dict[str, Any]:
    """Fill a store, let the sessions work, and return the figures."""
    calls = [made_call(number) for number in range(CALLS)]

    def fill(store: Store) -> None:
        for call in calls:
            store.add_call(call.report, io.BytesIO(call.recording), actor="benchmark")

    with running_dashboard(stub_model=True, fill=fill) as address:
        before = os.getloadavg()[0]
        opened = asyncio.run(all_sessions(address, calls, sessions=sessions, rounds=rounds))
    return {
        "sessions": sessions,
        "calls_opened": len(opened),
        "mixed_up": sum(row["mixed_up"] for row in opened),
        "cores": os.cpu_count(),
        "load_average": {"before": before, "after": os.getloadavg()[0]},
        "seconds": {
            page: {
                "median": float(np.median([row[page] for row in opened])),
                "p95": float(np.percentile([row[page] for row in opened], SHARE_WITHIN)),
            }
            for page in ("call", "list", "playable")
        },
    }


def faults(figures: dict[str, Any]) -> list[str]:
    """Return which pages are too slow, or of another call."""
    mixed_up = [f"{figures['mixed_up']:.0f} calls mixed up"] if figures["mixed_up"] else []
    return mixed_up + [
        f"{page}: p95 {figures['seconds'][page]['p95']:.2f} s"
        for page in ("call", "list")
        if figures["seconds"][page]["p95"] > MOST_SECONDS
    ]


def main() -> int:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=4, help="calls that each session opens")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures in this file")
    options = parser.parse_args()
    os.environ["CALMSCORE_TRANSCRIBER"] = "off"
    figures = run(sessions=options.sessions, rounds=options.rounds)
    return tell(figures, missed=faults(figures), file=options.json)


if __name__ == "__main__":
    sys.exit(main())
