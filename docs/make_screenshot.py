"""Make the README's picture: python docs/make_screenshot.py."""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_ROOT / "tests"))

from running_dashboard import running_browser, running_dashboard  # noqa: E402


def main() -> None:
    """Open the sample call in the real dashboard and write docs/screenshot.png."""
    with running_dashboard() as address, running_browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}/score_call")
        page.get_by_text("Try the sample call").click(timeout=90_000)
        page.wait_for_selector(".console .words li", timeout=300_000)
        page.wait_for_timeout(3000)
        page.screenshot(path=_ROOT / "docs" / "screenshot.png")


if __name__ == "__main__":
    main()
