"""Fetch CREMA-D from its official home, every clip checked.

The repository keeps the clips in Git LFS: its tree holds a small pointer for
each, with the clip's SHA-256. So the pointers are read first, then the clips
are fetched and compared with them.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pooch
from tqdm import tqdm

from calmscore.errors import CorpusError
from calmscore.training.corpora.crema_d import parse_name

BASE_URL = "https://raw.githubusercontent.com/CheyneyComputerScience/CREMA-D/master"
"""The repository's tree: the tables, and the pointer of each clip."""

MEDIA_URLS: tuple[str, ...] = (
    "https://media.githubusercontent.com/media/CheyneyComputerScience/CREMA-D/master",
    # GitHub cuts the clips off when the month's traffic is used up (issue 15 of the
    # repository); its authors then point to this mirror. The checksums hold for both.
    "https://gitlab.com/cs-cooper-lab/crema-d-mirror/-/raw/main",
)
"""Where the clips themselves are served, in the order in which they are tried."""

CLIPS_FOLDER = "AudioWAV"
CHECKSUMS_FILE = "AudioWAV.sha256"
_NAMES_TABLE = "SentenceFilenames.csv"
_TABLES = (_NAMES_TABLE, "VideoDemographics.csv", "processedResults/tabulatedVotes.csv")

_POINTER = re.compile(
    r"version https://git-lfs\.github\.com/spec/v1\noid sha256:(?P<sha256>[0-9a-f]{64})\nsize \d+\n"
)
# One line of sha256sum's format, so that `sha256sum --check` reads the file too.
_CHECKSUM_LINE = re.compile(rf"(?P<sha256>[0-9a-f]{{64}})  {CLIPS_FOLDER}/(?P<name>\w+)\.wav")

_CONNECTIONS = 8
_TIMEOUT_SECONDS = 30
# Small files: read as a whole, so that a refused answer leaves no socket open.
_DOWNLOADER = pooch.HTTPDownloader(stream=False, timeout=_TIMEOUT_SECONDS)
# A missing clip should not keep the others away; a dead network should not be asked 7,442 times.
_FAILURES_ACCEPTED = 20


def download_crema_d(
    target: Path,
    *,
    base_url: str = BASE_URL,
    media_urls: Sequence[str] = MEDIA_URLS,
    progress: bool = True,
) -> Path:
    """Fetch the clips of CREMA-D and its tables; about 600 MB.

    What is there already with the right checksum stays, so that an interrupted
    download goes on where it stopped. A file gets its name only when it is
    complete and right.

    Parameters
    ----------
    target : Path
        Made if missing. Gets the folder ``AudioWAV``, the tables
        ``SentenceFilenames.csv``, ``VideoDemographics.csv`` and
        ``tabulatedVotes.csv``, and the checksums, ``AudioWAV.sha256``.
    base_url : str
        Address of the repository's files: tables and Git LFS pointers.
    media_urls : sequence of str
        Addresses of the clips themselves, tried in this order.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    Path
        The folder with the clips.

    Raises
    ------
    CorpusError
        If a file is missing, cannot be fetched or written, or has another
        checksum. It names the file; what was fetched before stays.
    """
    target = Path(target)
    with _quiet_pooch():
        for table in _TABLES:
            _fetch(f"{base_url}/{table}", target / Path(table).name, sha256=None)
        names = _clip_names(target / _NAMES_TABLE)
        checksums = _fetch_checksums(names, target, base_url=base_url, progress=progress)

        def fetch_clip(name: str) -> None:
            path = f"{CLIPS_FOLDER}/{name}.wav"
            urls = [f"{url}/{path}" for url in media_urls]
            _fetch_from_any(urls, target / path, sha256=checksums[name])

        _for_each(names, fetch_clip, label="clips", progress=progress)
    return target / CLIPS_FOLDER


@contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Keep pooch's two lines a file from drowning the progress bar."""
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _fetch(url: str, path: Path, *, sha256: str | None) -> None:
    known_hash = f"sha256:{sha256}" if sha256 else None
    try:
        pooch.retrieve(url, known_hash, path.name, path.parent, downloader=_DOWNLOADER)
    # The errors of requests are OSErrors, and some of them ValueErrors as well.
    except OSError as error:
        raise CorpusError(f"{path.name}: cannot be fetched from {url} ({error})") from error
    except ValueError as error:
        raise CorpusError(f"{path.name}: {url} serves a file with another checksum") from error


def _fetch_from_any(urls: Sequence[str], path: Path, *, sha256: str) -> None:
    for url in urls[:-1]:
        try:
            return _fetch(url, path, sha256=sha256)
        except CorpusError as error:
            logging.getLogger(__name__).info("%s; trying the next address", error)
    return _fetch(urls[-1], path, sha256=sha256)


def _clip_names(table: Path) -> list[str]:
    try:
        names = pd.read_csv(table)["Filename"].astype(str).tolist()
        # The names become paths, so nothing but names of clips may pass.
        foreign = [name for name in names if parse_name(name).name != name]
        if foreign:
            raise ValueError(f"“{foreign[0]}” is not a bare name")
    except (ValueError, KeyError, CorpusError) as error:
        raise CorpusError(
            f"{table}: not CREMA-D's list of clips ({error}); delete it to fetch it again"
        ) from error
    return sorted(set(names))


def _read_pointer(name: str, *, base_url: str) -> str:
    """Return the SHA-256 that the pointer of a clip states."""
    url = f"{base_url}/{CLIPS_FOLDER}/{name}.wav"
    content = io.BytesIO()
    try:
        _DOWNLOADER(url, content, None)
    except OSError as error:
        raise CorpusError(f"{name}.wav: no checksum at {url} ({error})") from error
    match = _POINTER.fullmatch(content.getvalue().decode("utf-8", "replace"))
    if match is None:
        raise CorpusError(f"{name}.wav: {url} is not a Git LFS pointer, so its checksum is unknown")
    return match["sha256"]


def _fetch_checksums(
    names: Sequence[str], target: Path, *, base_url: str, progress: bool
) -> dict[str, str]:
    file = target / CHECKSUMS_FILE
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    checksums = {m["name"]: m["sha256"] for m in map(_CHECKSUM_LINE.fullmatch, lines) if m}

    def fetch_checksum(name: str) -> None:
        checksums[name] = _read_pointer(name, base_url=base_url)

    missing = [name for name in names if name not in checksums]
    try:
        _for_each(missing, fetch_checksum, label="checksums", progress=progress)
    finally:
        _write_checksums(file, checksums)
    return checksums


def _write_checksums(file: Path, checksums: dict[str, str]) -> None:
    lines = [f"{checksums[name]}  {CLIPS_FOLDER}/{name}.wav\n" for name in sorted(checksums)]
    partial = file.with_suffix(".partial")
    partial.write_text("".join(lines), encoding="utf-8")
    partial.replace(file)


def _for_each(
    names: Sequence[str], action: Callable[[str], None], *, label: str, progress: bool
) -> None:
    """Do something for each clip, several at a time; report the failures at the end."""
    failures: list[CorpusError] = []
    with (
        ThreadPoolExecutor(_CONNECTIONS) as pool,
        tqdm(total=len(names), desc=f"CREMA-D {label}", unit="file", disable=not progress) as bar,
    ):
        futures: list[Future[None]] = [pool.submit(action, name) for name in names]
        try:
            for future in as_completed(futures):
                try:
                    future.result()
                except CorpusError as error:
                    failures.append(error)
                if len(failures) > _FAILURES_ACCEPTED:
                    break
                bar.update()
        finally:
            pool.shutdown(cancel_futures=True)
    if failures:
        first = min(failures, key=str)
        more = f"; {len(failures) - 1} more failed too" if len(failures) > 1 else ""
        raise CorpusError(f"{first}{more}. Run it again to go on from here") from first
