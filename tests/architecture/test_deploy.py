"""What operators copy says only what is true of this program: commands that parse, figures that exist."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from typer.testing import CliRunner

from shopkeeper.apps.cli.main import app
from shopkeeper.apps.http.app import ROUTES
from shopkeeper.apps.http.metrics import Metrics
from shopkeeper.core.figures import EngineFigures, ProfilesFigures, StateFigures, StreamFigures, Tally
from shopkeeper.settings import parse

DEPLOY = Path(__file__).parents[2] / "deploy"
SERVICES = ("shopkeeper.service", "shopkeeper-drain.service", "shopkeeper-backup.service")


def _metrics() -> str:
    told = Tally().told()
    engines = EngineFigures(
        state=StateFigures(asked=told, in_use=1, most=8),
        stream=StreamFigures(sent=told, refused=0, queue=0, waiting=1, lag={0: 1}, unread_seconds=2.0),
        profiles=ProfilesFigures(asked=told, fallbacks=0),
    )
    metrics = Metrics(lambda: 0, lambda: None, lambda: 1, lambda: engines)
    metrics.events.labels("stored").inc()
    metrics.decisions.labels("home", "no").inc()
    metrics.requests.labels("get_recommendations", "GET", "200").observe(0.1)
    return metrics.render().decode()


def test_the_dashboard_asks_for_figures_that_exist() -> None:
    """Every metric, label and route of every panel is one that the server gives, and panels do not overlap."""
    board, known = json.loads((DEPLOY / "grafana.json").read_text("utf-8")), _metrics()
    names = {route.name for route in ROUTES}
    taken = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(taken) == len(set(taken)) >= 8
    for panel in board["panels"]:
        for target in panel["targets"]:
            found = set(re.findall(r"shopkeeper_[a-z_]+", target["expr"]))
            assert found
            assert all(re.search(rf"^{name}[{{ ]", known, re.MULTILINE) for name in found), found
            labels = re.findall(r"(?:by \(|[{])([a-z]+)", target["expr"])
            assert all(label == "le" or f'{label}="' in known for label in labels), labels
            assert set(re.findall(r'route="([a-z_]+)"', target["expr"])) <= names


@pytest.mark.parametrize("name", [*SERVICES, "Dockerfile"])
def test_the_commands_of_services_exist(name: str) -> None:
    """Each command and option that a unit or an image calls is one of the command line."""
    text = (DEPLOY / name).read_text("utf-8")
    called = re.findall(r"bin/shopkeeper ([a-z]+)((?: --[a-z]+)*)", text) or re.findall(r'CMD \["([a-z]+)"(.*)\]', text)
    assert called
    for command, options in called:
        said = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})
        assert said.exit_code == 0
        assert all(option in said.output for option in re.findall(r"--[a-z]+", options))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("name", [*SERVICES, "shopkeeper-backup.timer"])
def test_systemd_reads_the_units(name: str) -> None:
    """No line of a unit is unknown to systemd; only our program is not where the unit expects it."""
    said = subprocess.run(["systemd-analyze", "verify", DEPLOY / name], capture_output=True, text=True, check=False)
    wrong = [line for line in said.stderr.splitlines() if name in line and "is not executable" not in line]
    assert wrong == []


def _compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return found


def test_every_container_is_pinned_closed_and_watched() -> None:
    """Each image has an exact version or is built here, ports are open to this machine only, each service that answers
    has a health check and starts again, and each named volume is declared."""
    compose = _compose()
    engines = {"kafka", "redis", "postgres", "jobmanager", "taskmanager"}
    assert set(compose["services"]) == engines | {"shopkeeper", "trainer", "drain"}
    for name, service in compose["services"].items():
        if "image" in service:
            assert re.fullmatch(r"[a-z/]+:\d+\.\d+[\w.-]*", service["image"]), name
        else:
            assert (DEPLOY / ".." / service["build"]["dockerfile"]).is_file()
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        assert service["restart"] == ("no" if name == "trainer" else "unless-stopped")
        assert name in ("trainer", "drain") or service["healthcheck"]["test"][0] == "CMD"
        assert {each.partition(":")[0] for each in service.get("volumes", ())} <= set(compose["volumes"])
        assert ("profiles" in service) is (name != "shopkeeper")
        command = [word for word in service.get("command", ()) if word in ("train", "drain")]
        assert command == {"trainer": ["train"], "drain": ["drain"]}.get(name, [])


def test_the_settings_for_containers_name_the_containers() -> None:
    """The lines of scale.toml are settings of this program; each address is a service, its port and its database; what
    the image adds for them is locked."""
    services = _compose()["services"]
    settings = parse(tomllib.loads((DEPLOY / "scale.toml").read_text("utf-8")))
    state, stream, profiles = (
        urlsplit(url) for url in (settings.state.url, settings.stream.url, settings.profiles.url)
    )
    assert (state.hostname, state.port) == ("postgres", 5432)
    assert (stream.hostname, stream.port) == ("kafka", 9092)
    assert (profiles.hostname, profiles.port) == ("redis", 6379)
    assert services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://kafka:9092"
    postgres = services["postgres"]["environment"]
    assert (state.username, state.path) == (postgres["POSTGRES_USER"], f"/{postgres['POSTGRES_DB']}")
    assert postgres["POSTGRES_PASSWORD"] == services["shopkeeper"]["environment"]["PGPASSWORD"]
    locked = (DEPLOY.parent / "requirements-test.lock").read_text("utf-8")
    image = (DEPLOY / "Dockerfile").read_text("utf-8")
    added = re.findall(r"-c /build/requirements-test.lock (.+) .$", image, re.MULTILINE)
    assert len(added) == 1
    for package in added[0].replace('"', "").split():
        assert re.search(rf"^{re.escape(package.partition('[')[0])}==", locked, re.MULTILINE)
