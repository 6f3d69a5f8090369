"""Imports run downwards: no module knows of what stands above it."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "calmscore"

# From the bottom up; parts of one level do not know of each other.
LEVELS = (
    {"connections", "emotions", "errors", "locations", "telemetry"},
    {"settings"},
    {"audio"},
    {"network"},
    {"analysis"},
    {"words"},
    {"store"},
    {"intake", "outputs"},
    {"dashboard", "service"},
    {"training"},
    {"commands"},
    {"cli"},
    {"__main__"},
)
LEVEL = {part: height for height, parts in enumerate(LEVELS) for part in parts}
# The command line and the root's programs alone may know of the laboratory.
LABORATORY = "training"
PAGES = {"dashboard"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Return the full names of what a file imports, also inside of functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            if node.module == "calmscore":
                names |= {f"calmscore.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_downwards(path):
    place = path.relative_to(PACKAGE)
    own = place.parts[0].removesuffix(".py")
    if own == "__init__":
        assert not any(name.startswith("calmscore") for name in imported(path))
        return
    assert own in LEVEL, f"{own} has no level: say where it belongs"
    for name in imported(path):
        if not name.startswith("calmscore."):
            continue
        part = name.split(".")[1]
        if part == own:
            continue
        assert LEVEL[part] < LEVEL[own], f"{place} imports {name}, which is not below it"
        assert part != LABORATORY or own == "cli", f"{place} imports the laboratory: {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_logic_knows_nothing_of_streamlit(path):
    if path.relative_to(PACKAGE).parts[0] not in PAGES:
        assert not {name for name in imported(path) if name.split(".")[0] == "streamlit"}


def test_programs_of_the_root_only_hand_over():
    for path in ROOT.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree)
        assert not any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree.body)


def test_what_the_page_of_the_architecture_names_is_there():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:calmscore|deploy|docs|tests)/[\w/.-]+)`", page)
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []
