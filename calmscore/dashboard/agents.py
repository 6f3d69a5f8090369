"""Agents over a period: averages with their uncertainty, outcomes, weeks, moments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import streamlit as st

from calmscore.analysis.call_score import CALM_THROUGHOUT, INSUFFICIENT_EVIDENCE
from calmscore.analysis.formats import format_change, format_clock, format_points
from calmscore.dashboard.agent_charts import average_scores, outcome_shares, weekly_trend
from calmscore.dashboard.desk import open_store
from calmscore.dashboard.local_time import day_end, day_start, format_day, local_zone
from calmscore.dashboard.page_files import page_file
from calmscore.dashboard.plain_text import plain
from calmscore.store import Store
from calmscore.store.agents import (
    FEWEST_CALLS_TO_COMPARE,
    AgentFigures,
    MomentRow,
    agent_figures,
    agent_moments,
    weekly_scores,
)
from calmscore.store.calls import CallFilter, count_calls
from calmscore.store.settings import Settings, read_settings

Height = int | Literal["content"]
_Period = tuple[datetime | None, datetime | None]
_DAYS = {"30 days": 30, "90 days": 90, "12 months": 365}
_CHOSEN = "From … to"
_PLOTLY = {"displayModeBar": False}
_ROWS_WITHOUT_SCROLLING = 15
_SCROLLED_HEIGHT = 560


def _period(kept_days: int) -> _Period:
    """Ask for a period; none is offered that reaches beyond what is kept."""
    offered = [label for label, days in _DAYS.items() if days < kept_days]
    everything = f"All that is kept ({kept_days} days)"
    options = [*offered, everything, _CHOSEN]
    usual = offered[min(1, len(offered) - 1)] if offered else everything
    if st.session_state.get("agents-period", usual) not in options:
        del st.session_state["agents-period"]
    choice = st.segmented_control(
        "Period", options, default=None if "agents-period" in st.session_state else usual,
        required=True, key="agents-period", persist_state="session",
    )  # fmt: skip
    if choice == _CHOSEN:
        left, right, _ = st.columns([1, 1, 3])
        first = left.date_input(
            "From", None, format="DD/MM/YYYY", key="agents-from", persist_state="session"
        )
        last = right.date_input(
            "To", None, format="DD/MM/YYYY", key="agents-to", persist_state="session"
        )
        return (
            None if first is None else day_start(first),
            None if last is None else day_end(last),
        )
    if choice not in _DAYS:
        return None, None
    today = datetime.now(local_zone()).date()
    return day_start(today - timedelta(days=_DAYS[choice])), None


def _caution() -> None:
    st.info(
        "For coaching: to find calls worth listening to together. Not for pay, ranking, "
        "discipline or dismissal. A score says how a customer's distress moved, which an agent "
        "can only partly change.",
        icon=":material/balance:",
    )


def _table(agents: Sequence[AgentFigures]) -> None:
    # Not one that sorts by a click on its heading: that would rank people. Soft hyphens
    # let every column have its place on a phone.
    rows = {
        "Agent": [plain(agent.agent) for agent in agents],
        "Calls": [f"{agent.calls:,}" for agent in agents],
        "Scored": [f"{agent.scored_calls:,}" for agent in agents],
        "Average (95 %)": [_average(agent) for agent in agents],
        "Calm through\u00adout": [str(agent.outcomes.get(CALM_THROUGHOUT, 0)) for agent in agents],
        "Insuffi\u00adcient evi\u00addence": [
            str(agent.outcomes.get(INSUFFICIENT_EVIDENCE, 0)) for agent in agents
        ],
    }
    if any(agent.set_aside for agent in agents):
        rows["Set aside"] = [str(agent.set_aside) for agent in agents]
    height: Height = "content" if len(agents) <= _ROWS_WITHOUT_SCROLLING else _SCROLLED_HEIGHT
    st.table(rows, height=height, hide_index=True)


def _average(agent: AgentFigures) -> str:
    if agent.average_score is None:
        return "–"
    average = f"{agent.average_score:.1f}"
    if agent.interval is None:
        return f"{average} (too few)"
    return f"{average} ({agent.interval[0]:.1f}–{agent.interval[1]:.1f})"


def _team(store: Store, settings: Settings, period: _Period) -> None:
    with store.database.reading() as session:
        weeks = weekly_scores(session, since=period[0], until=period[1])
    if not weeks:
        return
    st.subheader("The team, week by week")
    st.plotly_chart(
        weekly_trend(weeks, settings), key="agents-team", config=_PLOTLY,
        alt="Average score of all calls in each week",
    )  # fmt: skip
    st.caption("All scored calls, also those without an agent. Larger dots stand for more calls.")


def _averages(agents: list[AgentFigures], settings: Settings) -> None:
    st.subheader("Average score")
    st.caption(
        "In the order of names. The dot is the average of the scored calls; the bar is its 95 % "
        "confidence interval, and the fewer the calls, the longer it is. Where bars overlap, the "
        f"difference may be chance. With fewer than {FEWEST_CALLS_TO_COMPARE} scored calls there "
        "is no bar: nothing can be said yet. Calls that were calm throughout, or with "
        "insufficient evidence, are counted apart and not averaged. Green and red are the score "
        "bands of the settings."
    )
    _set_aside(agents)
    if any(agent.average_score is not None for agent in agents):
        st.plotly_chart(
            average_scores(agents, settings), key="agents-averages", config=_PLOTLY,
            alt="Average score of each agent with its 95 % confidence interval",
        )  # fmt: skip
    else:
        st.info("No call of this period has a score that can be averaged.")
    _table(agents)


def _set_aside(agents: Sequence[AgentFigures]) -> None:
    count = sum(agent.set_aside for agent in agents)
    if count:
        calls = "1 call is" if count == 1 else f"{count:,} calls are"
        st.caption(
            f"{calls} left out of everything below: an agent contested the score, and it was set "
            "aside."
        )


def _outcomes(agents: list[AgentFigures]) -> None:
    agents = [agent for agent in agents if agent.judged_calls]
    if not agents:
        return
    st.subheader("How calls ended")
    st.plotly_chart(
        outcome_shares(agents), key="agents-outcomes", config=_PLOTLY,
        alt="Share of each outcome in the calls of each agent",
    )  # fmt: skip


def _one_agent(
    store: Store, agents: list[AgentFigures], settings: Settings, period: _Period
) -> None:
    names = [agent.agent for agent in agents]
    if st.session_state.get("agents-agent") not in names:
        st.session_state.pop("agents-agent", None)
    st.subheader("One agent")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Agent", names, key="agents-agent", persist_state="session", width=320)
        if st.button("Show the calls", icon=":material/call:"):
            st.session_state["calls-agents"] = [name]
            st.switch_page(page_file("calls"))
    since, until = period
    with store.database.reading() as session:
        weeks = weekly_scores(session, name, since=since, until=until)
        best = agent_moments(session, name, best=True, since=since, until=until)
        worst = agent_moments(session, name, best=False, since=since, until=until)
    st.markdown("**Average score by week**")
    if weeks:
        st.plotly_chart(
            weekly_trend(weeks, settings), key="agents-weeks", config=_PLOTLY,
            alt=f"Average score of {name} in each week",
        )  # fmt: skip
        st.caption("Larger dots stand for more calls.")
    else:
        st.caption("No scored call in this period.")
    left, right = st.columns(2, gap="large")
    with left:
        _moments("Moments that calmed a customer", best)
    with right:
        _moments("Moments worth a second listen", worst)


def _moments(title: str, moments: Sequence[MomentRow]) -> None:
    st.markdown(f"**{title}**")
    if not moments:
        st.caption("None in this period.")
    for moment in moments:
        with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
            st.page_link(
                page_file("call"),
                label=format_clock(moment.at_seconds),
                icon=":material/play_circle:",
                query_params={"call": moment.call_id, "at": f"{moment.at_seconds:g}"},
            )
            change = format_change(moment.from_emotion, moment.to_emotion).capitalize()
            st.markdown(
                f"{change}, {format_points(moment.points)} points  \n"
                f":small[{plain(moment.file_name)}, {format_day(moment.called_at)}]"
            )


def _without_agent(store: Store, agents: Sequence[AgentFigures], period: _Period) -> None:
    with store.database.reading() as session:
        every = count_calls(session, CallFilter(since=period[0], until=period[1]))
    missing = every - sum(agent.calls for agent in agents)
    if missing:
        st.caption(
            f"{'1 call' if missing == 1 else f'{missing:,} calls'} of this period "
            f"{'has' if missing == 1 else 'have'} no agent yet. "
            "Give them one on the page of the call, or by the file-name pattern."
        )


def _nothing(any_calls: bool) -> None:
    if any_calls:
        st.info(
            "No call of this period has an agent. Choose a longer period, or name the agent on "
            "the page of a call.",
            icon=":material/support_agent:",
        )
    else:
        st.info(
            "No calls yet. Add recordings on the page “Calls” and say whose they are.",
            icon=":material/inbox:",
        )


st.title("Agents")
_caution()
desk_store = open_store()
with desk_store.database.reading() as reading:
    bands = read_settings(reading)
    any_calls = bool(count_calls(reading))
chosen_period = _period(bands.report_days)
with desk_store.database.reading() as reading:
    figures = agent_figures(reading, since=chosen_period[0], until=chosen_period[1])
if not figures:
    _nothing(any_calls)
else:
    _team(desk_store, bands, chosen_period)
    _averages(figures, bands)
    _outcomes(figures)
    _without_agent(desk_store, figures, chosen_period)
    _one_agent(desk_store, figures, bands, chosen_period)
