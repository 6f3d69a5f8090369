"""Score a call: upload, score, reasons, timeline, player; nothing is kept unasked."""

from __future__ import annotations

import io

import streamlit as st

from calmscore.analysis.call_channels import ChannelChoice
from calmscore.analysis.report import CallReport
from calmscore.audio.av_sound import RECORDING_SUFFIXES
from calmscore.audio.playback import Playback
from calmscore.audio.recording_file import hash_recording
from calmscore.dashboard import call_view
from calmscore.dashboard.coaching import bookmark_keeper, bookmarks
from calmscore.dashboard.console.component import console, player
from calmscore.dashboard.desk import current_user, keep_agents_out, open_store
from calmscore.dashboard.dropping import drop_anywhere
from calmscore.dashboard.page_files import page_file
from calmscore.dashboard.plain_text import plain
from calmscore.dashboard.shared_model import analyses, passing_words
from calmscore.dashboard.stored_call import watched_phrases
from calmscore.errors import fault_of
from calmscore.intake.take_in import keep
from calmscore.locations import shipped
from calmscore.settings import read_environment
from calmscore.store.keys import allows
from calmscore.store.settings import read_settings
from calmscore.words.transcript import words_notices

_SAMPLE = shipped("samples") / "calms_down.wav"

# How far an analysis is, by the clock, when the recording is read and when its speech is found.
_READ_SHARE, _SEARCHED_SHARE = 0.05, 0.35
# The bar stands still while speech is searched; that it breathes says that work goes on.
_BREATHING = """
<style>
@keyframes breathe { 50% { opacity: 0.45; } }
.st-key-listening [role="progressbar"] > div { animation: breathe 1.6s ease-in-out infinite; }
@media (prefers-reduced-motion) {
  .st-key-listening [role="progressbar"] > div { animation: none; }
}
</style>
"""


def _chosen_call() -> tuple[str, io.BytesIO] | None:
    """Return the call that was chosen in this session, also after a look at another page."""
    # In one row: below, a call's score, lanes, words and moments have a screen to share.
    title_column, upload_column, sample_column = st.columns([5, 12, 4], vertical_alignment="center")
    title_column.title("Score a call", anchor=False)
    upload_column.file_uploader(
        "Recording of a call", type=RECORDING_SUFFIXES, key="upload", on_change=_uploaded,
        label_visibility="collapsed",
    )  # fmt: skip
    drop_anywhere("upload", invitation="Drop a recording to score it")
    if _SAMPLE.is_file():
        sample_column.button(
            "Try the sample call", icon=":material/play_circle:", on_click=_try_sample
        )
    chosen: tuple[str, io.BytesIO] | None = st.session_state.get("chosen")
    return chosen


def _uploaded() -> None:
    file = st.session_state["upload"]
    st.session_state["chosen"] = None if file is None else (file.name, file)


def _try_sample() -> None:
    st.session_state["chosen"] = (_SAMPLE.name, io.BytesIO(_SAMPLE.read_bytes()))


def _close() -> None:
    for key in ("chosen", "analysis", "kept"):
        st.session_state.pop(key, None)


def _welcome() -> None:
    st.markdown(
        "Calmscore listens to the **customer's** side of a call and shows how their distress "
        "moved while your agent handled it: a score from 1 to 10, the moments that made it, and "
        "a timeline you can play."
    )
    st.caption(
        "The agent's voice is never scored. The recording stays in the memory of the computer that "
        "runs Calmscore until you close the page or upload another call; nothing is written to "
        "disk unless you press “Keep this call”. Best in stereo, one person per channel."
    )


def _analysed(name: str, source: io.BytesIO) -> tuple[CallReport, Playback] | None:
    """Return the analysis of the chosen call, from this session where it was done before."""
    digest = hash_recording(source, file_name=name)
    channel: ChannelChoice = st.session_state.get(_channel_key(digest)) or "auto"
    wanted = (name, digest, channel)
    done = st.session_state.get("analysis")
    if done is not None and done[0] == wanted:
        return done[1], done[2]
    place = st.empty()
    with place.container(key="listening"):
        st.html(_BREATHING)
        bar = st.progress(0.02, text="Reading the call…")

    def advance(completed: int, total: int) -> None:
        if not total:
            bar.progress(_READ_SHARE, text="Looking for the customer's speech…")
            return
        share = _SEARCHED_SHARE + (1.0 - _SEARCHED_SHARE) * completed / total
        bar.progress(share, text=f"Listening: {completed} of {total} segments")

    try:
        report, playback = analyses().analyse(
            source, file_name=name, customer_channel=channel, progress=advance
        )
    except Exception as error:
        st.error(plain(fault_of(error, file_name=name).message), icon=":material/error:")
        return None
    finally:
        place.empty()
    st.session_state["analysis"] = (wanted, report, playback)
    return report, playback


def _channel_key(call_id: str) -> str:
    return f"channel-{call_id}"


def _keeping(report: CallReport, source: io.BytesIO) -> None:
    """Offer to store the call; say where it is once it is stored."""
    user = current_user()
    if not allows(user.role, "supervisor"):
        return
    if _is_kept(report):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(":material/check_circle: This call is kept.")
            st.page_link(
                page_file("call"),
                label="Open it",
                icon=":material/arrow_forward:",
                query_params={"call": report.call.id},
            )
        return
    if not st.button(
        "Keep this call",
        icon=":material/bookmark_add:",
        help="Stores the report, and the recording for as long as the settings say.",
    ):
        return
    keep(report, source, store=open_store(), actor=user.name)
    st.session_state["kept"] = _this(report)
    st.rerun()


def _console(report: CallReport, playback: Playback) -> None:
    store = open_store()
    phrases = watched_phrases(store)
    if not _is_kept(report):
        console(
            report, playback, phrases=phrases,
            why_no_bookmark="Keep this call first: bookmarks go with it.",
            why_no_link="Keep this call first: only a kept call has a link.",
        )  # fmt: skip
        return
    console(
        report, playback, bookmarks=bookmarks(store, report.call.id),
        on_bookmark=bookmark_keeper(store, report.call.id, current_user()), phrases=phrases,
    )  # fmt: skip


def _is_kept(report: CallReport) -> bool:
    return bool(st.session_state.get("kept") == _this(report))


def _this(report: CallReport) -> tuple[str, str]:
    return report.call.id, report.call.customer_channel


def _show(report: CallReport, playback: Playback, source: io.BytesIO) -> None:
    call_view.score_card(report)
    with st.container(horizontal=True, vertical_alignment="center"):
        _keeping(report, source)
        call_view.customer_side(report, key=_channel_key(report.call.id))
        if st.session_state["upload"] is None:
            st.button("Close this call", type="tertiary", on_click=_close)
        if report.call.file_name == _SAMPLE.name:
            st.caption("The voices of the sample call are synthetic.", width="content")
    call_view.notices(report)
    _console(report, playback)
    player(report, playback)
    _words(report, source)
    call_view.who_spoke(report)
    call_view.downloads(report)
    call_view.not_a_verdict()


@st.fragment(run_every=1.0)
def _words_follow(report: CallReport, source: io.BytesIO) -> None:
    """Show how far the words are; the page is drawn again once they are there."""
    this = (report.call.id, report.call.file_name, report.call.customer_channel)
    known = st.session_state.get("words")
    if known is None or known[0] != this:
        copy = io.BytesIO(source.getvalue())
        with open_store().database.reading() as session:
            score_from = read_settings(session).score_from
        known = (this, passing_words().begin(report, copy, score_from=score_from))
        st.session_state["words"] = known
    under_way = known[1]
    if not under_way.report.done():
        st.progress(under_way.share, text="Writing down what is said…")
        return
    wanted, _, playback = st.session_state["analysis"]
    told = under_way.report.result()
    if _is_kept(report):
        # The words may tell that the customer is on the other side.
        st.session_state["kept"] = _this(told)
    st.session_state["analysis"] = (wanted, told, playback)
    st.rerun()


def _words(report: CallReport, source: io.BytesIO) -> None:
    told = report.words is not None or words_notices(report)
    if not told and read_environment().writes_words:
        _words_follow(report, source)


keep_agents_out()
chosen = _chosen_call()
below = st.empty()
if chosen is None:
    with below.container():
        _welcome()
else:
    # What stood here before does not stay under the progress.
    below.empty()
    analysed = _analysed(*chosen)
    if analysed is not None:
        _show(*analysed, chosen[1])
