"""The console in a real browser: by keyboard alone, for everybody's eyes, at any length."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest
from made_calls import made_recording, made_report, with_made_words
from playwright.sync_api import expect

from browser.pages import PATIENCE, PLAYER, grave_faults, wait_for_player, wait_until_drawn
from calmscore.analysis.report import CallReport, Turn
from calmscore.store import Store
from calmscore.store.calls import CallDetails

pytestmark = pytest.mark.browser

RESCUED = ["anger"] * 7 + ["neutral"] * 7
# An hour, whose recording is not kept.
LONG = made_report(["neutral", "anger", None] * 400, file_name="hour.wav")


def rescued(name: str, content: bytes) -> CallReport:
    report = with_made_words(made_report(RESCUED, file_name=name, recording=content))
    turns = tuple(
        Turn(speaker=speaker, start_seconds=start, end_seconds=end)
        for speaker, start, end in (
            ("agent", 0.0, 2.5), ("customer", 3.0, 12.0), ("agent", 13.0, 20.0),
            ("customer", 21.0, 42.0),
        )
    )  # fmt: skip
    change = replace(report.score.transitions[0], plays_from_seconds=13.0)
    return replace(
        report,
        score=replace(report.score, transitions=(change,)),
        talk=replace(report.talk, turns=turns),
    )


def fill(store: Store) -> None:
    now = datetime.now(UTC)
    for place, name in enumerate(("first.wav", "second.wav")):
        content = made_recording(place, seconds=42.0)
        store.add_call(
            rescued(name, content), io.BytesIO(content), actor="tester",
            details=CallDetails(agent="Dana", called_at=now - timedelta(hours=place)),
        )  # fmt: skip
    store.add_call(LONG, actor="tester", details=CallDetails(called_at=now - timedelta(days=1)))


def call_id(name: str, place: int) -> str:
    return rescued(name, made_recording(place, seconds=42.0)).call.id


def open_call(browser, address, *, scheme="light", width=1280, height=900):
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(f"{address}/call?call={call_id('first.wav', 0)}")
    wait_for_player(page)
    return page


def position(page) -> float:
    return float(page.evaluate(f"{PLAYER}.currentTime"))


def said(page) -> str:
    return page.locator(".console .said").inner_text()


def test_a_call_is_opened_heard_bookmarked_and_left_by_keyboard_alone(browser, address):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/call?call={call_id('first.wav', 0)}")
    wait_for_player(page)
    page.keyboard.press("n")
    page.wait_for_function(f"{PLAYER}.currentTime >= 13", timeout=PATIENCE)
    assert position(page) < 16.0
    assert not page.evaluate(f"{PLAYER}.paused")
    assert "Agent spoke 7 s" in said(page)
    page.keyboard.press("Space")
    assert page.evaluate(f"{PLAYER}.paused")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("b")
    note = page.locator(".console .note input")
    expect(note).to_be_focused(timeout=PATIENCE)
    page.keyboard.type("Took the blame")
    expect(note).to_have_value("Took the blame")
    page.keyboard.press("Enter")
    expect(page.locator(".console .said")).to_contain_text("Bookmark saved", timeout=PATIENCE)
    page.get_by_text("Took the blame").wait_for(timeout=PATIENCE)
    assert page.locator(".console .flag.mark").count() == 1
    # The bookmark did not take the place in the call away.
    assert position(page) > 17.0
    link = page.get_by_role("link", name="Next call")
    for _ in range(40):
        page.keyboard.press("Shift+Tab")
        if link.evaluate("link => link === document.activeElement"):
            break
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="second.wav").wait_for(timeout=PATIENCE)
    wait_for_player(page)
    expect(page.locator(".console .flag.mark")).to_have_count(0, timeout=PATIENCE)


def test_a_bookmark_whose_message_is_lost_is_sent_again_and_kept_once(browser, address):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    lost = []

    def lose_the_first(socket) -> None:
        server = socket.connect_to_server()

        def forward(message) -> None:
            if b"Lost once" in (message if isinstance(message, bytes) else message.encode()):
                lost.append(message)
                if len(lost) == 1:
                    return
            server.send(message)

        socket.on_message(forward)

    page.route_web_socket("**/_stcore/stream*", lose_the_first)
    page.goto(f"{address}/call?call={call_id('second.wav', 1)}")
    wait_for_player(page)
    page.keyboard.press("b")
    page.keyboard.type("Lost once")
    page.keyboard.press("Enter")
    said = page.locator(".console .said")
    expect(said).to_contain_text("Saving the bookmark")
    expect(said).to_contain_text("Bookmark saved", timeout=PATIENCE)
    assert len(lost) == 2
    assert page.locator(".console .flag.mark").count() == 1


def test_space_is_for_the_player_also_after_another_button_was_pressed(browser, address):
    page = open_call(browser, address)
    page.get_by_role("button", name="Edit details").focus()
    page.keyboard.press("n")
    page.wait_for_function(f"!{PLAYER}.paused", timeout=PATIENCE)
    page.keyboard.press("Space")
    assert page.evaluate(f"{PLAYER}.paused")
    assert page.locator("[role=dialog]").count() == 0


def test_keys_that_are_typed_into_a_field_are_no_commands(browser, address):
    page = open_call(browser, address)
    note = page.get_by_role("textbox", name="New note")
    note.fill("")
    note.press_sequentially("n b ?")
    assert note.input_value() == "n b ?"
    assert position(page) == 0.0


def test_on_a_phone_a_note_has_room_to_be_written(browser, address):
    page = open_call(browser, address, width=390, height=844)
    wait_until_drawn(page)
    note, at = (page.get_by_role("textbox", name=name) for name in ("New note", "At (minutes"))
    written = note.bounding_box()
    assert written["height"] > 60
    # What comes next follows below, without a gap.
    following = page.get_by_role("button", name="Add note").bounding_box()
    below = at.bounding_box()
    assert written["y"] + written["height"] <= below["y"]
    assert following["y"] - (below["y"] + below["height"]) < 40


def test_on_a_phone_two_calls_stand_close_below_one_another(browser, address):
    ids = [call_id(name, place) for place, name in enumerate(("first.wav", "second.wav"))]
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{address}/compare?call={ids[0]}&call={ids[1]}")
    page.locator(".score-card").nth(1).wait_for(timeout=PATIENCE)
    wait_until_drawn(page)
    first, second = (
        page.locator("[data-testid=stColumn]").nth(place).bounding_box() for place in (0, 1)
    )
    assert 0 <= second["y"] - (first["y"] + first["height"]) <= 24


def test_zooming_keeps_the_playhead_in_view_and_a_moment_can_be_linked_to(browser, address):
    page = open_call(browser, address)
    page.keyboard.press("n")
    page.keyboard.press("Space")
    page.keyboard.press("+")
    page.keyboard.press("+")
    # The change at 0:21 is out of view then, the playhead at 0:13 is not.
    expect(page.locator(".console .flag.earned")).to_have_count(0, timeout=PATIENCE)
    assert page.locator(".console .playhead").is_visible()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator(".console .said")).to_contain_text("copied", timeout=PATIENCE)
    link = page.evaluate("navigator.clipboard.readText()")
    assert f"/call?call={call_id('first.wav', 0)}&at=13" in link
    page.goto(link)
    wait_for_player(page)
    page.wait_for_function(f"{PLAYER}.currentTime >= 13", timeout=PATIENCE)


def test_the_score_the_reasons_the_words_and_the_player_are_on_one_screen(browser, address):
    page = open_call(browser, address)
    wait_until_drawn(page)
    for part in (".score .value", ".console .card", ".console .sum", ".console .time",
                 ".console .words", ".console .tools"):  # fmt: skip
        box = page.locator(part).first.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 900


def test_without_a_recording_a_call_is_read_place_by_place(browser, address):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/call?call={LONG.call.id}&at=30")
    unheard = page.locator(".console .unheard")
    expect(unheard).to_contain_text("cannot be played", timeout=PATIENCE)
    wait_until_drawn(page)
    for part in (".play", ".speed", ".skip", ".volumes", "[data-do=spectrogram]"):
        expect(page.locator(f".console {part}")).to_be_hidden()
    place = page.locator(".console .time")
    expect(page.locator(".console .playhead")).to_be_visible(timeout=PATIENCE)
    expect(place).to_have_attribute("aria-valuenow", "30", timeout=PATIENCE)
    page.keyboard.press("p")
    expect(page.locator(".console .said")).to_contain_text("The customer went from")
    page.keyboard.press("ArrowRight")
    expect(place).to_have_attribute("aria-valuenow", "8", timeout=PATIENCE)
    page.keyboard.press("b")
    page.keyboard.type("Read here")
    page.keyboard.press("Enter")
    expect(page.locator(".console .said")).to_contain_text("Bookmark saved", timeout=PATIENCE)
    wait_until_drawn(page)
    assert grave_faults(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_stands_in_anybodys_way(browser, address, scheme):
    page = open_call(browser, address, scheme=scheme)
    page.keyboard.press("?")
    page.locator(".console .table summary").click()
    assert grave_faults(page) == []
    page.goto(f"{address}/score_call")
    page.get_by_text("Try the sample call").click(timeout=PATIENCE)
    wait_for_player(page)
    assert grave_faults(page) == []


def test_an_hour_is_drawn_at_once_and_zooms_without_a_pause(browser, address):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/call?call={LONG.call.id}")
    page.wait_for_selector(".console .time canvas", timeout=PATIENCE)
    page.locator(".console .time").hover()
    page.evaluate(
        "() => { window.pauses = []; let last = performance.now();"
        " const tick = (now) => { window.pauses.push(now - last); last = now;"
        " requestAnimationFrame(tick); }; requestAnimationFrame(tick); }"
    )
    for delta in [-300] * 12 + [300] * 6:
        page.mouse.wheel(0, delta)
        page.wait_for_timeout(30)
    assert page.evaluate("window.pauses.length") > 10
    # Drawing takes a few milliseconds; on a busy machine frames are late for other reasons.
    assert median(page.evaluate("window.pauses")) < 250


ZOOMED_ALIKE = """
([lanes, before]) => {
  const [first, second] = lanes.map((one) => one.querySelector(".flag")?.getBoundingClientRect().x);
  return Math.abs(first - before) > 1 && Math.abs(first - second) < 1;
}
"""


def test_two_calls_are_compared_on_one_axis_and_a_moment_opens_its_call(browser, address):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    ids = [call_id(name, place) for place, name in enumerate(("first.wav", "second.wav"))]
    page.goto(f"{address}/compare?call={ids[0]}&call={ids[1]}")
    flags = page.locator(".console.compared .flag")
    expect(flags).to_have_count(2, timeout=PATIENCE)
    before = flags.nth(1).bounding_box()["x"]
    assert flags.nth(0).bounding_box()["x"] == pytest.approx(before, abs=1.0)
    lanes = page.locator(".console.compared .time").first
    lanes.scroll_into_view_if_needed()
    lanes.hover(position={"x": 100, "y": 60})
    page.mouse.wheel(0, -150)
    # The other one follows.
    both = page.locator(".console.compared").element_handles()
    page.wait_for_function(ZOOMED_ALIKE, arg=[both, before], timeout=PATIENCE)
    page.locator(".console.compared").nth(1).locator(".card").click()
    page.get_by_role("heading", name="second.wav").wait_for(timeout=PATIENCE)
    wait_for_player(page)
    page.wait_for_function(f"{PLAYER}.currentTime >= 13", timeout=PATIENCE)
