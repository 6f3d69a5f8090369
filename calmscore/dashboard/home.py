"""To listen to: the calls that are worth an ear today, each with its reason."""

from __future__ import annotations

import html
from datetime import datetime

import streamlit as st

from calmscore.analysis.formats import format_clock, format_duration
from calmscore.audio.playback import PLAYBACK_MIME_TYPE
from calmscore.dashboard.acknowledging import acknowledge_button, acknowledged_line
from calmscore.dashboard.adding import ADDING_KEY, add_calls
from calmscore.dashboard.desk import User, current_user, is_shared, open_store
from calmscore.dashboard.dropping import drop_anywhere
from calmscore.dashboard.local_time import format_date, format_moment, local_zone
from calmscore.dashboard.outcomes import OUTCOME_COLOURS, outcome_label
from calmscore.dashboard.page_files import page_file
from calmscore.dashboard.plain_text import plain
from calmscore.dashboard.reviewing import ask_to_assign, undo_line, undoable
from calmscore.dashboard.standing import contests_to_answer
from calmscore.dashboard.stored_call import moment_seconds, playback
from calmscore.dashboard.trend import trend_picture
from calmscore.errors import CallFileError
from calmscore.store import Store
from calmscore.store.calls import CallFilter, CallRow, count_calls
from calmscore.store.keys import allows
from calmscore.store.listening import LISTENING_DAYS, ToListenTo, count_open, to_listen_to
from calmscore.store.reviews import mark_reviewed, skip

_PLAYING = "listening-playing"
_STYLE = """
<style>
.listen { display: grid; grid-template-columns: 4.2rem 1fr 120px; gap: 0 1rem; align-items: start; }
.listen .value { font-size: 2rem; font-weight: 700; line-height: 1.1; }
.listen .why { font-weight: 600; }
.listen .who, .listen .file { opacity: 0.8; font-size: 0.9rem; overflow-wrap: anywhere; }
.listen .outcome {
  display: inline-block; font-size: 0.85rem; padding: 0 0.55rem; margin-right: 0.3rem;
  border-radius: 999px; border: 1.5px solid var(--outcome);
  background: color-mix(in srgb, var(--outcome) 18%, transparent);
}
.listen .trend { width: 120px; height: 40px; }
@media (max-width: 640px) {
  .listen { grid-template-columns: 3.4rem 1fr; }
  .listen .trend { display: none; }
}
</style>
"""


def _why(entry: ToListenTo) -> str:
    row = entry.row
    match entry.reason:
        case "assigned":
            due = "" if row.due_on is None else f", due {format_date(row.due_on)}"
            return f"Assigned to {row.reviewer}{due}"
        case "alert":
            return "Alert: " + ", ".join(entry.rules.values())
        case "escalated":
            return "The customer ended more distressed than they began"
        case "rescue":
            return "The biggest rescue of the last two weeks"
        case "doubt" if entry.unclear_customer:
            return "In doubt: who of the two is the customer?"
        case "doubt" if entry.interval is not None:
            low, high = entry.interval
            return f"In doubt: the score may be anything from {low:.1f} to {high:.1f}"
        case _ if row.agent is None:
            return "One of the calls without an agent, drawn by lot"
        case _:
            return f"One of {row.agent}'s calls, drawn by lot"


def _head(entry: ToListenTo) -> None:
    row = entry.row
    who = " · ".join(
        (
            row.agent or "agent unknown",
            format_moment(row.called_at),
            format_duration(row.duration_seconds),
        )
    )
    value = "–" if row.score is None else f"{row.score:.1f}"
    st.html(
        f"""
        <div class="listen" style="--outcome: {OUTCOME_COLOURS[row.outcome]}">
        <div class="value">{value}</div>
        <div>
          <div class="why"><span class="outcome">{outcome_label(row.outcome)}</span>
          {html.escape(_why(entry))}{f" · score {row.standing}" if row.standing else ""}</div>
          <div class="who">{html.escape(who)}</div>
          <div class="file">{html.escape(row.file_name)}</div>
        </div>
        {trend_picture(row.trend)}
        </div>
        """
    )


def _entry(store: Store, entry: ToListenTo, user: User) -> None:
    row = entry.row
    with st.container(border=True, key=f"listen-{row.number}"):
        _head(entry)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            _play_button(row)
            st.page_link(
                page_file("call"), label="Open", icon=":material/open_in_full:",
                query_params={"call": row.id},
            )  # fmt: skip
            if allows(user.role, "supervisor"):
                _decide(store, entry, user)
        if st.session_state.get(_PLAYING) == row.id:
            _player(store, row, user)


def _play_button(row: CallRow) -> None:
    if row.has_audio:
        if st.button("Play", key=f"play-{row.number}", icon=":material/play_arrow:"):
            st.session_state[_PLAYING] = row.id
    else:
        st.caption("Recording not kept", width="content")


def _decide(store: Store, entry: ToListenTo, user: User) -> None:
    row = entry.row
    if entry.reason == "alert":
        acknowledge_button(
            store, entry.rules, row.id, user, file_name=row.file_name, key=f"noted-{row.number}"
        )
    if st.button("Reviewed", key=f"reviewed-{row.number}", icon=":material/check:"):
        with store.database.writing() as session:
            mark_reviewed(session, [row.id], actor=user.name)
        undoable(row, "is reviewed")
        st.rerun()
    if st.button("Assign", key=f"assign-{row.number}", icon=":material/person_add:"):
        ask_to_assign(store, [row], user)
    if st.button("Skip", key=f"skip-{row.number}", icon=":material/skip_next:", type="tertiary"):
        with store.database.writing() as session:
            skip(session, row.id, actor=user.name)
        undoable(row, "is skipped")
        st.rerun()


def _player(store: Store, row: CallRow, user: User) -> None:
    """Play the moment that moved the score most, where there is one."""
    try:
        sound = playback(store, row, actor=user.name)
    except CallFileError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if sound is None:
        st.info("The recording is not kept any more.", icon=":material/volume_off:")
        return
    start = moment_seconds(store, row.id)
    if start:
        st.caption(f"From {format_clock(start)}, before the moment that moved the score most.")
    st.audio(sound.encoded, format=PLAYBACK_MIME_TYPE, start_time=int(start), autoplay=True)


def _list(store: Store, user: User) -> None:
    today = datetime.now(local_zone()).date()
    with store.database.reading() as session:
        entries = to_listen_to(session, day=today, reviewer=user.name if is_shared() else None)
        waiting = count_open(session)
    undo_line(store)
    acknowledged_line()
    if allows(user.role, "supervisor"):
        contests_to_answer(store)
    if not entries:
        st.success(
            f"Nothing waits. Calls that came in within the last {LISTENING_DAYS} days and are "
            "worth an ear appear here.",
            icon=":material/done_all:",
        )
    else:
        st.caption(
            f"{len(entries)} of {waiting:,} calls that came in within the last {LISTENING_DAYS} "
            "days and that nobody has dealt with: what a rule found, what escalated, what was "
            "rescued, what is in doubt, and one call of each agent by lot. To coach with, not to "
            "rank people."
        )
    st.html(_STYLE)
    for entry in entries:
        _entry(store, entry, user)
    st.page_link(page_file("calls"), label="All calls", icon=":material/arrow_forward:")


def _welcome(may_add: bool) -> None:
    st.markdown(
        "The calls that are worth listening to will wait here: what escalated, what an agent "
        "rescued, what is in doubt, and one call of each agent by lot."
    )
    if may_add:
        st.markdown(
            "Add recordings below, drop them anywhere on this page, or try a single one first; "
            "nothing is kept then."
        )
        st.page_link(page_file("score_call"), label="Score a call", icon=":material/graphic_eq:")
    else:
        st.info("No calls yet. They appear here once a supervisor adds them.")


st.title("To listen to")
desk_store = open_store()
whoever = current_user()
may_add = allows(whoever.role, "supervisor")
with desk_store.database.reading() as reading:
    any_calls = bool(count_calls(reading, CallFilter()))
if any_calls:
    _list(desk_store, whoever)
else:
    _welcome(may_add)
if may_add:
    drop_anywhere(ADDING_KEY, invitation="Drop recordings to add them", presses=True)
    add_calls(desk_store, actor=whoever.name, expanded=not any_calls)
