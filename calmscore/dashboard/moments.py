"""Evidence table and the link from every moment on the page to the player.

The page's own player is Streamlit's. This component makes it jump: a click on a
bar or mark of the timeline, or on a row of the evidence, plays from that second.
It happens in the browser, so the same moment can be played again and again.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from calmscore.analysis.report import CallReport
from calmscore.dashboard.charts import clock
from calmscore.emotions import BY_NAME

TIMELINE_KEY = "timeline"
PLAYER_KEY = "player"

_HTML = """
<table class="evidence">
  <thead>
    <tr><th>Time</th><th>Change</th><th class="number">Points</th><th>Why</th></tr>
  </thead>
  <tbody></tbody>
</table>
"""

_CSS = """
.evidence { width: 100%; border-collapse: collapse; font: inherit; color: var(--st-text-color); }
.evidence th { text-align: left; font-weight: 600; font-size: 0.85rem; opacity: 0.75; }
.evidence th, .evidence td {
  padding: 0.5rem 0.6rem 0.5rem 0; vertical-align: top;
  border-bottom: 1px solid color-mix(in srgb, var(--st-text-color) 14%, transparent);
}
.evidence .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.evidence tr.start td { opacity: 0.75; }
.evidence .swatch {
  display: inline-block; width: 0.7em; height: 0.7em; border-radius: 2px; margin-right: 0.35em;
}
.evidence button {
  font: inherit; cursor: pointer; white-space: nowrap; color: var(--st-text-color);
  background: var(--st-secondary-background-color); border-radius: 999px; padding: 0.1rem 0.7rem;
  border: 1px solid color-mix(in srgb, var(--st-text-color) 22%, transparent);
}
.evidence button:hover, .evidence button:focus-visible { border-color: var(--st-primary-color); }
.evidence .emotion, .evidence .change { white-space: nowrap; }
@media (max-width: 520px) {
  .evidence thead { display: none; }
  .evidence tr {
    display: grid; grid-template-columns: 5.5rem 1fr auto; gap: 0.25rem 0.4rem; padding: 0.5rem 0;
    border-bottom: 1px solid color-mix(in srgb, var(--st-text-color) 14%, transparent);
  }
  .evidence td { border: 0; padding: 0; }
  .evidence .change { white-space: normal; }
  .evidence .why { grid-column: 2 / -1; font-size: 0.9rem; opacity: 0.8; }
}
"""

_JS = """
export default function ({ data, parentElement }) {
  const player = () => document.querySelector(`.st-key-${data.player} audio`);
  const play = (seconds) => {
    const audio = player();
    if (!audio || !Number.isFinite(seconds)) return;
    audio.currentTime = seconds;
    audio.play().catch(() => {});
  };

  parentElement.querySelector("table").hidden = !data.rows.length;
  const body = parentElement.querySelector("tbody");
  body.replaceChildren(...data.rows.map((row) => {
    const line = document.createElement("tr");
    const cell = (name) => {
      const made = document.createElement("td");
      made.className = name;
      line.append(made);
      return made;
    };
    const time = cell("time");
    if (row.seconds === null) {
      line.className = "start";
    } else if (!data.playable) {
      time.textContent = row.clock;
    } else {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `▶ ${row.clock}`;
      button.setAttribute("aria-label", `Play from ${row.clock}`);
      button.onclick = () => play(row.seconds);
      time.append(button);
    }
    const change = cell("change");
    row.emotions.forEach((emotion, index) => {
      if (index) change.append(" → ");
      const word = document.createElement("span");
      word.className = "emotion";
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = emotion.colour;
      word.append(swatch, emotion.name);
      change.append(word);
    });
    if (!row.emotions.length) change.append(row.label);
    cell("number").textContent = row.points;
    cell("why").textContent = row.why;
    return line;
  }));

  let chart = null;
  const onClick = (event) => {
    const point = event.points && event.points[0];
    if (point && point.customdata) play(Number(point.customdata[0]));
  };
  // The chart is drawn after this component, and again when the theme changes.
  const attach = () => {
    const found = document.querySelector(`.st-key-${data.timeline} .js-plotly-plot`);
    if (found === chart || !found || typeof found.on !== "function") return;
    chart = found;
    chart.on("plotly_click", onClick);
    if (data.playable) chart.style.cursor = "pointer";
  };
  attach();
  const timer = setInterval(attach, 300);
  return () => {
    clearInterval(timer);
    if (chart && chart.removeListener) chart.removeListener("plotly_click", onClick);
  };
}
"""

_component = st.components.v2.component("calmscore_moments", html=_HTML, css=_CSS, js=_JS)


def evidence(report: CallReport, *, playable: bool = True) -> None:
    """Show what moved the score, each row with a button that plays its moment.

    Parameters
    ----------
    report : CallReport
        A call with a score.
    playable : bool
        Whether the page has a player.
    """
    _component(
        key="moments",
        data={
            "player": PLAYER_KEY,
            "timeline": TIMELINE_KEY,
            "playable": playable,
            "rows": evidence_rows(report),
        },
    )


def evidence_rows(report: CallReport) -> list[dict[str, Any]]:
    """Return the rows of the evidence table: the start value, then every change."""
    score = report.score
    rows: list[dict[str, Any]] = []
    if score.start_value is not None:
        rows.append(
            {
                "seconds": None,
                "clock": "",
                "emotions": [],
                "label": "Start value",
                "points": f"{score.start_value:.2f}",
                "why": "How the customer opened the call.",
            }
        )
    for change in score.transitions:
        names = list(dict.fromkeys([change.from_emotion, change.to_emotion]))
        rows.append(
            {
                "seconds": change.at_seconds,
                "clock": clock(change.at_seconds),
                "emotions": [
                    {"name": name.capitalize(), "colour": BY_NAME[name].colour} for name in names
                ],
                "label": "",
                "points": f"{change.points:+.2f}",
                "why": change.reason,
            }
        )
    return rows
