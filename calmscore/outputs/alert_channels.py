"""The two ways out of this machine: a signed webhook and an e-mail, to allowed places alone."""

from __future__ import annotations

import hmac
import http.client
import json
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

from calmscore.errors import CalmscoreError
from calmscore.outputs.alert_message import AlertMessage
from calmscore.settings import PREFIX, Environment
from calmscore.store.alert_rules import check_url
from calmscore.store.deliveries import Channel

TIMESTAMP_HEADER, SIGNATURE_HEADER = "Calmscore-Timestamp", "Calmscore-Signature"
# For one step, and for the whole of an attempt.
_SILENCE_SECONDS, _WHOLE_SECONDS = 10.0, 30.0
_PORTS = {"https": 443, "http": 80}
_HOSTS_VARIABLE = f"{PREFIX}ALERT_HOSTS"


class NotDeliveredError(CalmscoreError):
    """A message did not arrive.

    Parameters
    ----------
    message : str
        Why, for people; nothing of what the other side said but its number.
    technical : str, optional
        See `CalmscoreError`.
    for_good : bool
        Whether trying again would not help.
    """

    code = "not_delivered"

    def __init__(self, message: str, *, technical: str = "", for_good: bool = False) -> None:
        super().__init__(message, technical=technical)
        self.for_good = for_good


def check_allowed(channel: Channel, recipient: str, environment: Environment) -> None:
    """See whether messages may go to an address.

    Parameters
    ----------
    channel : {"email", "webhook"}
    recipient : str
        An e-mail address or URL.
    environment : Environment
        Names who may be told.

    Raises
    ------
    NotDeliveredError
        If the environment does not name its host or domain, or nothing that takes e-mails.
    ParameterError
        If it is no address for a webhook.
    """
    if channel == "email":
        if environment.smtp_host is None:
            raise NotDeliveredError(
                "e-mail is off: no server is named here that takes it",
                technical=f"set {PREFIX}SMTP_HOST",
            )
        names = {recipient.rpartition("@")[2].lower()}
    else:
        check_url(recipient)
        parts = urlsplit(recipient)
        host, usual = parts.hostname or "", _PORTS[parts.scheme]
        names = {f"{host}:{parts.port or usual}"}
        if parts.port in (None, usual):
            names.add(host)
    if not names & set(environment.allowed_hosts):
        name = min(names, key=len)
        raise NotDeliveredError(
            f"{name} is not among the hosts that may be told; ask whoever looks after Calmscore",
            technical=f"add it to {_HOSTS_VARIABLE}",
        )


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a webhook: HMAC-SHA256 over ``timestamp.body``, in hexadecimal."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, "sha256").hexdigest()


def send_webhook(url: str, message: AlertMessage, *, secret: str) -> None:
    """Post a message as JSON. Certificates are checked; redirects are not followed.

    Parameters
    ----------
    url : str
        An allowed one; see `check_allowed`.
    message : AlertMessage
    secret : str
        What it is signed with.

    Raises
    ------
    NotDeliveredError
        If nobody answered with a status of 200 to 299 in time.
    """
    parts = urlsplit(url)
    body = json.dumps(message.to_dict(), ensure_ascii=False).encode()
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Calmscore",
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: f"sha256={sign(secret, timestamp, body)}",
    }
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = _connection(parts.scheme, parts.hostname or "", parts.port)
    try:
        with _at_most(_WHOLE_SECONDS, lambda: connection.sock):
            connection.request("POST", target, body, headers)
            status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise NotDeliveredError(f"{parts.hostname}: {_reason(error)}") from error
    finally:
        connection.close()
    if not 200 <= status <= 299:
        redirected = ", another address, which is not followed" if 300 <= status <= 399 else ""
        # "Gone" asks to be left alone.
        raise NotDeliveredError(
            f"{parts.hostname} answered {status}{redirected}", for_good=status == 410
        )


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    # No proxy of the environment: what is sent goes to the host that was allowed.
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=_SILENCE_SECONDS)
    return http.client.HTTPSConnection(
        host, port, timeout=_SILENCE_SECONDS, context=ssl.create_default_context()
    )


def send_email(address: str, message: AlertMessage, environment: Environment) -> None:
    """Hand a message to the server that takes e-mails.

    Parameters
    ----------
    address : str
        An allowed one; see `check_allowed`.
    message : AlertMessage
    environment : Environment
        Names the server.

    Raises
    ------
    NotDeliveredError
        If the server did not take it.
    """
    mail = EmailMessage()
    mail["Subject"] = message.subject()
    mail["From"], mail["To"] = environment.smtp_sender, address
    mail["Date"] = format_datetime(datetime.now(UTC))
    # The same in every attempt, so that mailboxes can tell.
    mail["Message-ID"] = f"<{message.id}@calmscore.invalid>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text())
    host = environment.smtp_host or ""
    try:
        with _signed_in(environment) as server:
            server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        code = max(code for code, _ in error.recipients.values())
        raise NotDeliveredError(
            f"{host} refused the address ({code})", for_good=code >= 500
        ) from error
    except smtplib.SMTPResponseException as error:
        raise NotDeliveredError(f"{host} answered {error.smtp_code}") from error
    except (OSError, smtplib.SMTPException) as error:
        raise NotDeliveredError(f"{host}: {_reason(error)}") from error


@contextmanager
def _signed_in(environment: Environment) -> Iterator[smtplib.SMTP]:
    host, port = environment.smtp_host or "", environment.smtp_port
    certificates = ssl.create_default_context()
    server: smtplib.SMTP
    if environment.smtp_security == "tls":
        server = smtplib.SMTP_SSL(host, port, timeout=_SILENCE_SECONDS, context=certificates)
    else:
        server = smtplib.SMTP(host, port, timeout=_SILENCE_SECONDS)
    with server, _at_most(_WHOLE_SECONDS, lambda: server.sock):
        if environment.smtp_security == "starttls":
            server.starttls(context=certificates)
        if environment.smtp_user is not None and environment.smtp_password is not None:
            server.login(environment.smtp_user, environment.smtp_password.get_secret_value())
        yield server


@contextmanager
def _at_most(seconds: float, current: Callable[[], Any]) -> Iterator[None]:
    """End a connection that takes longer in all, however lively it drips."""

    def end() -> None:
        sock = current()
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it has ended by itself

    watch = threading.Timer(seconds, end)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _reason(error: Exception) -> str:
    """Return why a connection failed, in words that hold nothing of what was sent."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted ({error.verify_message})"
        case TimeoutError():
            return "it did not answer in time"
        case socket.gaierror():
            return "its name is not known"
        case smtplib.SMTPNotSupportedError():
            return "it offers no STARTTLS or sign-in"
        case OSError() if error.strerror:
            return error.strerror
        case _:
            return f"it broke off ({type(error).__name__})"
