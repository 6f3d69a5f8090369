"""The wheel holds all that a user needs: installed elsewhere, it scores a call."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "samples" / "calms_down.wav"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    # From a copy: a build leaves folders behind, and takes up those of an earlier one.
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("artifacts", "calmscore", "docs", "samples"):
        shutil.copytree(ROOT / name, source / name)
    # Without isolation: the build tools of this environment, and nothing is downloaded.
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation",
         "--quiet", "--wheel-dir", folder],
        cwd=source, check=True,
    )  # fmt: skip
    (built,) = folder.glob("calmscore-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Return the commands of a fresh environment that finds its dependencies here."""
    folder = tmp_path_factory.mktemp("elsewhere")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    python = folder / "env" / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--quiet", wheel],
        cwd=folder, check=True,
    )  # fmt: skip
    place = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    # Only the folder itself is added: the checkout's own link in it is not followed.
    (Path(place) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def run(installed, *arguments):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment["CALMSCORE_DATA_FOLDER"] = str(installed / "data")
    return subprocess.run(
        [installed / "env" / "bin" / arguments[0], *arguments[1:]],
        cwd=installed, capture_output=True, text=True, env=environment,
    )  # fmt: skip


def test_it_carries_what_is_no_code(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for name in (
        "calmscore/artifacts/emotion_recognition_model.keras",
        "calmscore/artifacts/settings.json",
        "calmscore/artifacts/MODEL_CARD.md",
        "calmscore/samples/calms_down.wav",
        "calmscore/docs/reading-the-score.md",
        "calmscore/outputs/fonts/DejaVuSans.ttf",
        "calmscore/dashboard/streamlit.toml",
        "calmscore/store/migrations/env.py",
        "calmscore/training/model_card.md.jinja",
    ):
        assert name in names
    assert not [name for name in names if name.startswith("tests/")]


def test_it_scores_a_call_outside_of_the_checkout(installed):
    where = run(installed, "python", "-c", "import calmscore; print(calmscore.__file__)")
    assert Path(where.stdout.strip()).is_relative_to(installed)
    for command in (["calmscore"], ["python", "-m", "calmscore"]):
        done = run(installed, *command, "analyse", SAMPLE, "--format", "json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["score"]["outcome"] == "de-escalated"


def test_its_store_opens(installed):
    done = run(installed, "calmscore", "keys", "list")
    assert done.returncode == 0, done.stderr
