"""Who is told of calls in tests: a real HTTP server and a real SMTP server on this machine."""

from __future__ import annotations

import http.server
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

Receiver = TypeVar("Receiver")


@dataclass(kw_only=True)
class Hook:
    """A server that takes webhooks, answers as it is told, and remembers them."""

    port: int = 0
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    received: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?from=calmscore"


@contextmanager
def running_hook(*, certificate: ssl.SSLContext | None = None) -> Iterator[Hook]:
    """Start a server for webhooks; yield it; stop it."""
    hook = Hook()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.received.append((self.path, dict(self.headers), body))
            self.send_response(hook.status)
            for name, value in hook.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        server.socket = certificate.wrap_socket(server.socket, server_side=True)
        # A handshake that fails is the test's own doing.
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
    hook.port = server.server_address[1]
    yield from _serving(server, hook)


@dataclass(kw_only=True)
class Mailbox:
    """A server that takes e-mails, answers to recipients as told, and remembers them."""

    port: int = 0
    answer_to_recipient: str = "250 OK"
    offers: tuple[str, ...] = ()
    received: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)


@contextmanager
def running_mailbox(*, certificate: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    """Start an SMTP server, which offers STARTTLS where it has a certificate; yield it; stop it."""
    mailbox = Mailbox(offers=() if certificate is None else ("STARTTLS",))

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 mail.test")
            while line := self.rfile.readline().decode().strip():
                if not self.answer(line):
                    return

        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        def answer(self, line: str) -> bool:
            match line.split(maxsplit=1)[0].upper():
                case "EHLO":
                    lines = ["mail.test", *mailbox.offers]
                    for one in lines[:-1]:
                        self.say(f"250-{one}")
                    self.say(f"250 {lines[-1]}")
                case "RCPT":
                    mailbox.recipients.append(line.partition("<")[2].partition(">")[0])
                    self.say(mailbox.answer_to_recipient)
                case "DATA":
                    self.say("354 go on")
                    parts: list[str] = []
                    while (part := self.rfile.readline().decode()) != ".\r\n":
                        parts.append(part)
                    mailbox.received.append("".join(parts))
                    self.say("250 OK")
                    mailbox.encrypted.append(isinstance(self.connection, ssl.SSLSocket))
                case "STARTTLS":
                    self.say("220 go on")
                    return self.encrypt()
                case "QUIT":
                    self.say("221 bye")
                    return False
                case _:
                    self.say("250 OK")
            return True

        def encrypt(self) -> bool:
            assert certificate is not None
            try:
                self.connection = certificate.wrap_socket(self.connection, server_side=True)
            except OSError:
                return False  # the other side trusts it not
            self.rfile, self.wfile = (
                self.connection.makefile("rb"),
                self.connection.makefile("wb", 0),
            )
            return True

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    mailbox.port = server.server_address[1]
    yield from _serving(server, mailbox)


def _serving(server: socketserver.BaseServer, what: Receiver) -> Iterator[Receiver]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield what
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
