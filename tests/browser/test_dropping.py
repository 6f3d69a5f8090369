"""Recordings dropped anywhere on a page, in a real browser: by the door, as chosen ones are."""

from __future__ import annotations

import base64

import pytest
from made_calls import made_recording
from service_store import speech

from browser.pages import PATIENCE

pytestmark = pytest.mark.browser

DRAG = """
([target, name, files]) => {
  const held = new DataTransfer();
  for (const [file, content] of files) {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    held.items.add(new File([bytes], file));
  }
  const options = { bubbles: true, cancelable: true, dataTransfer: held };
  return !document.querySelector(target).dispatchEvent(new DragEvent(name, options));
}
"""
UPLOADER = "[data-testid=stFileUploaderDropzone]"


def drag(page, name: str, files: dict[str, bytes], *, target: str = "h1") -> bool:
    """Hold files over the page, or drop them; tell whether the page took care of it."""
    packed = [(file, base64.b64encode(content).decode()) for file, content in files.items()]
    return bool(page.evaluate(DRAG, [target, name, packed]))


def open_page(browser, address: str, heading: str):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(address, timeout=PATIENCE)
    page.get_by_role("heading", name=heading).wait_for(timeout=PATIENCE)
    page.wait_for_selector(UPLOADER, state="attached", timeout=PATIENCE)
    page.wait_for_selector(".calmscore-drop.veil", state="attached", timeout=PATIENCE)
    return page


def test_on_home_recordings_are_added_and_others_named(browser, address):
    page = open_page(browser, address, "To listen to")
    uploads: list[str] = []
    page.on("request", lambda asked: uploads.append(asked.url) if asked.method == "PUT" else None)
    files = {"one.wav": speech(), "TWO.WAV": made_recording(1), "letter.txt": b"Dear customer"}
    assert drag(page, "dragover", files)
    page.get_by_text("Drop recordings to add them").wait_for(timeout=PATIENCE)
    assert drag(page, "drop", files)
    page.get_by_text("left out: letter.txt").wait_for(timeout=PATIENCE)
    page.get_by_text("2 of 2 done").wait_for(timeout=PATIENCE)
    assert len(uploads) == 2
    assert all("/_stcore/upload_file/" in url for url in uploads)
    assert page.get_by_text("Drop recordings to add them").is_hidden()
    # And another one, after the first.
    drag(page, "drop", {"three.wav": made_recording(3)})
    page.get_by_text("3 of 3 done").wait_for(timeout=PATIENCE)


def test_on_score_a_call_the_first_recording_is_scored(browser, address):
    page = open_page(browser, f"{address}/score_call", "Score a call")
    files = {"first.wav": speech(), "second.wav": made_recording(2)}
    drag(page, "drop", files, target=".stMain")
    page.get_by_text("One recording at a time: first.wav was taken.").wait_for(timeout=PATIENCE)
    page.wait_for_selector(".score .value", timeout=PATIENCE)
    assert page.get_by_text("first.wav").count()


def test_what_brings_no_files_and_what_hits_the_uploader_is_left_to_the_page(browser, address):
    page = open_page(browser, f"{address}/score_call", "Score a call")
    veil = page.locator(".calmscore-drop.veil")
    drag(page, "dragover", {})
    assert veil.is_hidden()
    drag(page, "dragover", {"first.wav": speech()})
    assert veil.is_visible()
    drag(page, "dragover", {"first.wav": speech()}, target=UPLOADER)
    assert veil.is_hidden()
    # A page without an uploader takes nothing, and what listened is gone.
    page.get_by_role("link", name="Agents").click()
    page.get_by_role("heading", name="Agents").wait_for(timeout=PATIENCE)
    veil.wait_for(state="detached", timeout=PATIENCE)
