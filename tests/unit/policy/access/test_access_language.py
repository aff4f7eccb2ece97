"""Reading an Access document: what is accepted, and that every fault is reported with its path."""

from __future__ import annotations

from dataclasses import fields
from types import MappingProxyType

import pytest

from crossply_policy.access.language import ACCESS, TARGET
from crossply_policy.access.spec import AccessSpec, TargetSpec
from tests.unit.policy.access.writing import faults_of, on, read, said, to


def test_a_document_says_who_may_reach_what_and_when() -> None:
    spec = said(
        "allow",
        ["web", "*"],
        to(endpoints=["create", "quote"]),
        to("stock", methods=["GET"], paths=["/items", "/items/*"]),
        on("orders.>", "publish"),
        when={"team": ["shop", "billing"]},
        mode="audit",
    )

    assert read(spec) == AccessSpec(
        effect="allow",
        callers=frozenset({"web", "*"}),
        to=(
            TargetSpec(channel="orders.>", actions=frozenset({"publish"})),
            TargetSpec(service="orders", endpoints=frozenset({"create", "quote"})),
            TargetSpec(service="stock", methods=frozenset({"GET"}), paths=frozenset({"/items", "/items/*"})),
        ),
        when=MappingProxyType({"team": frozenset({"shop", "billing"})}),
        mode="audit",
    )


def test_what_is_read_is_rendered_in_one_order_and_read_again_to_the_same() -> None:
    one = read(said("deny", ["b", "a"], to("b"), to("a", endpoints=["y", "x"]), when={"b": ["2"], "a": ["1"]}))
    other = read(said("deny", ["a", "b"], to("a", endpoints=["x", "y"]), to("b"), when={"a": ["1"], "b": ["2"]}))

    assert one == other
    assert repr(ACCESS.plain(one)) == repr(ACCESS.plain(other))
    assert read(ACCESS.plain(one)) == one


def test_the_types_have_the_fields_of_the_language() -> None:
    for section, made in ((ACCESS, AccessSpec), (TARGET, TargetSpec)):
        names = [one.attribute or name for name, one in section.fields.items()]
        assert names == [one.name for one in fields(made)]
        assert all(one.about.endswith(".") for one in section.fields.values())


def test_effect_callers_and_targets_cannot_be_left_out() -> None:
    assert faults_of({}) == {"spec.effect": "is missing", "spec.from": "is missing", "spec.to": "is missing"}
    assert "must be allow or deny" in faults_of(said("alow", ["a"], to()))["spec.effect"]
    assert "must be a list of 1 to 256" in faults_of(said("allow", [], to()))["spec.from"]
    assert "must be a list of 1 to 256" in faults_of(said("allow", "web", to()))["spec.from"]
    assert "must be a list of 1 to 64" in faults_of(said("allow", ["web"]))["spec.to"]


@pytest.mark.parametrize(
    "caller",
    [
        "Web",
        "web.",
        "web*",
        "w*b",
        "!web",
        "not web",
        "w\u0435b",  # a Cyrillic letter
        "any",
        ">",
        "",
        "spiffe://mesh.local/t/default/svc/Web",
        "spiffe://Mesh.local/t/default/svc/web",
        "spiffe://mesh.local/t/default/svc/web/",
        "spiffe://mesh.local/t/default/svc/w%65b",
        "spiffe://mesh.local./t/default/svc/web",
        "spiffe://mesh.local/t/*/svc/web",
        "spiffe://mesh.local/t/default/svc/web/svc/admin",
        7,
    ],
)
def test_a_caller_is_a_whole_name_and_nothing_that_looks_like_one(caller: object) -> None:
    assert list(faults_of(said("allow", [caller], to()))) == ["spec.from[0]"]


@pytest.mark.parametrize("caller", ["web", "*", "foreign", "spiffe://mesh.local/t/default/svc/web"])
def test_a_caller_is_a_service_an_identity_anyone_or_foreign(caller: str) -> None:
    assert read(said("allow", [caller], to())).callers == frozenset({caller})


@pytest.mark.parametrize(
    "path",
    [
        "items",
        "/items/*/x",
        "/it*",
        "/*.html",
        "//items",
        "/a/../b",
        "/a/./b",
        "/a%2fb",
        "/a%2E",
        "/a\\b",
        "/a b",
        "/a?b",
        "/a#b",
        "/a;b",
        "/a%zz",
        "/\u00e4",
        "*",
        "",
        "/" + "a" * 2048,
    ],
)
def test_a_path_is_in_normal_form_and_wild_at_its_end_only(path: str) -> None:
    assert list(faults_of(said("allow", ["web"], to(paths=[path])))) == ["spec.to[0].paths[0]"]


@pytest.mark.parametrize("path", ["/", "/*", "/items", "/items/", "/items/*", "/a%20b", "/~a/b.c"])
def test_a_path_is_exact_or_has_a_tail(path: str) -> None:
    assert not faults_of(said("allow", ["web"], to(paths=[path])))


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ({}, ""),
        ({"service": "orders", "channel": "orders.x", "actions": ["publish"]}, ""),
        (to(actions=["publish"]), ".actions"),
        (to(endpoints=["create"], methods=["GET"]), ".endpoints"),
        (to(endpoints=["create"], paths=["/a"]), ".endpoints"),
        (to(endpoints=[]), ".endpoints"),
        (to(methods=[]), ".methods"),
        (to(methods=["get"]), ".methods[0]"),
        (to("orders", endpoints=["cre*"]), ".endpoints[0]"),
        ({"channel": "orders.x"}, ".actions"),
        ({"channel": "orders.x", "actions": []}, ".actions"),
        ({**on("orders.x"), "endpoints": ["a"]}, ".endpoints"),
        (on("*.created"), ".channel"),
        (on("orders"), ".channel"),
        (to("Orders"), ".service"),
        (to(hosts=["a"]), ".hosts"),
    ],
)
def test_a_target_is_one_thing_and_says_what_belongs_to_it(target: dict[str, object], place: str) -> None:
    assert f"spec.to[0]{place}" in faults_of(said("allow", ["web"], target))


def test_claims_are_names_with_values() -> None:
    assert list(faults_of(said("allow", ["web"], to(), when={}))) == ["spec.when"]
    assert list(faults_of(said("allow", ["web"], to(), when={"team": []}))) == ["spec.when.team"]
    assert list(faults_of(said("allow", ["web"], to(), when={"team": ["a\n"]}))) == ["spec.when.team[0]"]
    assert list(faults_of(said("allow", ["web"], to(), when={"Team": ["a"]}))) == ["spec.when.Team"]


def test_nothing_stands_twice_and_nothing_is_unbounded() -> None:
    assert faults_of(said("allow", ["web", "web"], to()))["spec.from[1]"] == "web is there twice"
    assert faults_of(said("allow", ["web"], to(), to()))["spec.to[1]"] == "is there twice"
    many = [f"e{number}" for number in range(256)]
    targets = [to(f"s{number}", endpoints=many) for number in range(5)]
    assert "at most 1024 are allowed" in faults_of(said("allow", ["web"], *targets))["spec.to"]
    assert list(faults_of(said("allow", [f"s{number}" for number in range(257)], to()))) == ["spec.from"]
