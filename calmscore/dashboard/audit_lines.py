"""The lines of the audit: a table, and on a phone one block for each line."""

from __future__ import annotations

import html
from collections.abc import Sequence

import streamlit as st

from calmscore.dashboard.local_time import format_day, local_zone
from calmscore.store.audit import AuditLine

_STYLE = """
<style>
.audit { max-height: 28rem; overflow-y: auto; font-size: 0.9rem;
  border: 1px solid rgb(128 128 128 / 0.3); border-radius: 0.5rem; }
.audit table { width: 100%; margin: 0 !important; border-collapse: collapse; }
.audit :is(th, td) { padding: 0.35rem 0.6rem; text-align: left; vertical-align: top; border: 0;
  border-bottom: 1px solid rgb(128 128 128 / 0.25); overflow-wrap: anywhere; }
.audit th { font-weight: 600; font-size: 0.85rem; white-space: nowrap; }
.audit tr:last-child td { border-bottom: 0; }
.audit .at { white-space: nowrap; font-variant-numeric: tabular-nums; }
.audit .call { text-align: right; font-variant-numeric: tabular-nums; }
@media (max-width: 640px) {
  .audit { max-height: 32rem; }
  .audit thead { position: absolute; width: 1px; height: 1px; overflow: hidden;
    clip-path: inset(50%); }
  .audit tr { display: grid; grid-template-columns: 1fr auto; column-gap: 0.8rem;
    padding: 0.5rem 0.7rem; border-bottom: 1px solid rgb(128 128 128 / 0.25); }
  .audit tr:last-child { border-bottom: 0; }
  .audit td { padding: 0; border: 0; }
  .audit td.what { grid-area: 1 / 1; font-weight: 600; }
  .audit td.call { grid-area: 1 / 2; }
  .audit td.call:not(:empty)::before { content: "call "; }
  .audit :is(td.who, td.at) { grid-column: 1 / -1; }
  .audit td.at { opacity: 0.8; font-size: 0.85rem; }
}
</style>
"""


def audit_lines(lines: Sequence[AuditLine]) -> None:
    """Show lines of the audit, scrolling by themselves where they are many.

    There is nothing to download here: an export leaves a line of its own.
    """
    if not lines:
        st.caption("No lines yet.")
        return
    rows = "".join(_row(line) for line in lines)
    st.html(
        f'{_STYLE}<div class="audit" role="region" aria-label="Audit" tabindex="0"><table>'
        '<thead><tr><th>Time</th><th>Who</th><th>What</th><th class="call">Call number</th></tr>'
        f"</thead><tbody>{rows}</tbody></table></div>"
    )


def _row(line: AuditLine) -> str:
    at = f"{format_day(line.at)}, {line.at.astimezone(local_zone()):%H:%M:%S}"
    call = "" if line.call_number is None else str(line.call_number)
    cells = {"at": at, "who": line.actor, "what": line.action, "call": call}
    return f"<tr>{''.join(_cell(name, text) for name, text in cells.items())}</tr>"


def _cell(name: str, text: str) -> str:
    return f'<td class="{name}">{html.escape(text)}</td>'
