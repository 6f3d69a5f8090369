"""My coaching: what was shared with an agent, to hear, to acknowledge or to contest."""

from __future__ import annotations

import streamlit as st

from calmscore.analysis.report import CallReport
from calmscore.analysis.scoring import format_clock, format_duration
from calmscore.dashboard import call_view
from calmscore.dashboard.console.component import console
from calmscore.dashboard.desk import own_coaching
from calmscore.dashboard.exchange import exchange
from calmscore.dashboard.local_time import format_date, format_day, format_moment
from calmscore.dashboard.outcomes import outcome_label
from calmscore.dashboard.page_files import page_file
from calmscore.dashboard.plain_text import plain
from calmscore.dashboard.stored_call import playback_from, prepared, start_seconds
from calmscore.errors import CallFileError, CalmscoreError, NotStoredError
from calmscore.store.calls import CallRow
from calmscore.store.own_coaching import OwnCall, OwnCoaching
from calmscore.store.remarks import LONGEST_TEXT, AnswerKind
from calmscore.store.sessions import SessionRow

_STANDS = {
    "contested": "You contest this score; the reply is still to come.",
    "set aside": "This score is set aside: nobody uses it.",
}


def _link(label: str, icon: str, **query: str) -> None:
    st.page_link(
        page_file("my_coaching"), label=label, icon=f":material/{icon}:", query_params=query
    )


def _all(own: OwnCoaching) -> None:
    st.title("My coaching")
    st.markdown(
        "What your supervisors shared with you: listen, read their notes, and answer. Scores say "
        "how the **customer's** distress moved, and can be wrong. Your voice is never scored, and "
        "nobody is ranked."
    )
    sessions = own.sessions()
    if not sessions:
        st.info("Nothing is shared with you yet.", icon=":material/inbox:")
    for row in sessions:
        with st.container(border=True):
            st.markdown(f"**{_shared(row)}**")
            st.caption(f"{_counted(row)} · {_state(row)}")
            _link("Open", "arrow_forward", session=str(row.id))


def _shared(row: SessionRow) -> str:
    assert row.shared_at is not None
    shared = f"Shared by {plain(row.shared_by or row.author)} on {format_day(row.shared_at)}"
    return shared if row.held_on is None else f"{shared}, talked about {format_date(row.held_on)}"


def _counted(row: SessionRow) -> str:
    return "1 call" if len(row.calls) == 1 else f"{len(row.calls)} calls"


def _state(row: SessionRow) -> str:
    """Return how far the exchange is, in words."""
    replied = {one.reply_to for one in row.remarks}
    answers = [one for one in row.remarks if one.kind != "reply"]
    if not answers:
        return "waits for your answer"
    if row.is_contested:
        return "contested, the reply is still to come"
    return "replied" if answers[-1].id in replied else "acknowledged"


def _session(own: OwnCoaching, row: SessionRow) -> None:
    _link("My coaching", "arrow_back")
    st.title("A coaching session", anchor=False)
    st.markdown(_shared(row))
    for call in row.calls:
        with st.container(border=True, key=f"own-{call.number}"):
            _listed_call(row, call)
    if row.agreed:
        st.subheader("What we agreed")
        st.text(row.agreed)
    st.subheader("Your answer to the session")
    _answers(own, row, None)


def _listed_call(row: SessionRow, call: CallRow) -> None:
    score = "no score" if call.score is None else f"{call.score:.1f}"
    st.markdown(f"**{score}** · {outcome_label(call.outcome)} · {plain(call.file_name)}")
    st.caption(_when(call))
    if call.standing is not None:
        st.caption(f":material/gavel: {_STANDS[call.standing]}")
    for item in row.items:
        if item.call.number != call.number:
            continue
        query, label = {"session": str(row.id), "call": call.id}, "The whole call"
        if item.at_seconds is not None:
            query["at"] = f"{item.at_seconds:.1f}"
            label = f"At {format_clock(item.at_seconds)}"
        _link(label, "play_arrow", **query)
        if item.note:
            st.text(item.note)


def _when(call: CallRow) -> str:
    return f"{format_moment(call.called_at)} · {format_duration(call.duration_seconds)}"


def _call(own: OwnCoaching, row: SessionRow, call: OwnCall) -> None:
    report = CallReport.from_dict(call.document)
    _link("The session", "arrow_back", session=str(row.id))
    st.title(plain(call.row.file_name), anchor=False)
    st.markdown(_when(call.row))
    if call.row.standing is not None:
        st.warning(_STANDS[call.row.standing], icon=":material/gavel:")
    call_view.score_card(report, named=False)
    call_view.notices(report)
    sound = prepared(call.row)
    marked = [(note.at_seconds, note.text) for note in call.notes if note.at_seconds is not None]
    console(
        report, sound, start_seconds=start_seconds(), bookmarks=marked,
        why_no_bookmark="Only supervisors set bookmarks.", waiting=call.row.has_audio,
    )  # fmt: skip
    if not call.row.has_audio:
        st.info("The recording is not kept, so it cannot be played.", icon=":material/volume_off:")
    main, side = st.columns(2, gap="large")
    with main:
        st.subheader("Notes")
        _notes(row, call)
    with side:
        st.subheader("Your answer to this call")
        _answers(own, row, call.row)
    call_view.not_a_verdict()
    if sound is None and _made_ready(own, row, call.row):
        st.rerun()


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


def _made_ready(own: OwnCoaching, row: SessionRow, call: CallRow) -> bool:
    try:
        return playback_from(call, lambda: own.open_audio(row.id, call.id)) is not None
    except CallFileError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return False


def _answers(own: OwnCoaching, row: SessionRow, call: CallRow | None) -> None:
    call_id = None if call is None else call.id
    said = [one for one in row.remarks if call is None or one.call_id == call_id]
    exchange(said)
    replied = {one.reply_to for one in said}
    here = [one for one in said if one.call_id == call_id]
    if any(one.kind == "contested" and one.id not in replied for one in here):
        return
    with st.form(f"answer-{row.id}-{call_id}", clear_on_submit=True, border=False):
        text = st.text_area(
            "In your words", max_chars=LONGEST_TEXT, height=90,
            placeholder="Needed to contest: what is wrong, and what happened from your side",
        )  # fmt: skip
        with st.container(horizontal=True):
            acknowledged = st.form_submit_button("Acknowledge", icon=":material/check:")
            contested = st.form_submit_button("Contest", icon=":material/gavel:")
    if acknowledged or contested:
        _keep(own, row, call_id, kind="contested" if contested else "acknowledged", text=text)


def _keep(
    own: OwnCoaching, row: SessionRow, call_id: str | None, *, kind: AnswerKind, text: str
) -> None:
    try:
        own.answer(row.id, kind=kind, call_id=call_id, text=text)
    except CalmscoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.rerun()


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _show(own: OwnCoaching) -> None:
    asked, call_id = st.query_params.get("session"), st.query_params.get("call")
    if asked is None and call_id is None:
        _all(own)
        return
    try:
        row = own.session(_number(asked or ""))
        call = None if call_id is None else own.call(row.id, call_id)
    except NotStoredError:
        st.title("My coaching")
        st.warning("This is not among what was shared with you.", icon=":material/search_off:")
        _link("My coaching", "arrow_back")
        return
    if call is None:
        _session(own, row)
    else:
        _call(own, row, call)


_show(own_coaching())
