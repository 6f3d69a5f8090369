"""Files that never change come from memory, as they were; everything else is asked for anew."""

from __future__ import annotations

from collections import Counter

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from calmscore.dashboard.door import CONTENT_POLICY, Door
from calmscore.dashboard.kept_files import KeptFiles

IMMUTABLE = {"cache-control": "public, immutable, max-age=31536000"}
LARGE = b"0123456789" * 30_000


@pytest.fixture
def asked() -> Counter[str]:
    return Counter()


@pytest.fixture
def dashboard(asked, tmp_path) -> TestClient:
    """Return a dashboard whose application counts what it is asked for."""
    (tmp_path / "file.js").write_bytes(LARGE)

    def answer(request) -> Response:
        name = request.path_params["name"]
        asked[name] += 1
        match name:
            case "file.js":
                return FileResponse(tmp_path / name, headers=IMMUTABLE)
            case "streamed.js":
                parts = (LARGE[:70_000], LARGE[70_000:])
                return StreamingResponse(
                    iter(parts), headers={**IMMUTABLE, "content-length": str(len(LARGE))}
                )
            case "page":
                return PlainTextResponse(f"{asked[name]}", headers={"cache-control": "no-cache"})
            case "mine.js":
                return PlainTextResponse("mine", headers={**IMMUTABLE, "vary": "cookie"})
            case "missing.js":
                return PlainTextResponse("not here", 404, headers=IMMUTABLE)
        return PlainTextResponse(f"a small file, {name}", headers=IMMUTABLE)

    routes = [Route("/static/{name}", answer)]
    kept = Middleware(KeptFiles, most_bytes=2 * len(LARGE) + 40)
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Door), kept]))


@pytest.mark.parametrize("name", ["file.js", "streamed.js", "small.js"])
def test_what_never_changes_is_asked_for_once_and_stays_as_it_was(dashboard, asked, name):
    first, second, third = (dashboard.get(f"/static/{name}") for _ in range(3))
    assert first.content == second.content == third.content != b""
    assert first.headers == second.headers == third.headers
    assert third.headers.get_list("content-security-policy") == [CONTENT_POLICY]
    assert asked[name] == 1


@pytest.mark.parametrize("name", ["page", "mine.js", "missing.js"])
def test_what_may_change_is_asked_for_each_time(dashboard, asked, name):
    statuses = {dashboard.get(f"/static/{name}").status_code for _ in range(2)}
    assert asked[name] == 2
    assert statuses == {404 if name == "missing.js" else 200}


def test_who_asks_for_something_else_than_the_whole_file_gets_that(dashboard, asked):
    whole = dashboard.get("/static/file.js")
    part = dashboard.get("/static/file.js", headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, b"0123456789")
    head = dashboard.head("/static/file.js")
    assert (head.content, head.headers["content-length"]) == (b"", str(len(LARGE)))
    dashboard.get("/static/file.js", headers={"if-none-match": whole.headers["etag"]})
    dashboard.get("/static/file.js?another=1")
    assert asked["file.js"] == 5


def test_what_has_no_room_is_sent_all_the_same(dashboard, asked):
    for name in ("file.js", "streamed.js", "small.js", "smaller.js"):
        for _ in range(2):
            assert dashboard.get(f"/static/{name}").status_code == 200
    # The last one would be more than may be kept.
    assert [asked[name] for name in ("file.js", "streamed.js", "small.js", "smaller.js")] == [
        1, 1, 1, 2,
    ]  # fmt: skip
