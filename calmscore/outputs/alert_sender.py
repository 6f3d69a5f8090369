"""Messages of alerts, sent in the background, one after another.

A message waits in the store; whichever process comes first sends it, and what a process
took and never sent is taken by another. So no message is lost to a restart.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from calmscore.errors import CalmscoreError, NotStoredError, ParameterError, StoreError
from calmscore.outputs.alert_channels import (
    NotDeliveredError,
    check_allowed,
    send_email,
    send_webhook,
)
from calmscore.outputs.alert_message import alert_message
from calmscore.settings import read_environment
from calmscore.store import Store, audit
from calmscore.store.alert_rules import read_secret
from calmscore.store.deliveries import (
    DeliveryRow,
    has_due_delivery,
    mark_failed,
    mark_sent,
    take_delivery,
)
from calmscore.store.leases import new_owner

ALERTS_ACTOR = "alerts"
_log = logging.getLogger(__name__)
_LOOK_EVERY_SECONDS = 3.0
_RETRY_SECONDS = 30.0


class AlertSender:
    """Sends the messages that wait in a store.

    Parameters
    ----------
    store : Store
        Where they wait; any number of senders may work on it.
    clock : callable
        Returns the present.
    """

    def __init__(
        self, store: Store, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.owner = new_owner()
        self._store, self._clock = store, clock
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in the background; a second call does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Take up no further message."""
        self._stopping.set()

    def send_waiting(self) -> int:
        """Try every message that is due, now, and return how many arrived.

        Raises
        ------
        StoreError
            If the store cannot be read or written.
        """
        count = 0
        while not self._stopping.is_set():
            with self._store.database.reading() as session:
                if not has_due_delivery(session, now=self._clock()):
                    break
            with self._store.database.writing() as session:
                delivery = take_delivery(session, owner=self.owner, now=self._clock())
            if delivery is not None:
                count += self._attempt(delivery)
        return count

    def _run(self) -> None:
        wait = _LOOK_EVERY_SECONDS
        while not self._stopping.wait(wait):
            wait = _LOOK_EVERY_SECONDS
            try:
                self.send_waiting()
            except (CalmscoreError, SQLAlchemyError) as error:
                _log.error("alerts cannot be sent: %s", error)
                wait = _RETRY_SECONDS

    def _attempt(self, delivery: DeliveryRow) -> bool:
        try:
            self._send(delivery)
        except StoreError:
            raise  # free again when its lease is over
        except NotStoredError:
            return False  # deleted meanwhile, with all its messages
        except (NotDeliveredError, ParameterError) as error:
            if error.technical:
                _log.warning("a message of rule %s: %s", delivery.rule_id, error.in_full)
            self._put_off(delivery, str(error), for_good=getattr(error, "for_good", False))
            return False
        except Exception as error:  # one message must not keep the others
            _log.exception("a message of rule %s cannot be sent", delivery.rule_id)
            self._put_off(delivery, f"a fault in Calmscore ({type(error).__name__})")
            return False
        with self._store.database.writing() as session:
            mark_sent(session, delivery.id, owner=self.owner, now=self._clock())
            audit.record(
                session, actor=ALERTS_ACTOR, action="alert sent", call_number=delivery.call_number
            )
        return True

    def _send(self, delivery: DeliveryRow) -> None:
        environment = read_environment()
        check_allowed(delivery.channel, delivery.recipient, environment)
        with self._store.database.reading() as session:
            message = alert_message(session, delivery, dashboard_url=environment.dashboard_url)
            secret = read_secret(session, delivery.rule_id)
        if delivery.channel == "webhook":
            send_webhook(delivery.recipient, message, secret=secret)
        else:
            send_email(delivery.recipient, message, environment)

    def _put_off(self, delivery: DeliveryRow, error: str, *, for_good: bool = False) -> None:
        _log.warning("a message of rule %s was not delivered: %s", delivery.rule_id, error)
        with self._store.database.writing() as session:
            mark_failed(
                session, delivery, owner=self.owner, error=error, for_good=for_good,
                now=self._clock(),
            )  # fmt: skip
