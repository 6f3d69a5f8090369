"""What an alert says: as little of people as its rule allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from calmscore.analysis.call_score import UNRESOLVED
from calmscore.errors import NotStoredError
from calmscore.store.alert_rules import read_rule
from calmscore.store.alerts import said_phrases
from calmscore.store.calls import CallRow, read_rows
from calmscore.store.deliveries import DeliveryRow

_MADE_UP_ID = "0" * 64


@dataclass(frozen=True, kw_only=True)
class AlertMessage:
    """One message, for a webhook or an e-mail.

    Attributes
    ----------
    id : str
        Of the delivery: the same in every attempt.
    rule : str
        The rule's name.
    is_test : bool
        Whether somebody only tries the address; the call is made up then.
    call_id, outcome, link : str
    agent : str or None
    called_at : datetime
    score : float or None
    more : mapping
        Where the rule says so: ``customer``, ``file_name`` and ``phrases``, with how often
        each was said.
    """

    id: str
    rule: str
    is_test: bool
    call_id: str
    agent: str | None
    called_at: datetime
    score: float | None
    outcome: str
    link: str
    more: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return what a webhook carries."""
        return {
            "id": self.id,
            "kind": "test" if self.is_test else "alert",
            "rule": self.rule,
            "call": {
                "id": self.call_id,
                "agent": self.agent,
                "called_at": self.called_at.isoformat(),
                "score": self.score,
                "outcome": self.outcome,
                "link": self.link,
                **self.more,
            },
        }

    def subject(self) -> str:
        """Return the subject of an e-mail."""
        return f"Calmscore: {'a test of ' if self.is_test else ''}{self.rule}"

    def text(self) -> str:
        """Return the text of an e-mail."""
        first = (
            f"This is a test of the rule “{self.rule}”. The call below is made up."
            if self.is_test
            else f"The rule “{self.rule}” found a call."
        )
        score = "no score" if self.score is None else f"score {self.score:.1f}"
        lines = [
            f"{score.capitalize()}, {self.outcome}",
            f"Agent: {self.agent or 'unknown'}",
            f"Called: {self.called_at:%d %b %Y, %H:%M} UTC",
            *self._more_lines(),
        ]
        return "\n".join(
            [first, "", *lines, "", f"Listen: {self.link}", "", _FOOT.format(rule=self.rule)]
        )

    def _more_lines(self) -> list[str]:
        if not self.more:
            return []
        said = ", ".join(f"“{one}”" for one in self.more["phrases"]) or "none of the phrases"
        return [
            f"Customer: {self.more['customer'] or 'unknown'}",
            f"File: {self.more['file_name']}",
            f"Said: {said}",
        ]


_FOOT = (
    "An estimate to coach with, not a verdict on anybody. You get this because the rule "
    "“{rule}” names your address; whoever manages Calmscore can change it."
)


def alert_message(session: Session, delivery: DeliveryRow, *, dashboard_url: str) -> AlertMessage:
    """Return what a delivery says.

    Parameters
    ----------
    delivery : DeliveryRow
        Of a call that is still here, or a test.
    dashboard_url : str
        What links begin with.

    Raises
    ------
    NotStoredError
        If the rule or the call is not here any more.
    """
    rule = read_rule(session, delivery.rule_id)
    common: dict[str, Any] = {
        "id": delivery.id,
        "rule": rule.name,
        "is_test": delivery.call_number is None,
    }
    if delivery.call_number is None:
        return AlertMessage(
            **common, call_id=_MADE_UP_ID, agent="A. Nobody", called_at=delivery.created_at,
            score=3.2, outcome=UNRESOLVED, link=dashboard_url.rstrip("/") + "/",
            more=_made_up() if rule.tells_customer else {},
        )  # fmt: skip
    rows = read_rows(session, [delivery.call_number])
    if not rows:
        raise NotStoredError(f"call {delivery.call_number} is not here any more")
    row = rows[0]
    more: dict[str, Any] = {}
    if rule.tells_customer:
        said = said_phrases(session, row.number, rule.phrases)
        more = {"customer": row.customer, "file_name": row.file_name, "phrases": said}
    return AlertMessage(
        **common, call_id=row.id, agent=row.agent, called_at=row.called_at, score=row.score,
        outcome=row.outcome, link=_link(row, dashboard_url), more=more,
    )  # fmt: skip


def _made_up() -> dict[str, Any]:
    return {"customer": "0000", "file_name": "made-up.wav", "phrases": {}}


def _link(row: CallRow, dashboard_url: str) -> str:
    return f"{dashboard_url.rstrip('/')}/call?{urlencode({'call': row.id})}"
