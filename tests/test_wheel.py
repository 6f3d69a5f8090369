"""The wheel holds all that a user needs: installed elsewhere, every program of it works."""

import json
import os
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from dockerfile import copy_first_stage
from running_dashboard import end, free_port, wait_until_healthy

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "samples" / "calms_down.wav"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    # From a copy, as in the image: a build leaves folders behind, and takes up those of an
    # earlier one.
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    copy_first_stage(source)
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


def _environment(installed):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return environment | {"CALMSCORE_DATA_FOLDER": str(installed / "data")}


def run(installed, *arguments):
    return subprocess.run(
        [installed / "env" / "bin" / arguments[0], *arguments[1:]],
        cwd=installed, capture_output=True, text=True, env=_environment(installed),
    )  # fmt: skip


@contextmanager
def running(installed, command, path):
    """Start a service on a free port, and yield once it answers there."""
    port = free_port()
    process = subprocess.Popen(
        [installed / "env" / "bin" / "calmscore", command, "--port", str(port)],
        cwd=installed, env=_environment(installed),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until_healthy(f"http://localhost:{port}{path}", process)
        yield f"http://localhost:{port}"
    finally:
        end(process)


def test_it_carries_what_is_no_code(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for name in (
        "calmscore/artifacts/emotion_recognition_model.keras",
        "calmscore/artifacts/emotion_recognition_model.onnx",
        "calmscore/artifacts/settings.json",
        "calmscore/artifacts/MODEL_CARD.md",
        "calmscore/artifacts/speaker_embedding.onnx",
        "calmscore/artifacts/speaker_space.npz",
        "calmscore/samples/calms_down.wav",
        "calmscore/docs/reading-the-score.md",
        "calmscore/docs/lawful/overview.md",
        "calmscore/outputs/fonts/DejaVuSans.ttf",
        "calmscore/dashboard/streamlit.toml",
        "calmscore/store/migrations/env.py",
        "calmscore/training/model_card.md.jinja",
    ):
        assert name in names
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "calmscore").rglob("*.py")}
    assert modules <= set(names)
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"calmscore"}


def test_it_scores_a_call_outside_of_the_checkout(installed):
    where = run(installed, "python", "-c", "import calmscore; print(calmscore.__file__)")
    assert Path(where.stdout.strip()).is_relative_to(installed)
    done = run(installed, "calmscore", "analyse", SAMPLE, "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["score"]["outcome"] == "de-escalated"


def test_its_store_opens_for_the_command_and_for_the_module(installed):
    for command in (["calmscore"], ["python", "-m", "calmscore"]):
        done = run(installed, *command, "keys", "list")
        assert done.returncode == 0, done.stderr


def test_one_analysis_does_without_what_takes_long_to_start(installed):
    script = (
        "import sys; from calmscore.analysis.call import run; run(sys.argv[1])\n"
        "slow = {'tensorflow', 'keras', 'librosa', 'calmscore.training'} & set(sys.modules)\n"
        "assert not slow, slow"
    )
    done = run(installed, "python", "-c", script, SAMPLE)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("command", "path"), [("dashboard", "/_stcore/health"), ("serve", "/healthz")]
)
def test_its_services_answer(installed, command, path):
    with (
        running(installed, command, path) as address,
        urllib.request.urlopen(address + path, timeout=60) as response,
    ):
        assert response.status == 200


def test_its_pages_show_the_sample_and_the_texts_that_came_with_it(installed):
    script = (
        "import calmscore.dashboard as pages, pathlib\n"
        "from streamlit.runtime.context import ContextProxy\n"
        "from streamlit.testing.v1 import AppTest\n"
        "ContextProxy.ip_address = None\n"
        "folder = pathlib.Path(pages.__file__).parent\n"
        "page = AppTest.from_file(str(folder / 'app.py'), default_timeout=120).run()\n"
        "assert not page.exception and not page.error, page\n"
        "page.switch_page('score_call.py').run()\n"
        "assert 'Try the sample call' in [button.label for button in page.button]\n"
        "for name in ('reading', 'model_card', 'calls', 'agents', 'settings', 'export'):\n"
        "    page.switch_page(f'{name}.py').run()\n"
        "    assert not page.exception and not page.error, (name, page)\n"
        "    assert page.markdown or page.title or page.header, name\n"
    )
    done = run(installed, "python", "-c", script)
    assert done.returncode == 0, done.stderr
