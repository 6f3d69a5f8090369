"""A call of one of an agent's sessions, by ``?session=…&call=…``: to hear, to answer."""

from __future__ import annotations

import streamlit as st

from calmscore.analysis.formats import format_clock
from calmscore.analysis.report import CallReport
from calmscore.dashboard import call_view
from calmscore.dashboard.console.component import console, player
from calmscore.dashboard.desk import own_coaching
from calmscore.dashboard.own_pages import STANDS, answers, asked_session, not_shared, own_link, when
from calmscore.dashboard.plain_text import plain
from calmscore.dashboard.stored_call import (
    playback_from,
    prepared,
    sound_to_hear,
    start_seconds,
    why_unheard,
)
from calmscore.errors import NotStoredError
from calmscore.store.own_coaching import OwnCall, OwnCoaching
from calmscore.store.sessions import SessionRow


def _call(own: OwnCoaching, row: SessionRow, call: OwnCall) -> None:
    report = CallReport.from_dict(call.document)
    own_link("my_session", "The session", "arrow_back", session=str(row.id))
    st.title(plain(call.row.file_name), anchor=False)
    st.markdown(when(call.row))
    if call.row.standing is not None:
        st.warning(STANDS[call.row.standing], icon=":material/gavel:")
    call_view.score_card(report, named=False)
    call_view.notices(report)
    sound = prepared(call.row)
    unheard = why_unheard(call.row)
    marked = [(note.at_seconds, note.text) for note in call.notes if note.at_seconds is not None]
    console(
        report, sound, start_seconds=start_seconds(), bookmarks=marked, may_link=False,
        unheard=unheard,
    )  # fmt: skip
    main, side = st.columns(2, gap="large")
    with main:
        st.subheader("Notes")
        _notes(row, call)
    with side:
        st.subheader("Your answer to this call")
        answers(own, row, call.row)
    call_view.not_a_verdict()
    if sound is None and not unheard:
        sound = sound_to_hear(
            call.row, lambda: playback_from(call.row, lambda: own.open_audio(row.id, call.row.id))
        )
    if sound is not None:
        player(report, sound)


def _notes(row: SessionRow, call: OwnCall) -> None:
    why = [(item.at_seconds, item.note) for item in row.items if item.call.id == call.row.id]
    listed = [(at, f"{plain(row.author)}", text) for at, text in why if text]
    said = {text for _, _, text in listed}
    listed += [
        (note.at_seconds, plain(note.author), note.text)
        for note in call.notes
        if note.text not in said
    ]
    if not listed:
        st.caption("No notes.")
    for at_seconds, author, text in listed:
        where = "whole call" if at_seconds is None else f"at {format_clock(at_seconds)}"
        st.caption(f"{where} · {author}")
        st.text(text)


coaching = own_coaching()
number = asked_session()
try:
    found = coaching.session(number)
    asked = coaching.call(number, st.query_params.get("call", ""))
except NotStoredError:
    not_shared()
else:
    _call(coaching, found, asked)
