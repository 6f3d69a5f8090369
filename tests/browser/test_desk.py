"""The desk in a real browser: add several calls, find them, open, edit, delete."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile
from running_dashboard import ROOT

from browser.pages import PATIENCE, PLAYER, add, nothing_wider, open_page, wait_for_call

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def recordings(tmp_path_factory) -> dict[str, Path]:
    """Four short calls and a letter; the last call is for another person."""
    folder = tmp_path_factory.mktemp("calls")
    speech, rate = soundfile.read(ROOT / "samples" / "calms_down.wav")
    made = {}
    for place, name in enumerate(("first", "second", "other")):
        made[name] = folder / f"{name}.wav"
        part = speech[20 * place * rate : (20 * place + 30) * rate]
        soundfile.write(made[name], part, rate, subtype="ULAW")
    made["letter"] = folder / "letter.wav"
    made["letter"].write_text("Dear customer")
    return made


def test_three_files_two_calls_one_reason(browser, address, recordings):
    page = open_page(browser, f"{address}/calls")
    text = add(page, recordings["first"], recordings["second"], recordings["letter"])
    assert "2 added · 1 not added" in text
    assert "letter.wav is text, not a recording" in text
    assert "Traceback" not in text
    page.get_by_text("2 calls", exact=True).wait_for(timeout=PATIENCE)
    page.get_by_role("link", name="Open").first.click()
    wait_for_call(page)
    page.wait_for_function(f"{PLAYER} && {PLAYER}.readyState > 0", timeout=PATIENCE)


def test_rows_of_the_table_open_a_call_and_compare_two(browser, address, recordings):
    page = open_page(browser, f"{address}/calls")
    add(page, recordings["first"], recordings["second"])
    page.get_by_label("Tick first.wav").check(timeout=PATIENCE)
    page.get_by_label("Tick second.wav").check(timeout=PATIENCE)
    page.get_by_text("2 ticked").wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Compare").click(timeout=PATIENCE)
    page.get_by_role("heading", name="Two calls compared").wait_for(timeout=PATIENCE)
    page.locator(".score .value").nth(1).wait_for(timeout=PATIENCE)
    page.get_by_role("link", name="All calls").click()
    # The whole row, not its link alone.
    page.locator("tbody td.length").first.click(timeout=PATIENCE)
    wait_for_call(page)


def test_the_table_is_sorted_by_the_server_and_read_by_keyboard(browser, address, recordings):
    page = open_page(browser, f"{address}/calls")
    add(page, recordings["first"], recordings["second"])
    names = page.locator("tbody td.file a")
    page.locator("th.file button").click(timeout=PATIENCE)
    page.locator("th.file[aria-sort=ascending]").wait_for(timeout=PATIENCE)
    ascending = names.all_inner_texts()
    page.locator("th.file button").click(timeout=PATIENCE)
    page.locator("th.file[aria-sort=descending]").wait_for(timeout=PATIENCE)
    assert names.all_inner_texts() == ascending[::-1] == sorted(ascending, reverse=True)
    names.first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    wait_for_call(page)
    page.get_by_role("heading", name=ascending[-2]).wait_for(timeout=PATIENCE)


def test_from_home_a_call_is_played_assigned_and_reviewed(browser, address, recordings):
    page = open_page(browser, f"{address}/calls")
    add(page, recordings["first"], recordings["second"])
    page.goto(address)
    page.get_by_role("button", name="Play").first.click(timeout=PATIENCE)
    page.wait_for_selector("audio", timeout=PATIENCE)
    page.wait_for_function(
        "!document.querySelector('audio').paused && document.querySelector('audio').currentTime",
        timeout=PATIENCE,
    )
    page.get_by_role("button", name="Assign").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Assign").click(timeout=PATIENCE)
    page.get_by_text("Assigned to local user").first.wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Reviewed").first.click()
    page.get_by_text("is reviewed.").wait_for(timeout=PATIENCE)


def test_ticked_calls_are_reviewed_and_exported_together(browser, address, recordings):
    page = open_page(browser, f"{address}/calls")
    add(page, recordings["first"], recordings["second"])
    page.get_by_label("Tick first.wav").check(timeout=PATIENCE)
    page.get_by_label("Tick second.wav").check(timeout=PATIENCE)
    page.get_by_text("2 ticked").wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Reviewed", exact=True).last.click(timeout=PATIENCE)
    page.get_by_text("Reviewed: local user").nth(1).wait_for(timeout=PATIENCE)
    with page.expect_download(timeout=PATIENCE) as download:
        page.get_by_role("button", name="Export").click()
    table = Path(download.value.path()).read_text(encoding="utf-8")
    assert "first.wav" in table and "second.wav" in table


def test_a_call_is_taken_away_as_json_and_csv(browser, address, recordings):
    page = open_page(browser, f"{address}/calls")
    add(page, recordings["other"])
    page.get_by_role("link", name="Open").first.click(timeout=PATIENCE)
    wait_for_call(page)
    made = []
    for label in ("Report (JSON)", "Segments (CSV)"):
        with page.expect_download(timeout=PATIENCE) as download:
            page.get_by_role("button", name=label).click(timeout=PATIENCE)
        made.append(Path(download.value.path()).read_text(encoding="utf-8"))
    assert json.loads(made[0])["call"]["file_name"] == "other.wav"
    assert made[1].startswith("file_name,") and "other.wav" in made[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_a_phone(browser, address, recordings, scheme):
    page = open_page(browser, f"{address}/calls", width=390, height=844, scheme=scheme)
    add(page, recordings["first"], recordings["letter"])
    nothing_wider(page, 390)
    page.get_by_role("link", name="Open").first.click()
    wait_for_call(page)
    page.wait_for_selector(".console .time canvas", timeout=PATIENCE)
    nothing_wider(page, 390)
    page.goto(f"{address}/agents")
    page.get_by_role("heading", name="Agents").wait_for(timeout=PATIENCE)
    nothing_wider(page, 390)


def test_what_one_person_edits_and_deletes_another_sees(browser, address, recordings):
    first, second = (open_page(browser, f"{address}/calls") for _ in range(2))
    add(first, recordings["other"])
    first.get_by_role("link", name="Open").first.click()
    wait_for_call(first)
    second.goto(first.url)
    wait_for_call(second)

    first.get_by_role("button", name="Edit details").click()
    customer = first.get_by_role("textbox", name="Customer")
    customer.fill("4417")
    customer.press("Enter")
    first.get_by_role("button", name="Save").click()
    first.get_by_text("customer 4417").wait_for(timeout=PATIENCE)
    second.reload()
    second.get_by_text("customer 4417").wait_for(timeout=PATIENCE)

    first.get_by_role("button", name="Delete").click()
    first.get_by_role("button", name="Delete for good").click()
    first.get_by_text("other.wav was deleted").wait_for(timeout=PATIENCE)
    second.reload()
    second.get_by_text("This call is not here").wait_for(timeout=PATIENCE)


def test_the_menu_of_a_phone_makes_way_for_the_page_that_was_chosen(browser, address):
    page = open_page(browser, address, width=390, height=844)
    page.get_by_role("button", name="Expand sidebar").click()
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Agents").click()
    page.get_by_role("heading", name="Agents").wait_for(timeout=PATIENCE)
    page.locator("[data-testid=stSidebar][data-collapsed=true]").wait_for(
        state="attached", timeout=PATIENCE
    )


def test_every_page_begins_under_the_products_name(browser, address):
    page = open_page(browser, address)
    for name in ("", "calls", "agents", "coaching", "export", "settings", "reading", "model_card"):
        page.goto(f"{address}/{name}", timeout=PATIENCE)
        page.get_by_test_id("stHeaderLogo").wait_for(timeout=PATIENCE)
        page.wait_for_function(
            "document.querySelector('h1')?.getBoundingClientRect().top < 100", timeout=PATIENCE
        )
