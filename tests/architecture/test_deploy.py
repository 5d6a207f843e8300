"""What operators copy says only what is true of this program: commands that parse, figures that exist."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shopkeeper.apps.cli.main import app
from shopkeeper.apps.http.app import ROUTES
from shopkeeper.apps.http.metrics import Metrics
from shopkeeper.settings import parse

DEPLOY = Path(__file__).parents[2] / "deploy"


def _metrics() -> str:
    metrics = Metrics(lambda: 0, lambda: None, lambda: 1)
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


@pytest.mark.parametrize("name", ["shopkeeper.service", "shopkeeper-backup.service", "Dockerfile"])
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
@pytest.mark.parametrize("name", ["shopkeeper.service", "shopkeeper-backup.service", "shopkeeper-backup.timer"])
def test_systemd_reads_the_units(name: str) -> None:
    """No line of a unit is unknown to systemd; only our program is not where the unit expects it."""
    said = subprocess.run(["systemd-analyze", "verify", DEPLOY / name], capture_output=True, text=True, check=False)
    wrong = [line for line in said.stderr.splitlines() if name in line and "is not executable" not in line]
    assert wrong == []


def test_the_image_and_the_stream_fit_together() -> None:
    """The image holds the packages of ``[stream]`` and ``[profiles]`` in the tested versions; compose runs the command
    that drains, and the addresses in its note are ones that settings accept."""
    image, compose = ((DEPLOY / name).read_text("utf-8") for name in ("Dockerfile", "compose.yaml"))
    tested = (DEPLOY.parent / "requirements-test.lock").read_text("utf-8")
    for package in re.findall(r"(?:redis|confluent-kafka)==[\d.]+", image):
        assert package in tested
    assert '["drain", "--shop", "/shop"]' in compose
    note = "\n".join(line.strip(" #") for line in compose.splitlines() if re.match(r"\s*#   ", line))
    assert parse(tomllib.loads(note)).stream.url == "kafka://kafka:9092/shop-events"
