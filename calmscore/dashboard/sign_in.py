"""Who may use the dashboard: whoever sits at this machine, or whoever signed in.

Sign-in is OpenID Connect. Streamlit does it and hands over the claims of the ID token;
here they become a name for the audit and a role. Without sign-in nobody else gets in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from calmscore.errors import ParameterError
from calmscore.store.keys import ROLES, Role

DEFAULT_CLAIM = "groups"
SIGN_IN_HOLDS_FOR = timedelta(hours=12)
_AUTH_KEYS = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
_SHORTEST_COOKIE_SECRET = 32
_ROLES_KEYS = ("claim", "groups", "agents")
_ACCOUNT_CLAIMS = ("email", "preferred_username", "upn", "sub")
_LONGEST_NAME = 200
_FORWARDING_HEADERS = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")


@dataclass(frozen=True, kw_only=True)
class SignInRules:
    """How claims become a role.

    Attributes
    ----------
    claim : str
        The claim that holds the groups.
    group_roles : mapping of str to {"agent", "viewer", "supervisor", "admin"}
        What the members of each group may do.
    agents : mapping of str to str
        The agent's name, as calls have it, of each account in small letters.
    """

    claim: str
    group_roles: Mapping[str, Role]
    agents: Mapping[str, str]


def read_rules(secrets: Mapping[str, Any]) -> SignInRules | None:
    """Read sign-in from Streamlit's secrets.

    Parameters
    ----------
    secrets : mapping
        All secrets; ``auth`` and ``roles`` are looked at.

    Returns
    -------
    SignInRules or None
        None where no sign-in is configured.

    Raises
    ------
    ParameterError
        If it is configured in part or wrongly. No value of a secret is told.
    """
    if "auth" not in secrets and "roles" not in secrets:
        return None
    for name in ("auth", "roles"):
        if not isinstance(secrets.get(name), Mapping):
            raise ParameterError(f"sign-in needs a section [{name}] in the secrets")
    _check_auth(secrets["auth"])
    roles = secrets["roles"]
    unknown = sorted(set(roles) - set(_ROLES_KEYS))
    if unknown:
        raise ParameterError(
            f"[roles] in the secrets has {unknown}; it takes claim, groups under [roles.groups] "
            "and agents under [roles.agents]"
        )
    claim = roles.get("claim", DEFAULT_CLAIM)
    if not isinstance(claim, str) or not claim:
        raise ParameterError(f"claim in [roles] is {claim!r}; write the name of a claim")
    return SignInRules(
        claim=claim,
        group_roles=_group_roles(roles.get("groups")),
        agents=_agents(roles.get("agents", {})),
    )


def _check_auth(auth: Mapping[str, Any]) -> None:
    missing = [key for key in _AUTH_KEYS if not (isinstance(auth.get(key), str) and auth[key])]
    if missing:
        raise ParameterError(f"[auth] in the secrets has no {', '.join(missing)}")
    if len(auth["cookie_secret"]) < _SHORTEST_COOKIE_SECRET:
        raise ParameterError(
            f"cookie_secret in [auth] is shorter than {_SHORTEST_COOKIE_SECRET} characters; "
            "make one with: openssl rand -hex 32"
        )


def _group_roles(groups: object) -> dict[str, Role]:
    if not isinstance(groups, Mapping) or not groups:
        raise ParameterError(
            'sign-in needs [roles.groups] in the secrets, a line like "quality leads" = "admin" '
            "for each group"
        )
    for group, role in groups.items():
        if role not in ROLES:
            raise ParameterError(
                f"the role of group {group!r} is {role!r}; choose one of {', '.join(ROLES)}"
            )
    return dict(groups)


def _agents(accounts: object) -> dict[str, str]:
    wanted = '[roles.agents] in the secrets takes a line like "ada@example.com" = "Ada Byron"'
    if not isinstance(accounts, Mapping):
        raise ParameterError(f"{wanted} for each agent")
    bound: dict[str, str] = {}
    for account, name in accounts.items():
        agent = _text(name)
        if not (account.strip() and 1 <= len(agent) <= _LONGEST_NAME):
            raise ParameterError(f"{wanted}; {account!r} has {name!r}")
        if agent in bound.values():
            raise ParameterError(f"[roles.agents] in the secrets binds two accounts to {agent!r}")
        bound[account.strip().casefold()] = agent
    return bound


def role_of(
    claims: Mapping[str, Any],
    group_roles: Mapping[str, Role],
    *,
    claim: str = DEFAULT_CLAIM,
) -> Role | None:
    """Return the highest role that a person's groups give; None if none gives any.

    Parameters
    ----------
    group_roles : mapping of str to str
        Role of each group; names of groups have to match to the letter.
    claim : str
        The claim that holds the groups: a list of names, or a single one.
    """
    value = claims.get(claim)
    groups = value if isinstance(value, list) else [value]
    roles = {group_roles[g] for g in groups if isinstance(g, str) and g in group_roles}
    return max(roles, key=ROLES.index, default=None)


def name_of(claims: Mapping[str, Any]) -> str:
    """Return a person's name for notes and the audit, with the account where both are known.

    At most 200 characters.
    """
    accounts = (_text(claims.get(key)) for key in _ACCOUNT_CLAIMS)
    account = next((text for text in accounts if text), "")
    name = _text(claims.get("name"))
    if not account or name == account:
        return (name or "unnamed user")[:_LONGEST_NAME]
    return (f"{name} ({account})" if name else account)[:_LONGEST_NAME]


def agent_of(claims: Mapping[str, Any], agents: Mapping[str, str]) -> str | None:
    """Return the agent's name that a person's account is bound to; None if it is to none.

    The account is the one that `name_of` tells. An address that the provider calls
    unverified, which people may choose themselves, binds nobody.

    Parameters
    ----------
    agents : mapping of str to str
        Agent's name of each account in small letters.
    """
    for claim in _ACCOUNT_CLAIMS:
        account = _text(claims.get(claim))
        if account:
            trusted = claim != "email" or claims.get("email_verified") is not False
            return agents.get(account.casefold()) if trusted else None
    return None


def _text(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def is_fresh(claims: Mapping[str, Any], *, now: datetime | None = None) -> bool:
    """Tell whether somebody signed in within the last 12 hours.

    Streamlit's cookie holds for a month; a person who left a group would stay as long.
    """
    issued = claims.get("iat")
    if not isinstance(issued, (int, float)):
        return False
    now = now or datetime.now(UTC)
    return now.timestamp() - issued < SIGN_IN_HOLDS_FOR.total_seconds()


def is_local(address: str | None, headers: Mapping[str, str]) -> bool:
    """Tell whether a page was asked for from this machine, and by no other way.

    Parameters
    ----------
    address : str or None
        IP address of the other end; None where Streamlit says that it is this machine.
    headers : mapping
        Of the request. One that was forwarded comes from elsewhere. The host has to be
        this machine, so that no other site can send a browser here under its own name.
    """
    if address is not None and not _is_loopback(address):
        return False
    if any(headers.get(name) for name in _FORWARDING_HEADERS):
        return False
    asked_for = headers.get("Host")
    if not asked_for:
        return True
    try:
        host = urlsplit(f"//{asked_for}").hostname or ""
    except ValueError:
        return False
    return host == "localhost" or _is_loopback(host)


def _is_loopback(address: str) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback
