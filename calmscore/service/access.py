"""Who may do what: keys and roles."""

from __future__ import annotations

import math
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from calmscore.service.problems import ProblemError
from calmscore.service.state import CurrentService
from calmscore.store.keys import KeyRow, Role, allows, find_key

_CHALLENGE = 'Bearer realm="calmscore"'

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="key",
    description="A key made by `calmscore keys create NAME --role viewer|supervisor|admin`.",
)


def requires(needed: Role) -> Callable[..., KeyRow]:
    """Return a dependency that lets only keys of this role or a higher one pass.

    Parameters
    ----------
    needed : {"viewer", "supervisor", "admin"}
        The least role.

    Returns
    -------
    callable
        Gives the key, or raises `ProblemError` with 401, 403 or 429.
    """

    def admit(
        request: Request,
        service: CurrentService,
        shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> KeyRow:
        if shown is None:
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "no_key",
                "no key was sent; send the header Authorization: Bearer KEY",
                headers={"WWW-Authenticate": _CHALLENGE},
            )
        with service.store.database.reading() as session:
            key = find_key(session, shown.credentials)
        if key is None:
            raise _unknown(service, request)
        if key.is_over():
            raise ProblemError(
                HTTPStatus.UNAUTHORIZED,
                "expired_key",
                f"the key {key.name!r} ended on {key.expires_at:%d %B %Y}; ask whoever runs "
                "Calmscore for another",
                headers={"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'},
            )
        seconds = service.rate_limit.take(key.id)
        if seconds > 0.0:
            wait = math.ceil(seconds)
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too_many_requests",
                f"the key {key.name!r} asked more than "
                f"{service.settings.requests_per_minute} times a minute; try again in {wait} s",
                headers={"Retry-After": str(wait)},
            )
        service.use_notes.note(service.store, key.id)
        if not allows(key.role, needed):
            raise ProblemError(
                HTTPStatus.FORBIDDEN,
                "role_too_low",
                f"the key {key.name!r} is of the role {key.role}; this needs {needed}",
            )
        return key

    return admit


def _unknown(service: CurrentService, request: Request) -> ProblemError:
    address = request.client.host if request.client else "an unknown address"
    seconds = service.unknown_keys.take(service.store, address)
    if seconds > 0.0:
        wait = math.ceil(seconds)
        return ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too_many_unknown_keys",
            f"too many unknown keys came from your address; try again in {wait} s",
            headers={"Retry-After": str(wait)},
        )
    return ProblemError(
        HTTPStatus.UNAUTHORIZED,
        "unknown_key",
        "the key is unknown or was revoked; ask whoever runs Calmscore for another",
        headers={"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'},
    )


Viewer = Annotated[KeyRow, Depends(requires("viewer"))]
Supervisor = Annotated[KeyRow, Depends(requires("supervisor"))]
Admin = Annotated[KeyRow, Depends(requires("admin"))]
