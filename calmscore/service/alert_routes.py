"""Routes of alerts: what the rules found, and who took note."""

from __future__ import annotations

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Path, Query

from calmscore.service.access import Supervisor, Viewer
from calmscore.service.call_routes import LARGEST_OFFSET, CallId
from calmscore.service.documents import AlertDocument, AlertPage
from calmscore.service.problems import documented
from calmscore.service.state import CurrentService
from calmscore.store.raised_alerts import (
    AlertRow,
    AlertStatus,
    acknowledge_alert,
    count_alerts,
    list_alerts,
)

_LARGEST_ID = 2**31 - 1

router = APIRouter(prefix="/v1", tags=["alerts"])


@router.get(
    "/alerts",
    summary="List alerts",
    responses=documented(401, 403, 422, 429, 500, 503),
    operation_id="list_alerts",
)
def list_raised_alerts(
    service: CurrentService,
    key: Viewer,
    status: Annotated[AlertStatus | None, Query(description="Any by default.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0, le=LARGEST_OFFSET)] = 0,
) -> AlertPage:
    """Return a page of alerts, the newest first."""
    with service.store.database.reading() as session:
        rows = list_alerts(session, status=status, limit=limit, offset=offset)
        total = count_alerts(session, status=status)
    return AlertPage(
        alerts=[_document(row) for row in rows], total=total, limit=limit, offset=offset
    )


@router.post(
    "/alerts/{rule_id}/{call_id}/acknowledge",
    summary="Acknowledge an alert",
    responses=documented(401, 403, 404, 422, 429, 500, 503),
    operation_id="acknowledge_alert",
)
async def acknowledge(
    service: CurrentService,
    key: Supervisor,
    rule_id: Annotated[int, Path(ge=1, le=_LARGEST_ID, description="The rule that found it.")],
    call_id: CallId,
) -> AlertDocument:
    """Say that somebody took note; whoever did so first stays.

    The alert no longer puts its call on the list "To listen to".
    """

    def written() -> AlertDocument:
        with service.store.database.writing() as session:
            return _document(
                acknowledge_alert(session, rule_id=rule_id, call_id=call_id, actor=key.name)
            )

    return await to_thread.run_sync(written, limiter=service.writes_at_once)


def _document(row: AlertRow) -> AlertDocument:
    # The document says which fields are told.
    fields: dict[str, Any] = {name: getattr(row, name) for name in AlertDocument.model_fields}
    return AlertDocument.model_validate(fields)
