"""What can be told of the container files without an engine to run them."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from rag_llm_system.settings import known_keys
from tests.meta.python_sources import ROOT

yaml = pytest.importorskip("yaml")

COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"
PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+\.\d+[\w.-]*")
SECRETS = re.compile(r".*(PASSWORD|APIKEY|API_KEY|SECRET|TOKEN)|DATABASE_HOST|DATABASE_URL|REDIS_URL")
REQUIRED = re.compile(r"\$\{\w+:\?[^}]+\}")
OF_THE_IMAGES = ("MONGO_INITDB_", "QDRANT__", "REDIS_PASSWORD", "ORT_", "PIP_", "PYTHON", "PATH")
"""Keys that the images of others read, ONNX Runtime, pip and Python."""


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    return found


def instructions() -> list[tuple[str, str]]:
    """Gives the Dockerfile's instructions in order, a continued line as one."""
    text = DOCKERFILE.read_text(encoding="utf-8")
    lines = re.sub(r"\\\n\s*", " ", re.sub(r"(?m)^#.*\n", "", text)).splitlines()
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines) if name]


def stages() -> dict[str, list[tuple[str, str]]]:
    """Gives the instructions of each stage, those of the stages that it is made from included."""
    found: dict[str, list[tuple[str, str]]] = {}
    current = ""
    for name, rest in instructions():
        if name == "FROM":
            base, _, current = rest.partition(" AS ")
            found[current] = list(found.get(base, []))
        found[current].append((name, rest))
    return found


OURS = {name: service for name, service in services().items() if "build" in service}
BOUGHT = {name: service for name, service in services().items() if "build" not in service}
TARGETS = {service["build"]["target"] for service in OURS.values()}


def environment(service: dict[str, Any]) -> dict[str, str | None]:
    return dict(service.get("environment") or {})


def test_the_services_are_those_that_the_tasks_start() -> None:
    assert set(BOUGHT) == {"mongodb", "qdrant", "redis"}
    assert set(OURS) == TARGETS == {"api", "model-server", "pipelines"}
    in_use = [name for name, service in services().items() if "profiles" not in service]
    assert sorted(in_use) == ["api", "model-server", "mongodb", "qdrant"]


def test_the_two_stores_start_without_the_others_and_without_their_settings() -> None:
    assert not any("depends_on" in BOUGHT[name] for name in ("mongodb", "qdrant"))
    required = set(re.findall(r"(?<!\$)\$\{(\w+):\?", COMPOSE.read_text(encoding="utf-8")))
    assert required == {"MONGODB_PASSWORD", "QDRANT_APIKEY"}


@pytest.mark.parametrize("name", BOUGHT)
def test_an_image_of_others_is_pinned_to_a_version(name: str) -> None:
    assert PINNED.fullmatch(BOUGHT[name]["image"])


def test_the_base_images_are_pinned_to_one_version() -> None:
    own = set(stages())
    bases = {rest.partition(" AS ")[0] for name, rest in instructions() if name == "FROM"} - own
    assert len(bases) == 1
    assert all(PINNED.fullmatch(base) for base in bases)


@pytest.mark.parametrize("name", BOUGHT)
def test_every_store_says_whether_it_is_healthy_and_keeps_its_data_in_a_named_volume(name: str) -> None:
    assert {"test", "interval", "timeout", "retries", "start_period"} <= set(BOUGHT[name]["healthcheck"])
    volumes = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["volumes"]
    assert {mount.partition(":")[0] for mount in BOUGHT[name]["volumes"]} <= set(volumes)


@pytest.mark.parametrize("target", sorted(TARGETS - {"pipelines"}))
def test_every_server_image_says_whether_it_is_ready_by_what_the_image_has(target: str) -> None:
    (check,) = [rest for name, rest in stages()[target] if name == "HEALTHCHECK"]
    command = check.partition(" CMD ")[2]
    assert yaml.safe_load(command)[:2] == ["python", "-c"]
    port = dict(stages()[target])["EXPOSE"]
    assert f"http://127.0.0.1:{port}/ready" in command
    assert yaml.safe_load(dict(stages()[target])["CMD"]) == ["--port", port]
    compile(yaml.safe_load(command)[2], "healthcheck", "exec")


@pytest.mark.parametrize("name", services())
def test_every_service_has_bounds_and_no_more_rights_than_it_needs(name: str) -> None:
    service = services()[name]
    assert service["restart"] == ("no" if name == "pipelines" else "unless-stopped")
    assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    user, _, group = service["user"].partition(":")
    assert user.isdecimal()
    assert "0" not in (user, group)
    assert "privileged" not in service
    assert service.get("read_only", False) == (name in OURS)


@pytest.mark.parametrize("name", services())
def test_ports_are_published_to_this_machine_alone(name: str) -> None:
    ports = services()[name].get("ports", [])
    assert [port for port in ports if not re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)] == []
    assert services()[name].get("network_mode") in (None, "service:api")


def test_only_the_api_leaves_loopback_and_its_port_is_published_there() -> None:
    trusting = [name for name, service in services().items() if "RAG_TRUST_NETWORK" in environment(service)]
    assert trusting == ["api"]
    assert services()["api"]["ports"] == ["127.0.0.1:8001:8001"]
    assert "ports" not in services()["model-server"]


@pytest.mark.parametrize("name", services())
def test_no_secret_has_a_value_or_a_default(name: str) -> None:
    for key, value in environment(services()[name]).items():
        if SECRETS.fullmatch(key):
            assert value is None or REQUIRED.search(value), key
    text = DOCKERFILE.read_text(encoding="utf-8") + COMPOSE.read_text(encoding="utf-8")
    assert re.findall(r"\$\{\w+:?[-+=][^}]*\}", text) == []
    assert [rest for name_, rest in instructions() if name_ == "ARG" or SECRETS.match(f"{name_} {rest}")] == []


def test_every_key_that_the_containers_set_is_a_setting_or_of_an_image() -> None:
    set_by_compose = {key for service in services().values() for key in environment(service)}
    set_by_image = {
        word.partition("=")[0] for name, rest in instructions() if name == "ENV" for word in shlex.split(rest)
    }
    known = {*known_keys()}
    strays = {key for key in set_by_compose | set_by_image if key not in known and not key.startswith(OF_THE_IMAGES)}
    assert strays == set()


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_an_image_runs_as_the_user_of_the_compose_file(target: str) -> None:
    users = [rest for name, rest in stages()[target] if name == "USER"]
    assert users[-1] == services()[target]["user"] == "10001:10001"
    assert any("--uid 10001" in rest for name, rest in stages()[target] if name == "RUN")
    assert dict(stages()[target])["STOPSIGNAL"] == "SIGTERM"


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_an_image_starts_a_module_that_is_copied_into_it(target: str) -> None:
    command = yaml.safe_load(dict(stages()[target])["ENTRYPOINT"])
    assert command[:2] == ["python", "-m"]
    module = Path(*command[2].split("."))
    assert (ROOT / module).with_suffix(".py").is_file()
    copied = {rest.split()[-1] for name, rest in stages()[target] if name == "COPY"}
    assert module.parts[0] in copied


def test_what_is_copied_is_there_and_not_kept_out() -> None:
    admitted = re.findall(r"(?m)^!(\S+)", (ROOT / ".dockerignore").read_text(encoding="utf-8"))
    sources = {
        source
        for name, rest in instructions()
        if name == "COPY" and "--from=" not in rest
        for source in rest.split()[:-1]
    }
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert sources == set(admitted)


def test_the_servers_images_get_neither_torch_nor_zenml() -> None:
    for target in ("api", "model-server"):
        ((_, environment_of),) = [
            (name, rest) for name, rest in stages()[target] if name == "COPY" and rest.startswith("--from=")
        ]
        stage = environment_of.partition("=")[2].split()[0]
        extras = [extra for name, rest in stages()[stage] for extra in re.findall(r"whl\)\[([\w,]+)\]", rest)]
        assert extras == ["mongo,postgres,qdrant"]


def test_every_installation_is_pinned_by_the_lock() -> None:
    commands = [part for name, rest in instructions() if name == "RUN" for part in rest.split("&&")]
    installing = [command for command in commands if re.search(r"pip (install|wheel)", command)]
    assert len(installing) == 6
    assert [command for command in installing if "constraint constraints.txt" not in command] == []
