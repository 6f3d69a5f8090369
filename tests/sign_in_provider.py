"""A small OpenID Connect provider on this machine, which lets everybody in as one person."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwk, jwt

CLIENT_ID, CLIENT_SECRET = "calmscore", "provider-secret"


class Provider(ThreadingHTTPServer):
    """Signs in ``person``, whose claims may be changed between sign-ins."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("localhost", 0), _Answers)
        self.address = f"http://localhost:{self.server_port}"
        self.key = jwk.RSAKey.generate_key(2048, auto_kid=True)
        self.person: dict[str, Any] = {}
        self.nonces: dict[str, str] = {}

    def sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)


class _Answers(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        address = self.server.address
        if url.path == "/.well-known/openid-configuration":
            self._send(
                {
                    "issuer": address,
                    "authorization_endpoint": f"{address}/authorize",
                    "token_endpoint": f"{address}/token",
                    "jwks_uri": f"{address}/keys",
                    "end_session_endpoint": f"{address}/leave",
                    "id_token_signing_alg_values_supported": ["RS256"],
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                }
            )
        elif url.path == "/keys":
            self._send({"keys": [self.server.key.as_dict(private=False, use="sig")]})
        elif url.path == "/authorize" and asked["client_id"] == CLIENT_ID:
            code = secrets.token_urlsafe(16)
            self.server.nonces[code] = asked["nonce"]
            answer = urlencode({"code": code, "state": asked["state"]})
            self._redirect(f"{asked['redirect_uri']}?{answer}")
        elif url.path == "/leave":
            self._redirect(asked["post_logout_redirect_uri"])
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        asked = {name: values[0] for name, values in parse_qs(body).items()}
        shown = base64.b64decode(self.headers.get("Authorization", "Basic ")[6:]).decode()
        nonce = self.server.nonces.pop(asked.get("code", ""), None)
        if nonce is None or shown != f"{CLIENT_ID}:{CLIENT_SECRET}":
            self.send_error(401)
            return
        now = int(time.time())
        claims = {
            "iss": self.server.address, "aud": CLIENT_ID, "sub": "1", "nonce": nonce,
            "iat": now, "exp": now + 300, **self.server.person,
        }  # fmt: skip
        self._send(
            {
                "token_type": "Bearer", "expires_in": 300,
                "access_token": secrets.token_urlsafe(16), "id_token": self.server.sign(claims),
            }
        )  # fmt: skip

    def log_message(self, *_: object) -> None:
        pass

    def _send(self, document: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def _redirect(self, where: str) -> None:
        self.send_response(302)
        self.send_header("Location", where)
        self.end_headers()


@contextmanager
def running_provider() -> Iterator[Provider]:
    """Start a provider on a free port, yield it, stop it."""
    with Provider() as provider:
        thread = threading.Thread(target=provider.serve_forever, daemon=True)
        thread.start()
        yield provider
        provider.shutdown()
        thread.join()


@contextmanager
def provider_of_roles(
    folder: Path, monkeypatch: pytest.MonkeyPatch, roles: str
) -> Iterator[Provider]:
    """Start a provider, and have dashboards that start from here on sign people in by it.

    The secrets file is written to ``folder``; ``roles`` are its tables of who may do what.
    """
    with running_provider() as provider:
        file = folder / "secrets.toml"
        file.write_text(
            f"""
[auth]
redirect_uri = "http://localhost:{{port}}/oauth2callback"
cookie_secret = "{"c" * 64}"
client_id = "{CLIENT_ID}"
client_secret = "{CLIENT_SECRET}"
server_metadata_url = "{provider.address}/.well-known/openid-configuration"
{roles}"""
        )
        # Read by the dashboard, which is a process of its own.
        monkeypatch.setenv("STREAMLIT_SECRETS_FILES", str(file))
        yield provider
