"""Rules that tell somebody of calls: kept and changed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from calmscore.analysis.call_score import OUTCOMES
from calmscore.errors import NotStoredError, ParameterError
from calmscore.store.deliveries import Channel, drop_waiting, queue_delivery
from calmscore.store.schema import NAME_LENGTH, Agent, Rule, RuleAgent

_ADDRESS = re.compile(r"[^\s@,;:<>\"()\[\]\\]+@[^\s@,;:<>\"()\[\]\\]+")
_MOST_ADDRESSES, _LONGEST_ADDRESS = 20, 254
_LONGEST_URL = 2000
_SECRET_PREFIX = "calm_hook_"  # nosec B105
# Kept apart: whose calls, and what is made for the rule itself.
_PLAIN_COLUMNS = ("highest_score", "in_doubt", "to_queue", "url", "tells_customer")
_LIST_COLUMNS = ("outcomes", "phrases", "addresses")


@dataclass(frozen=True, kw_only=True)
class AlertRule:
    """Which calls somebody is told of, and how. All that is asked for has to hold.

    Attributes
    ----------
    name : str
        1–200 characters.
    outcomes : tuple of str
        Any of these; empty means any.
    highest_score : float or None
        A score of at most this, 1–10, as it is shown: with one decimal.
    phrases : tuple of str
        Any of these is said, by whomever; empty asks for none.
    in_doubt : bool
        Whether only calls in doubt are wanted: too little evidence, a wide interval, or
        unclear who is the customer.
    agents : tuple of str, or None
        Whose calls; None means anybody's, known or not.
    to_queue : bool
        Whether the call goes to the top of *To listen to*.
    addresses : tuple of str
        Who gets an e-mail; at most 20.
    url : str
        Where a webhook goes; empty for none.
    tells_customer : bool
        Whether e-mails and webhooks also hold the customer's reference, the file's name and
        what was said of the phrases.
    """

    name: str
    outcomes: tuple[str, ...] = ()
    highest_score: float | None = None
    phrases: tuple[str, ...] = ()
    in_doubt: bool = False
    agents: tuple[str, ...] | None = None
    to_queue: bool = True
    addresses: tuple[str, ...] = ()
    url: str = ""
    tells_customer: bool = False

    def __post_init__(self) -> None:
        """Check every field.

        Raises
        ------
        ParameterError
            If a field is outside of what it accepts, or the rule asks or does nothing.
        """
        if not 1 <= len(self.name.strip()) <= NAME_LENGTH:
            raise ParameterError(
                f"the name of a rule is {self.name[:20]!r}; write 1 to {NAME_LENGTH} characters"
            )
        for outcome in self.outcomes:
            if outcome not in OUTCOMES:
                raise ParameterError(f"outcome is {outcome!r}; choose of {', '.join(OUTCOMES)}")
        if self.highest_score is not None and not 1.0 <= self.highest_score <= 10.0:
            raise ParameterError(f"highest_score is {self.highest_score}; choose 1 to 10")
        if not (self.outcomes or self.highest_score is not None or self.phrases or self.in_doubt):
            raise ParameterError(
                "the rule finds every call; choose an outcome, a score, a phrase or doubt"
            )
        if not (self.to_queue or self.addresses or self.url):
            raise ParameterError("the rule does nothing; choose the list, an e-mail or a webhook")
        _check_addresses(self.addresses)
        if self.url:
            check_url(self.url)

    @property
    def destinations(self) -> tuple[tuple[Channel, str], ...]:
        """Where messages go: the channel and the address, for each."""
        mails: list[tuple[Channel, str]] = [("email", address) for address in self.addresses]
        return (*mails, ("webhook", self.url)) if self.url else tuple(mails)


@dataclass(frozen=True, kw_only=True)
class StoredRule:
    """A rule and the number that it is known by."""

    id: int
    rule: AlertRule


def _check_addresses(addresses: Sequence[str]) -> None:
    if len(addresses) > _MOST_ADDRESSES:
        raise ParameterError(
            f"the rule names {len(addresses)} addresses; choose at most {_MOST_ADDRESSES}"
        )
    for address in addresses:
        if len(address) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(address):
            raise ParameterError(f"{address[:80]!r} is no e-mail address; write name@example.com")


def check_url(url: str) -> None:
    """See whether a webhook could go to an address at all.

    Raises
    ------
    ParameterError
        If it is not ``https://host/…`` (or ``http://`` on this very machine), or holds a
        password.
    """
    wanted = "write https://host/path"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ParameterError(f"the webhook's address {url[:80]!r} cannot be read; {wanted}") from (
            error
        )
    if len(url) > _LONGEST_URL or not host or not url.isascii() or re.search(r"[\s\x00-\x1f]", url):
        raise ParameterError(f"the webhook's address {url[:80]!r} cannot be read; {wanted}")
    if "@" in parts.netloc:
        raise ParameterError(
            "the webhook's address holds a name or password; leave it out: webhooks are signed"
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and is_this_machine(host)):
        raise ParameterError(f"the webhook's address {url[:80]!r} is not encrypted; {wanted}")


def is_this_machine(host: str) -> bool:
    """Tell whether a name always means this very machine."""
    return host in ("localhost", "127.0.0.1", "::1")


def add_rule(session: Session, rule: AlertRule) -> StoredRule:
    """Keep a new rule; it looks at calls that come in from now on."""
    stored = Rule(created_at=datetime.now(UTC), secret=_new_secret())
    _write(session, stored, rule)
    return StoredRule(id=stored.id, rule=rule)


def change_rule(session: Session, rule_id: int, rule: AlertRule) -> None:
    """Put a rule in another one's place; what waits for an address it lacks is dropped.

    Raises
    ------
    NotStoredError
        If there is no such rule.
    """
    stored = _find(session, rule_id)
    _write(session, stored, rule)
    drop_waiting(session, rule_id, but=[address for _, address in rule.destinations])


def delete_rule(session: Session, rule_id: int) -> None:
    """Delete a rule with all that it found and all messages of it.

    Raises
    ------
    NotStoredError
        If there is no such rule.
    """
    _find(session, rule_id)
    session.execute(delete(Rule).where(Rule.id == rule_id))


def list_rules(session: Session) -> list[StoredRule]:
    """Return all rules in the order in which they were made."""
    rules = list(session.scalars(select(Rule).order_by(Rule.id)))
    agents: dict[int, list[str]] = {}
    for rule_id, name in session.execute(
        select(RuleAgent.rule_id, Agent.name).join(Agent).order_by(Agent.name)
    ):
        agents.setdefault(rule_id, []).append(name)
    return [StoredRule(id=rule.id, rule=rule_of(rule, agents.get(rule.id, ()))) for rule in rules]


def read_rule(session: Session, rule_id: int) -> AlertRule:
    """Return a rule.

    Raises
    ------
    NotStoredError
        If there is no such rule.
    """
    names = session.scalars(
        select(Agent.name).join(RuleAgent).where(RuleAgent.rule_id == rule_id).order_by(Agent.name)
    )
    return rule_of(_find(session, rule_id), names)


def read_secret(session: Session, rule_id: int) -> str:
    """Return what the webhooks of a rule are signed with.

    Raises
    ------
    NotStoredError
        If there is no such rule.
    """
    return _find(session, rule_id).secret


def renew_secret(session: Session, rule_id: int) -> str:
    """Make another secret for the webhooks of a rule, and return it.

    Raises
    ------
    NotStoredError
        If there is no such rule.
    """
    stored = _find(session, rule_id)
    stored.secret = _new_secret()
    return stored.secret


def ask_for_test(session: Session, rule_id: int) -> None:
    """Send a made-up alert to all addresses of a rule.

    Raises
    ------
    NotStoredError
        If there is no such rule.
    """
    for channel, recipient in read_rule(session, rule_id).destinations:
        queue_delivery(session, rule_id=rule_id, channel=channel, recipient=recipient)


def _new_secret() -> str:
    return _SECRET_PREFIX + secrets.token_urlsafe(32)


def _find(session: Session, rule_id: int) -> Rule:
    stored = session.get(Rule, rule_id)
    if stored is None:
        raise NotStoredError(f"there is no alert rule {rule_id}; it may have been deleted")
    return stored


def _write(session: Session, stored: Rule, rule: AlertRule) -> None:
    stored.name = " ".join(rule.name.split())
    stored.any_agent = rule.agents is None
    for name in _PLAIN_COLUMNS:
        setattr(stored, name, getattr(rule, name))
    for name in _LIST_COLUMNS:
        setattr(stored, name, list(getattr(rule, name)))
    session.add(stored)
    session.flush()
    session.execute(delete(RuleAgent).where(RuleAgent.rule_id == stored.id))
    agents = session.scalars(select(Agent.id).where(Agent.name.in_(rule.agents or ())))
    session.add_all(RuleAgent(rule_id=stored.id, agent_id=agent) for agent in agents)
    session.flush()


def rule_of(stored: Rule, agents: Iterable[str] = ()) -> AlertRule:
    """Return a rule as it is stored, with the agents that it is about, where it names some."""
    values: dict[str, Any] = {name: getattr(stored, name) for name in _PLAIN_COLUMNS}
    lists = {name: tuple(getattr(stored, name)) for name in _LIST_COLUMNS}
    return AlertRule(
        name=stored.name,
        agents=None if stored.any_agent else tuple(agents),
        **(values | lists),
    )
