"""Score a call: upload, score, reasons, timeline, player; nothing is kept unasked."""

from __future__ import annotations

import io
from dataclasses import replace

import streamlit as st

from calmscore.analysis.call_channels import ChannelChoice
from calmscore.audio.av_sound import RECORDING_SUFFIXES
from calmscore.audio.recording_file import hash_recording
from calmscore.dashboard import call_view
from calmscore.dashboard.bare_samples import choose_raw_format
from calmscore.dashboard.coaching import bookmark_keeper, bookmarks
from calmscore.dashboard.console.component import console, player
from calmscore.dashboard.desk import current_user, keep_agents_out, open_store
from calmscore.dashboard.dropping import drop_anywhere
from calmscore.dashboard.page_files import page_file
from calmscore.dashboard.plain_text import plain
from calmscore.dashboard.shared_model import analyses, passing_words
from calmscore.dashboard.stored_call import watched_phrases
from calmscore.errors import fault_of
from calmscore.intake.analysis_throttle import AnalysedCall
from calmscore.intake.take_in import keep
from calmscore.locations import shipped
from calmscore.settings import read_environment
from calmscore.store.keys import allows
from calmscore.store.settings import read_settings
from calmscore.words.transcript import words_notices

_SAMPLE = shipped("samples") / "calms_down.wav"

# What is said of files that may hold bare samples.
_WITHOUT_HEADER = ("not_audio", "unreadable_audio")
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
        "Drop a recording anywhere on this page. Calmscore listens to the **customer's** side of "
        "the call and shows how their distress moved while your agent handled it: a score from "
        "1 to 10, the moments that made it, and a timeline you can play."
    )
    st.page_link(page_file("reading"), label="How to read the score", icon=":material/menu_book:")
    st.caption(
        "The agent's voice is never scored. The recording stays in the memory of the computer that "
        "runs Calmscore until you close the page or upload another call; nothing is written to "
        "disk unless you press “Keep this call”. Best in stereo, one person per channel."
    )


def _analysed(name: str, source: io.BytesIO) -> AnalysedCall | None:
    """Return the analysis of the chosen call, from this session where it was done before."""
    digest = hash_recording(source, file_name=name)
    channel: ChannelChoice = st.session_state.get(_channel_key(digest)) or "auto"
    raw_format: str | None = st.session_state.get(_raw_format_key(digest))
    wanted = (name, digest, channel, raw_format)
    done: tuple[tuple[str | None, ...], AnalysedCall] | None = st.session_state.get("analysis")
    if done is not None and done[0] == wanted:
        return done[1]
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
        call = analyses().analyse(
            source, file_name=name, customer_channel=channel, raw_format=raw_format,
            progress=advance,
        )  # fmt: skip
    except Exception as error:
        fault = fault_of(error, file_name=name)
        st.error(plain(fault.message), icon=":material/error:")
        if raw_format is not None or fault.code in _WITHOUT_HEADER:
            _raw_format_choice(digest)
        return None
    finally:
        place.empty()
    st.session_state["analysis"] = (wanted, call)
    return call


def _channel_key(call_id: str) -> str:
    return f"channel-{call_id}"


def _raw_format_key(call_id: str) -> str:
    return f"raw-format-{call_id}"


def _raw_format_choice(call_id: str) -> None:
    """Let it be said what a file without a header holds; a field forgets it on other pages."""
    key, field = _raw_format_key(call_id), f"choice-of-{_raw_format_key(call_id)}"

    def choose() -> None:
        st.session_state[key] = st.session_state[field]

    choose_raw_format(
        st.columns([1, 2])[0], "A file without a header holds", unsaid="As its name says",
        chosen=st.session_state.get(key), key=field, on_change=choose,
    )  # fmt: skip


def _keeping(call: AnalysedCall, source: io.BytesIO) -> None:
    """Offer to store the call; say where it is once it is stored."""
    report = call.report
    user = current_user()
    if not allows(user.role, "supervisor"):
        return
    if _is_kept(call):
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
    keep(report, source, store=open_store(), actor=user.name, raw_format=call.raw_format)
    st.session_state["kept"] = _this(call)
    st.rerun()


def _console(call: AnalysedCall) -> None:
    report = call.report
    store = open_store()
    phrases = watched_phrases(store)
    if not _is_kept(call):
        console(
            report, call.playback, phrases=phrases,
            why_no_bookmark="Keep this call first: bookmarks go with it.",
            may_link=False, why_no_link="Keep this call first: only a kept call has a link.",
        )  # fmt: skip
        return
    console(
        report, call.playback, bookmarks=bookmarks(store, report.call.id),
        on_bookmark=bookmark_keeper(store, report.call.id, current_user()), phrases=phrases,
    )  # fmt: skip


def _is_kept(call: AnalysedCall) -> bool:
    return bool(st.session_state.get("kept") == _this(call))


def _this(call: AnalysedCall) -> tuple[str | None, ...]:
    return call.report.call.id, call.report.call.customer_channel, call.raw_format


def _show(call: AnalysedCall, source: io.BytesIO) -> None:
    report = call.report
    if call.raw_format is not None:
        _raw_format_choice(report.call.id)
    call_view.score_card(report)
    with st.container(horizontal=True, vertical_alignment="center"):
        _keeping(call, source)
        call_view.customer_side(report, key=_channel_key(report.call.id))
        if st.session_state["upload"] is None:
            st.button("Close this call", type="tertiary", on_click=_close)
        if report.call.file_name == _SAMPLE.name:
            st.caption("The voices of the sample call are synthetic.", width="content")
    call_view.notices(report)
    _console(call)
    player(report, call.playback)
    _words(call, source)
    call_view.who_spoke(report)
    call_view.downloads(report)
    call_view.not_a_verdict()


@st.fragment(run_every=1.0)
def _words_follow(call: AnalysedCall, source: io.BytesIO) -> None:
    """Show how far the words are; the page is drawn again once they are there."""
    this = (call.report.call.file_name, *_this(call))
    known = st.session_state.get("words")
    if known is None or known[0] != this:
        copy = io.BytesIO(source.getvalue())
        with open_store().database.reading() as session:
            score_from = read_settings(session).score_from
        under_way = passing_words().begin(
            call.report, copy, score_from=score_from, raw_format=call.raw_format
        )
        known = (this, under_way)
        st.session_state["words"] = known
    under_way = known[1]
    if not under_way.report.done():
        st.progress(under_way.share, text="Writing down what is said…")
        return
    wanted, _ = st.session_state["analysis"]
    told = replace(call, report=under_way.report.result())
    if _is_kept(call):
        # The words may tell that the customer is on the other side.
        st.session_state["kept"] = _this(told)
    st.session_state["analysis"] = (wanted, told)
    st.rerun()


def _words(call: AnalysedCall, source: io.BytesIO) -> None:
    told = call.report.words is not None or words_notices(call.report)
    if not told and read_environment().writes_words:
        _words_follow(call, source)


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
        _show(analysed, chosen[1])
