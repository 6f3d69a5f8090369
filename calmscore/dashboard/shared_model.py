"""The one model of this installation, shared by all pages and people, and its queue."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import streamlit as st

from calmscore.analysis.call import analyze_recording
from calmscore.analysis.report import CallReport, Direction
from calmscore.analysis.spoken_cues import Said
from calmscore.audio.recording import Recording
from calmscore.dashboard.desk import open_store
from calmscore.intake.analysis_throttle import AnalysisThrottle
from calmscore.intake.queue import CallQueue
from calmscore.intake.words_writer import PassingWords, WordsWriter
from calmscore.network import classifier
from calmscore.outputs.alert_sender import AlertSender
from calmscore.settings import read_environment

_AT_ONCE = 2


@st.cache_resource(show_spinner=False)
def _turn() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(_AT_ONCE)


@st.cache_resource(show_spinner="Loading the model…")
def analyses() -> AnalysisThrottle:
    """Return what analyses calls, a few at a time."""
    return AnalysisThrottle(classifier.load_classifier(), turn=_turn())


@st.cache_resource(show_spinner=False, on_release=CallQueue.stop)
def call_queue() -> CallQueue:
    """Return what takes uploads into the store, whoever sent them."""
    queue = CallQueue(
        open_store(),
        # Looked up when there is work, so that a page is there before the model.
        load=lambda: classifier.load_classifier(),
        at_once=_AT_ONCE,
        most_waiting=read_environment().most_calls_waiting,
        turn=_turn(),
    )
    queue.start()
    return queue


@st.cache_resource(show_spinner=False, on_release=WordsWriter.stop)
def words_writer() -> WordsWriter:
    """Return what writes down the words of calls that are kept."""
    writer = WordsWriter(open_store(), analyse=_analysed_again)
    writer.start()
    return writer


@st.cache_resource(show_spinner=False, on_release=AlertSender.stop)
def alert_sender() -> AlertSender:
    """Return what sends the messages of alerts."""
    sender = AlertSender(open_store())
    sender.start()
    return sender


@st.cache_resource(show_spinner=False)
def passing_words() -> PassingWords:
    """Return what writes down the words of calls that nobody keeps."""
    return PassingWords(analyse=_analysed_again)


def _analysed_again(
    recording: Recording, *, direction: Direction | None, said: Sequence[Said]
) -> CallReport:
    with _turn():
        return analyze_recording(
            recording, direction=direction, said=said, classifier=classifier.load_classifier()
        )
