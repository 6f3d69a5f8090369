"""An hour's call in the console, in a real browser: first paint, zooming, scrolling.

    python benchmarks/console_speed.py [--minutes 60] [--json FILE]

The recording is made of the sample calls; its report, turns and 9,000 words are made up. The
call is opened from the list of calls, and once more by its link in a browser that has never
seen the dashboard. Times are the browser's own; a pause is what it reports as a long task, and
the longest time between two frames. Exits with 1 if a bar is missed.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from call_speed import make_call  # noqa: E402
from made_calls import made_report  # noqa: E402
from running_dashboard import running_browser, running_dashboard  # noqa: E402
from told_figures import tell  # noqa: E402

from calmscore.analysis.report import CallReport, SpokenWord, Turn, Words, WordsTurn  # noqa: E402
from calmscore.store import Store  # noqa: E402

MOST_SECONDS_TO_FIRST_PAINT = 1.5
MOST_PAUSE_MILLISECONDS = 100.0
PATIENCE_MILLISECONDS = 120_000
TURN_SECONDS = 6.0
WORDS_PER_TURN = 15
VOCABULARY = ("my", "parcel", "has", "not", "come", "and", "nobody", "ever", "calls", "me", "back")
# Notes when the console stands on the page with its lanes drawn, and every pause.
WATCH = """
window.paint = { opened: 0, drawn: null };
window.pauses = { tasks: [], frames: [] };
addEventListener("click", () => {
  window.paint = { opened: performance.now(), drawn: null };
}, true);
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.pauses.tasks.push(task.duration);
}).observe({ type: "longtask", buffered: true });
const drawn = () => [...document.querySelectorAll("[class*='st-key-console-'] *")].some((one) => {
  const lanes = one.shadowRoot && one.shadowRoot.querySelector(".time canvas");
  return lanes && lanes.height > 150;
});
let last = performance.now();
const frame = (now) => {
  window.pauses.frames.push(now - last);
  last = now;
  if (window.paint.drawn === null && drawn()) window.paint.drawn = performance.now();
  requestAnimationFrame(frame);
};
requestAnimationFrame(frame);
"""
PLAYABLE = "() => (document.querySelector('.st-key-player audio') || {}).readyState > 0"


def make_report(recording: bytes, *, minutes: float) -> CallReport:
    """Return a made-up report of a recording: moods, turns and words."""
    generator = np.random.default_rng(7)
    moods = ["neutral", "neutral", "anger", "fear", "happy", None]
    count = int(minutes * 60 / 3)
    emotions = [moods[int(generator.integers(len(moods)))] for _ in range(count)]
    report = made_report(emotions, file_name="hour.wav", recording=recording)
    starts = np.arange(0.0, minutes * 60 - TURN_SECONDS, TURN_SECONDS)
    turns = [
        Turn(
            speaker="agent" if place % 2 else "customer",
            start_seconds=float(start),
            end_seconds=float(start) + TURN_SECONDS - 1.0,
        )
        for place, start in enumerate(starts)
    ]
    words = tuple(_said(turn, generator) for turn in turns)
    return replace(
        report,
        talk=replace(report.talk, turns=tuple(turns)),
        words=Words(language="en", model="made up", turns=words),
    )


def _said(turn: Turn, generator: np.random.Generator) -> WordsTurn:
    chosen = [
        VOCABULARY[int(place)] for place in generator.integers(len(VOCABULARY), size=WORDS_PER_TURN)
    ]
    step = (turn.end_seconds - turn.start_seconds) / WORDS_PER_TURN
    words = tuple(
        SpokenWord(
            text=word,
            start_seconds=round(turn.start_seconds + place * step, 2),
            end_seconds=round(turn.start_seconds + (place + 1) * step, 2),
            weight=0.3 if word == "nobody" else 0.0,
        )
        for place, word in enumerate(chosen)
    )
    return WordsTurn(
        speaker=turn.speaker, start_seconds=turn.start_seconds, end_seconds=turn.end_seconds,
        text=" ".join(chosen), words=words,
        sentiment="negative" if turn.speaker == "customer" else None,
    )  # fmt: skip


def first_paint(page: Page) -> float:
    """Return the seconds from the opening until the lanes were drawn."""
    page.wait_for_function(
        "() => window.paint && window.paint.drawn !== null", timeout=PATIENCE_MILLISECONDS
    )
    return float(page.evaluate("window.paint.drawn - window.paint.opened")) / 1000.0


def new_page(browser: Browser) -> Page:
    """Return a page that watches itself, in a browser that has nothing stored."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.add_init_script(WATCH)
    return page


def zoom_and_scroll(page: Page) -> dict[str, float]:
    """Zoom in and out, pan, scroll the words and the page; return the longest pauses."""
    lanes = page.locator(".console .time")
    lanes.hover(position={"x": 500, "y": 60})
    page.evaluate("window.pauses = { tasks: [], frames: [] }")
    for across, down in [(0, -250)] * 15 + [(150, 0)] * 15 + [(0, 250)] * 15:
        page.mouse.wheel(across, down)
        page.wait_for_timeout(30)
    page.locator(".console .words ol").hover()
    for _ in range(20):
        page.mouse.wheel(0, 900)
        page.wait_for_timeout(30)
    page.mouse.move(200, 150)
    for down in [300] * 8 + [-300] * 8:
        page.mouse.wheel(0, down)
        page.wait_for_timeout(30)
    pauses = page.evaluate("window.pauses")
    return {
        "longest_task_milliseconds": max(pauses["tasks"], default=0.0),
        "longest_frame_milliseconds": max(pauses["frames"]),
        "frames": len(pauses["frames"]),
    }


def run(*, minutes: float) -> dict[str, Any]:
    """Make the call, open it, and return the figures."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hour.wav"
        make_call(path, minutes=minutes)
        recording = path.read_bytes()
    report = make_report(recording, minutes=minutes)

    def fill(store: Store) -> None:
        store.add_call(report, io.BytesIO(recording), actor="benchmark")

    with running_dashboard(stub_model=True, fill=fill) as address, running_browser() as browser:
        # What is loaded once for everybody is loaded.
        warm = new_page(browser)
        warm.goto(f"{address}/calls")
        warm.get_by_role("link", name="hour.wav").wait_for(timeout=PATIENCE_MILLISECONDS)
        warm.context.close()
        load_before = os.getloadavg()[0]
        page = new_page(browser)
        page.goto(f"{address}/calls")
        row = page.get_by_role("link", name="hour.wav")
        row.wait_for(timeout=PATIENCE_MILLISECONDS)
        page.wait_for_timeout(1500)
        row.click()
        from_list = first_paint(page)
        page.wait_for_function(PLAYABLE, timeout=PATIENCE_MILLISECONDS)
        playable = float(page.evaluate("performance.now() - window.paint.opened")) / 1000.0
        page.wait_for_timeout(1500)
        pauses = zoom_and_scroll(page)
        page.context.close()
        page = new_page(browser)
        page.goto(f"{address}/call?call={report.call.id}")
        by_link = first_paint(page)
        page.context.close()
    return {
        "minutes": minutes,
        "cores": os.cpu_count(),
        "load_average": {"before": load_before, "after": os.getloadavg()[0]},
        "first_paint_seconds": {"from_the_list": from_list, "by_link": by_link},
        "playable_seconds": playable,
        "zoom_and_scroll": pauses,
    }


def faults(figures: dict[str, Any]) -> list[str]:
    """Return which bars are missed."""
    found = [
        f"first paint {name.replace('_', ' ')}: {seconds:.2f} s"
        for name, seconds in figures["first_paint_seconds"].items()
        if seconds > MOST_SECONDS_TO_FIRST_PAINT
    ]
    pause = figures["zoom_and_scroll"]["longest_task_milliseconds"]
    if pause > MOST_PAUSE_MILLISECONDS:
        found.append(f"a pause of {pause:.0f} ms")
    return found


def main() -> int:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures in this file")
    options = parser.parse_args()
    os.environ["CALMSCORE_TRANSCRIBER"] = "off"
    figures = run(minutes=options.minutes)
    return tell(figures, missed=faults(figures), file=options.json)


if __name__ == "__main__":
    sys.exit(main())
