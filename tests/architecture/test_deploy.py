"""What operators copy says only what is true of this program: commands that parse, figures that exist."""

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import typer
import yaml
from typer.core import TyperGroup

from servers import port_that_is_free, started
from shopkeeper.apps.cli.main import app
from shopkeeper.apps.http import server
from shopkeeper.apps.http.app import app_of
from shopkeeper.apps.http.from_shop import ShopEngine
from shopkeeper.core.figures import EngineFigures, ProfilesFigures, StateFigures, StreamFigures, Tally
from shopkeeper.data.stream import kafka_journal, reader, redis_profiles
from shopkeeper.settings import Settings, parse
from shopkeeper.shop import Shop

DEPLOY = Path(__file__).parents[2] / "deploy"
SERVICES = ("shopkeeper.service", "shopkeeper-drain.service", "shopkeeper-backup.service")


def _metrics(folder: Path) -> str:
    """What a shop answers at /metrics that was asked for everything, with the figures of every engine."""
    told = Tally().told()
    engines = EngineFigures(
        state=StateFigures(asked=told, in_use=1, most=8),
        stream=StreamFigures(sent=told, refused=0, queue=0, waiting=1, lag={0: 1}, unread_seconds=2.0),
        profiles=ProfilesFigures(asked=told, fallbacks=0),
    )

    class WithEngines(ShopEngine):
        def figures(self) -> EngineFigures:
            return engines

    with Shop.create(folder, name="Tea", currency="CNY", timezone="UTC", language="en") as shop:
        key = {"Authorization": f"Bearer {shop.state.keys.create('secret')}"}
        events = [{"id": "e", "action": "page_view", "visitor": "v1"}, {"action": "nonsense"}]

        async def asked() -> str:
            transport = httpx.ASGITransport(app=app_of(WithEngines(shop)))
            async with httpx.AsyncClient(transport=transport, base_url="http://shop", headers=key) as client:
                assert (await client.post("/v1/events", json={"events": events})).status_code == 207
                assert (await client.get("/v1/recommendations")).status_code == 200
                return (await client.get("/metrics")).text

        return asyncio.run(asked())


def _asked_for_what_exists(expression: str, known: str) -> None:
    """Every metric of an expression is given, with every label that is asked for, and every route exists."""
    found = set(re.findall(r"shopkeeper_[a-z_]+", expression))
    assert all(re.search(rf"^{name}[{{ ]", known, re.MULTILINE) for name in found), found
    labels = re.findall(r"(?:by \(|[{,]|, )([a-z]+)(?=[=),]|!=)", expression)
    given = {"instance", "job"}  # Prometheus' own
    assert all(label in given or f'{label}="' in known for label in labels), labels
    assert set(re.findall(r'route="([^"]+)"', expression)) <= set(re.findall(r'route="([^"]+)"', known))


def test_the_dashboard_asks_for_figures_that_exist(tmp_path: Path) -> None:
    """Every metric, label and route of every panel is one that the server gives, and panels do not overlap."""
    board, known = json.loads((DEPLOY / "grafana.json").read_text("utf-8")), _metrics(tmp_path / "shop")
    taken = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(taken) == len(set(taken)) >= 8
    for panel in board["panels"]:
        for target in panel["targets"]:
            assert "shopkeeper_" in target["expr"]
            _asked_for_what_exists(target["expr"], known)


ALERTS = DEPLOY / "prometheus-alerts.yaml"


def test_alerts_ask_for_figures_that_exist(tmp_path: Path) -> None:
    """Every metric, label and route of every alert is one that the server gives; each alert waits before it wakes
    anybody, and says in both languages what to do."""
    known = _metrics(tmp_path / "shop")
    (group,) = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    assert len({rule["alert"] for rule in group["rules"]}) == len(group["rules"]) >= 10
    for rule in group["rules"]:
        _asked_for_what_exists(rule["expr"], known)
        assert rule["for"]
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert set(rule["annotations"]) == {"summary", "summary_zh"}
        assert re.search("[\u4e00-\u9fff]", rule["annotations"]["summary_zh"])


@pytest.mark.skipif(
    shutil.which("promtool") is None and not os.environ.get("CI"),
    reason="promtool is not installed (Debian: prometheus)",
)
def test_alerts_are_raised_by_what_they_are_for(tmp_path: Path) -> None:
    """Prometheus reads the rules; each is raised by figures of its trouble and by nothing of a shop that is well."""
    cases = yaml.safe_load((Path(__file__).parent / "alerts.yaml").read_text("utf-8"))
    asked = [test["alert_rule_test"][0] for test in cases["tests"]]
    raised = {one["alertname"] for one in asked if one["exp_alerts"]}
    rules = yaml.safe_load(ALERTS.read_text("utf-8"))
    assert raised == {rule["alert"] for rule in rules["groups"][0]["rules"]}
    for rule in rules["groups"][0]["rules"]:
        del rule["annotations"]  # promtool would ask for each word of them
    for name, text in (("rules", rules), ("cases", {**cases, "rule_files": ["rules.yaml"]})):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(text, allow_unicode=True), "utf-8")
    for words in (["check", "rules", str(ALERTS)], ["test", "rules", str(tmp_path / "cases.yaml")]):
        said = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stdout + said.stderr


def _called(name: str) -> list[list[str]]:
    """Each call of our program in a unit, an image or the composition, word by word."""
    text = (DEPLOY / name).read_text("utf-8")
    if name == "Dockerfile":
        return [json.loads(words) for words in re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)]
    if name == "compose.yaml":
        ours = (its for its in _compose()["services"].values() if "flink" not in str(its.get("build", "flink")))
        return [its["command"] for its in ours if "command" in its]
    lines = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    calls = [re.sub(r"^/bin/sh -c '(?:exec )?(.*)'$", r"\1", line) for line in lines]
    return [shlex.split(re.sub(r"\$\(.*\)", "now", call))[1:] for call in calls]


@pytest.mark.parametrize("name", [*SERVICES, "Dockerfile", "compose.yaml"])
def test_the_commands_of_services_are_read_by_the_program(name: str) -> None:
    """Each command is one of the command line, which takes every word of it; the folder is where the shop is kept."""
    called, known = _called(name), typer.main.get_command(app)
    assert called
    assert isinstance(known, TyperGroup)
    where = "/shop" if name in ("Dockerfile", "compose.yaml") else "/var/lib/shopkeeper/shop"
    for command, *words in called:
        told = known.commands[command].make_context(command, words).params
        assert told["folder"] == Path(where)


def test_what_is_stopped_has_the_time_to_end() -> None:
    """Longer than answering what was begun, telling the brokers what is on its way and letting them go take at most; a
    training is not told to stop by others, and its end for want of memory is not the server's."""
    longest = server._STOP_SECONDS + kafka_journal._DELIVERY_MS / 1_000 + reader._CLOSE_SECONDS
    compose = _compose()["services"]
    for name in ("shopkeeper", "drain", "trainer"):
        assert float(compose[name]["stop_grace_period"].removesuffix("s")) > longest
    for name in ("shopkeeper.service", "shopkeeper-drain.service"):
        unit = dict(re.findall(r"^(\w+)=(.*)$", (DEPLOY / name).read_text("utf-8"), re.MULTILINE))
        assert float(unit["TimeoutStopSec"]) > longest
        assert (unit["KillMode"], unit["OOMPolicy"], unit["Restart"]) == ("mixed", "continue", "always")
        assert unit["RestartPreventExitStatus"] == "2"
        assert int(unit["LimitNOFILE"]) >= server._HANDLES


@pytest.mark.parametrize("name", ["shopkeeper.service", "shopkeeper-drain.service", "Dockerfile"])
def test_what_runs_for_long_keeps_few_heaps(name: str) -> None:
    """However it is started, memory that threads leave behind is kept low."""
    lines = (DEPLOY / name).read_text("utf-8").splitlines()
    assert {"ENV MALLOC_ARENA_MAX=2", "Environment=MALLOC_ARENA_MAX=2"} & set(lines)


def test_containers_have_their_limits_their_places_and_no_secrets() -> None:
    """Every one has a bound on its memory; what must outlive it lies in a volume at the place where the program keeps
    it; the port is the program's own; no password stands in the file but the one that it says to change."""
    compose, image = _compose(), (DEPLOY / "Dockerfile").read_text("utf-8")
    services, port = compose["services"], Settings().serve.port
    assert all(re.fullmatch(r"(\d+g|\$\{SHOPKEEPER_MEMORY:-\d+g\})", its["mem_limit"]) for its in services.values())
    assert {name: its["volumes"] for name, its in services.items() if "volumes" in its} == {
        **{name: ["shop:/shop"] for name in ("shopkeeper", "trainer", "drain")}, "kafka": ["kafka:/var/lib/kafka/data"],
        **{name: ["checkpoints:/checkpoints"] for name in ("jobmanager", "taskmanager")},
        "postgres": ["postgres:/var/lib/postgresql/data"],
    }  # fmt: skip
    assert services["kafka"]["environment"]["KAFKA_LOG_DIRS"] == "/var/lib/kafka/data"
    assert f"EXPOSE {port}" in image
    assert services["shopkeeper"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert "install -d -o shopkeeper -m 0700 /shop" in image  # strangers may not read it
    assert image.index("USER shopkeeper") < image.index("VOLUME /shop") < image.index("ENTRYPOINT")
    assert re.search(r"^FROM python:3\.\d+\.\d+-[\w-]+$", image, re.MULTILINE)
    names = {name for its in services.values() for name in its.get("environment", {})}
    ours = {name for name in names if not name.startswith(("KAFKA_", "POSTGRES_", "FLINK_"))}
    assert ours == {"PGPASSWORD"}
    secret = [
        value for its in services.values() for name, value in its.get("environment", {}).items() if "PASS" in name
    ]
    assert set(secret) == {"${SHOPKEEPER_PGPASSWORD:-change-me}"}


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
def test_redis_takes_its_command(tmp_path: Path) -> None:
    """Its options are known to a real one, and the doctor is content with what it does when it is full."""
    port, command = port_that_is_free(), _compose()["services"]["redis"]["command"]
    with started([*command, "--port", str(port), "--bind", "127.0.0.1"], port, tmp_path / "redis.log"):
        found = redis_profiles.check(f"redis://127.0.0.1:{port}/0")
    assert (found.policy, found.full) == ("noeviction", False)


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
