"""Downloading CREMA-D, from a server on this computer with made-up clips."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from calmscore.errors import CorpusError
from calmscore.training.corpora.download import CHECKSUMS_FILE, download_crema_d
from calmscore.training.corpora.reading import read_corpus

NAMES = ("1001_DFA_ANG_XX", "1001_DFA_SAD_XX", "1002_IEO_HAP_HI")


class Repository:
    """A small copy of CREMA-D's addresses.

    Attributes
    ----------
    files : dict of str to bytes
        What is served, by address.
    cut : set of str
        Addresses whose answer stops half-way.
    requested : list of str
        Addresses asked for, in order.
    """

    def __init__(self) -> None:
        self.clips = {name: f"RIFF, a made-up clip {name}".encode() * 50 for name in NAMES}
        self.files = {
            "/raw/SentenceFilenames.csv": self.names_table(NAMES),
            "/raw/VideoDemographics.csv": b"ActorID,Age,Sex,Race,Ethnicity\n",
            "/raw/processedResults/tabulatedVotes.csv": b",A,D,F,H,N,S,fileName\n",
        }
        for name, clip in self.clips.items():
            self.files[f"/raw/AudioWAV/{name}.wav"] = self.pointer(clip)
            self.files[f"/media/AudioWAV/{name}.wav"] = clip
        self.cut: set[str] = set()
        self.requested: list[str] = []
        self.url = ""

    @staticmethod
    def names_table(names: tuple[str, ...]) -> bytes:
        """Return a table of clip names."""
        rows = [f'{number},"{name}"' for number, name in enumerate(names, start=1)]
        return "\n".join(['"Stimulus_Number","Filename"', *rows, ""]).encode()

    @staticmethod
    def pointer(clip: bytes) -> bytes:
        """Return what Git LFS keeps in the place of a clip."""
        sha256 = hashlib.sha256(clip).hexdigest()
        return (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {len(clip)}\n"
        ).encode()

    def download(self, target: Path, *, media: tuple[str, ...] = ("media",)) -> Path:
        """Download from this server."""
        return download_crema_d(
            target,
            base_url=f"{self.url}/raw",
            media_urls=[f"{self.url}/{folder}" for folder in media],
            progress=False,
        )


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """Serve a repository on this computer."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    repository = Repository()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            repository.requested.append(self.path)
            content = repository.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            half = len(content) // 2 if self.path in repository.cut else len(content)
            self.wfile.write(content[:half])

        def log_message(self, *arguments: object) -> None:
            """Keep the test's output clean."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    repository.url = f"http://127.0.0.1:{server.server_port}"
    yield repository
    server.shutdown()
    thread.join()
    server.server_close()


def test_clips_and_tables_arrive(repository: Repository, tmp_path: Path) -> None:
    folder = repository.download(tmp_path / "data")
    assert folder == tmp_path / "data" / "AudioWAV"
    assert {p.stem: p.read_bytes() for p in folder.iterdir()} == repository.clips
    assert [clip.name for clip in read_corpus(folder)] == sorted(NAMES)
    for table in ("SentenceFilenames.csv", "VideoDemographics.csv", "tabulatedVotes.csv"):
        assert (tmp_path / "data" / table).is_file()


def test_the_checksums_are_kept_in_the_format_of_sha256sum(
    repository: Repository, tmp_path: Path
) -> None:
    repository.download(tmp_path)
    lines = (tmp_path / CHECKSUMS_FILE).read_text().splitlines()
    assert lines == [
        f"{hashlib.sha256(repository.clips[name]).hexdigest()}  AudioWAV/{name}.wav"
        for name in sorted(NAMES)
    ]


def test_nothing_is_fetched_twice(repository: Repository, tmp_path: Path) -> None:
    repository.download(tmp_path)
    repository.requested.clear()
    repository.download(tmp_path)
    assert repository.requested == []


def test_an_interrupted_download_goes_on_where_it_stopped(
    repository: Repository, tmp_path: Path
) -> None:
    address = f"/media/AudioWAV/{NAMES[1]}.wav"
    repository.cut.add(address)
    with pytest.raises(CorpusError, match=f"{NAMES[1]}.wav.*Run it again"):
        repository.download(tmp_path)
    # Neither the half clip nor a temporary file of it is left behind.
    left = sorted(p.name for p in (tmp_path / "AudioWAV").iterdir())
    assert left == [f"{NAMES[0]}.wav", f"{NAMES[2]}.wav"]
    repository.cut.clear()
    repository.requested.clear()
    repository.download(tmp_path)
    assert repository.requested == [address]
    assert (tmp_path / "AudioWAV" / f"{NAMES[1]}.wav").read_bytes() == repository.clips[NAMES[1]]


def test_a_damaged_or_partial_clip_is_fetched_again(repository: Repository, tmp_path: Path) -> None:
    folder = repository.download(tmp_path)
    damaged = folder / f"{NAMES[0]}.wav"
    damaged.write_bytes(repository.clips[NAMES[0]][:10])
    repository.requested.clear()
    repository.download(tmp_path)
    assert damaged.read_bytes() == repository.clips[NAMES[0]]
    assert repository.requested == [f"/media/AudioWAV/{NAMES[0]}.wav"]


def test_a_wrong_checksum_names_the_clip(repository: Repository, tmp_path: Path) -> None:
    repository.files[f"/media/AudioWAV/{NAMES[2]}.wav"] = b"over its data quota"
    with pytest.raises(CorpusError, match=f"{NAMES[2]}.wav.*checksum"):
        repository.download(tmp_path)
    assert not (tmp_path / "AudioWAV" / f"{NAMES[2]}.wav").exists()


@pytest.mark.parametrize(
    "address",
    [
        f"/media/AudioWAV/{NAMES[0]}.wav",
        f"/raw/AudioWAV/{NAMES[0]}.wav",
        "/raw/SentenceFilenames.csv",
        "/raw/VideoDemographics.csv",
        "/raw/processedResults/tabulatedVotes.csv",
    ],
)
def test_a_missing_file_is_named(repository: Repository, tmp_path: Path, address: str) -> None:
    del repository.files[address]
    with pytest.raises(CorpusError, match=Path(address).name):
        repository.download(tmp_path)


def test_several_failures_are_counted(repository: Repository, tmp_path: Path) -> None:
    for name in NAMES[:2]:
        del repository.files[f"/media/AudioWAV/{name}.wav"]
    with pytest.raises(CorpusError, match=f"{NAMES[0]}.wav.*1 more failed too"):
        repository.download(tmp_path)
    assert (tmp_path / "AudioWAV" / f"{NAMES[2]}.wav").exists()


def test_the_next_address_is_asked_where_one_fails(repository: Repository, tmp_path: Path) -> None:
    for name in NAMES:
        address = f"/media/AudioWAV/{name}.wav"
        repository.files[f"/mirror/AudioWAV/{name}.wav"] = repository.files[address]
    repository.files[f"/media/AudioWAV/{NAMES[0]}.wav"] = b"over its data quota"
    del repository.files[f"/media/AudioWAV/{NAMES[1]}.wav"]
    folder = repository.download(tmp_path, media=("media", "mirror"))
    assert {p.stem: p.read_bytes() for p in folder.iterdir()} == repository.clips


def test_a_clip_in_the_place_of_its_pointer_is_refused(
    repository: Repository, tmp_path: Path
) -> None:
    repository.files[f"/raw/AudioWAV/{NAMES[0]}.wav"] = b"RIFF\xff\xfe"
    with pytest.raises(CorpusError, match=f"{NAMES[0]}.wav.*pointer"):
        repository.download(tmp_path)


@pytest.mark.parametrize("name", ["../../1001_DFA_ANG_XX", "1001_DFA_ANG_XX.wav", "notes"])
def test_a_list_with_other_names_is_refused(
    repository: Repository, tmp_path: Path, name: str
) -> None:
    repository.files["/raw/SentenceFilenames.csv"] = repository.names_table((*NAMES, name))
    with pytest.raises(CorpusError, match="not CREMA-D's list"):
        repository.download(tmp_path)


def test_an_unreachable_server_is_reported(tmp_path: Path, repository: Repository) -> None:
    repository.url = "http://127.0.0.1:1"
    with pytest.raises(CorpusError, match="cannot be fetched"):
        repository.download(tmp_path)
