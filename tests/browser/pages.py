"""What the tests in a browser do on pages, and how long they wait for it."""

from __future__ import annotations

import re
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe

# In milliseconds: many tests may run on a small machine.
PATIENCE = 240_000
PLAYER = "document.querySelector('.st-key-player audio')"
GRAVE = {"serious", "critical"}
_DRAWN = """
(scheme) => {
  const app = document.querySelector("[data-testid=stApp]");
  return app?.dataset.testScriptState === "notRunning"
    && document.querySelector(".stMain :is(h1, h2, p)")
    && !document.querySelector("[data-testid=stSkeleton], .stMain [data-stale=true]")
    && (!scheme || getComputedStyle(app).colorScheme === scheme)
    // Colours pass over into one another.
    && !document.getAnimations().some(({ playState, effect }) =>
      playState === "running" && effect.getComputedTiming().endTime !== Infinity);
}
"""
_UPLOADED = "() => !document.querySelector('[data-testid=stFileChipIconSpinner]')"


def open_page(browser, address, *, width=1280, height=900, scheme="light"):
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.wait_for_selector("h1")
    return page


def score(page, path: Path) -> str:
    page.set_input_files("input[type=file]", path)
    page.wait_for_selector(".score .value", timeout=PATIENCE)
    wait_for_player(page)
    return page.inner_text(".score .value")


def wait_until_drawn(page, *, scheme: str | None = None) -> None:
    """Wait until a page holds all that its script named, in its lasting colours."""
    page.wait_for_function(_DRAWN, arg=scheme, timeout=PATIENCE)


def wait_for_place(page, seconds: float, *, within: float) -> None:
    """Wait until the player plays about there."""
    page.wait_for_function(
        f"!{PLAYER}.paused && Math.abs({PLAYER}.currentTime - {seconds}) <= {within}",
        timeout=PATIENCE,
    )


def wait_for_player(page) -> None:
    page.wait_for_selector(".console .time canvas", timeout=PATIENCE)
    page.wait_for_function(f"{PLAYER} && {PLAYER}.readyState > 0", timeout=PATIENCE)


def add(page, *files: Path) -> str:
    """Add recordings on the page of calls; return what the page says of them."""
    form = page.locator("[data-testid=stFileUploader]")
    form.wait_for(state="attached", timeout=PATIENCE)
    wait_until_drawn(page)
    if not form.is_visible():
        page.get_by_text("Add calls").click()
    upload(page, *files)
    page.get_by_role("button", name="Add", exact=True).click()
    summary = page.get_by_text(f"{len(files)} of {len(files)} done")
    summary.wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Clear this list").wait_for(timeout=PATIENCE)
    return page.inner_text("[data-testid=stMain]")


def upload(page, *files: Path) -> None:
    """Choose recordings, and wait until the server has them: a form takes only what is there."""
    page.set_input_files("input[type=file]", files)
    for file in files:
        page.get_by_text(file.name).first.wait_for(timeout=PATIENCE)
    page.wait_for_function(_UPLOADED, timeout=PATIENCE)


def wait_for_call(page) -> None:
    page.wait_for_url(re.compile(r"/call\?"), timeout=PATIENCE)
    page.wait_for_selector(".score .value", timeout=PATIENCE)


def nothing_wider(page, width: int) -> None:
    """See to it that nothing on the page is wider, once all of it has found its place."""
    wait_until_drawn(page)
    page.wait_for_function(
        f"document.documentElement.scrollWidth <= {width}"
        " && ![...document.querySelectorAll('.stMain *')].some(e =>"
        f"  e.getBoundingClientRect().right > {width + 2}"
        # What scrolls within itself is not wider than the page.
        "   && !e.closest('[data-testid=stDataFrame], [data-testid=stTable]')"
        "   && !e.closest('[class*=st-key-scrolling-]'))",
        timeout=PATIENCE,
    )


def grave_faults(page, *, within: str | None = None) -> list[tuple[str, str]]:
    found = Axe().run(page, context=within).response["violations"]
    return [
        (fault["id"], node["html"])
        for fault in found
        if fault["impact"] in GRAVE
        for node in fault["nodes"]
    ]
