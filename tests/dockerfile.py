"""What the Dockerfile in deploy/ copies out of the repository."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One COPY: from the repository into a folder of a stage, which are numbered from 0."""

    stage: int
    sources: tuple[str, ...]
    target: str


def copies() -> list[Copy]:
    """Return every COPY that is not from another stage."""
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    stage, found = -1, []
    for line in text.splitlines():
        name, *rest = line.split() or [""]
        stage += name == "FROM"
        if name == "COPY" and not rest[0].startswith("--from"):
            found.append(Copy(stage=stage, sources=tuple(rest[:-1]), target=rest[-1]))
    return found


def copy_first_stage(folder: Path) -> None:
    """Lay out what the first stage of the image builds the package from."""
    for copy in copies():
        if copy.stage != 0:
            continue
        target = folder / copy.target
        for source in copy.sources:
            path = ROOT / source
            if path.is_dir():  # its content is copied, not the folder
                shutil.copytree(path, target, dirs_exist_ok=True)
            else:
                target.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
