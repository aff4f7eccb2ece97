"""The decision against one that reads the documents one by one, word by word, without trie or order."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from crossply_policy.access.decision import Caller, Decision, may_call, may_publish, may_subscribe
from crossply_policy.access.language import ACCESS
from crossply_policy.access.reach import reach
from crossply_policy.access.rules import compile_access
from crossply_policy.access.spec import AccessSpec, TargetSpec
from crossply_policy.documents import Document
from crossply_policy.faults import Faults

SERVICES = ("web", "orders", "stock")
ENDPOINTS = ("create", "quote", "http-get", "http-put")
PATHS = ("/", "/a", "/a/", "/a/b", "/a/b/c", "/%61", "/%2561", "/a;x", "/a;x/b", "/b")
TOKENS = ("eu", "paid")


def some(*values: str) -> st.SearchStrategy[frozenset[str]]:
    """Return a set of at least one of these."""
    return st.frozensets(st.sampled_from(values), min_size=1, max_size=3)


def channel(*wild: str) -> st.SearchStrategy[str]:
    """Return a channel or a pattern of one family."""
    middle = st.lists(st.sampled_from([*TOKENS, *(one for one in wild if one == "*")]), min_size=1, max_size=3)
    tail = st.sampled_from(["", *(f".{one}" for one in wild if one == ">")])

    def joined(tokens: list[str], end: str) -> str:
        return ".".join(["orders", *tokens]) + end

    return st.builds(joined, middle, tail)


services = st.sampled_from([*SERVICES, "*"])
targets = (
    st.builds(TargetSpec, service=services, endpoints=st.none() | some(*ENDPOINTS, "*"))
    | st.builds(
        TargetSpec,
        service=services,
        methods=st.none() | some("GET", "PUT"),
        paths=st.none() | some("/", "/a", "/a/", "/*", "/a/*", "/a/b"),
    )
    | st.builds(TargetSpec, channel=channel("*", ">") | st.just("orders.>"), actions=some("publish", "subscribe"))
)
claims = st.dictionaries(st.sampled_from(["team", "tier"]), some("1", "2"), min_size=1, max_size=2)
specs = st.builds(
    AccessSpec,
    effect=st.sampled_from(["allow", "deny"]),
    callers=some(*SERVICES, "*", "spiffe://d/t/x/svc/web"),
    to=st.lists(targets, min_size=1, max_size=3).map(tuple),
    when=st.none() | claims.map(MappingProxyType),
    mode=st.none() | st.sampled_from(["enforce", "audit"]),
)
documents = st.lists(specs, max_size=6).map(
    lambda found: [Document(kind="Access", name=f"d{number}", spec=spec) for number, spec in enumerate(found)]
)
callers = st.builds(
    Caller,
    service=st.sampled_from(SERVICES),
    identity=st.sampled_from(["", "spiffe://d/t/x/svc/web", "spiffe://d/t/x/svc/stock"]),
    claims=st.dictionaries(st.sampled_from(["team", "tier"]), st.sampled_from(["1", "2"])),
)


def speaks(spec: AccessSpec, caller: Caller) -> bool:
    """Return whether a document speaks of a caller."""
    named = {caller.service, caller.identity, "*"} & (spec.callers or set())
    return bool(named) and all(caller.claims.get(name) in accepted for name, accepted in (spec.when or {}).items())


def of_path(path: str | None, said: frozenset[str] | None, *, allow: bool) -> bool:
    """Return whether paths that are said speak of one that is asked for."""
    if said is None:
        return True
    if path is None:
        return False
    plain = unquote(path)
    bare = "/".join(part.split(";")[0] for part in unquote(plain).split("/"))
    forms = {plain} if allow else {plain, bare, bare.rstrip("/") or "/"}
    return any(form == one or (one.endswith("/*") and form.startswith(one[:-1])) for form in forms for one in said)


def of_call(target: TargetSpec, service: str, endpoint: str, path: str | None, *, allow: bool) -> bool:
    """Return whether a target speaks of a call."""
    if target.service not in {service, "*"}:
        return False
    if target.methods is not None:
        named = {f"http-{method.lower()}" for method in target.methods}
    else:
        named = set(target.endpoints or {"*"})
    return bool(named & {endpoint, "*"}) and of_path(path, target.paths, allow=allow)


def names_of(pattern: str) -> set[tuple[str, ...]]:
    """Return every channel of up to five tokens of a small alphabet that a pattern names; `z` is any other token."""
    alphabet = (*TOKENS, "z")
    found: set[tuple[str, ...]] = {()}
    for token in pattern.split("."):
        if token == ">":
            tails: set[tuple[str, ...]] = set()
            longer = found
            while longer := {(*one, more) for one in longer for more in alphabet if len(one) < 5}:
                tails |= longer
            return tails
        choices = alphabet if token == "*" else (token,)
        found = {(*one, more) for one in found for more in choices}
    return found


def of_channel(target: TargetSpec, action: str, asked: str, *, allow: bool) -> bool:
    """Return whether a target speaks of a channel: of all of it to allow, of any of it to deny."""
    if target.channel is None or action not in (target.actions or ()):
        return False
    said, wanted = names_of(target.channel), names_of(asked)
    return wanted <= said if allow else bool(wanted & said)


def judged(every: list[Document], caller: Caller, of: Any) -> Decision:
    """Return the decision by the words of the documents; `of(target, allow=...)` is what is asked."""

    def outcome(found: list[Document]) -> tuple[bool, str]:
        effect: dict[str, list[str]] = {"allow": [], "deny": []}
        for document in found:
            spec = document.spec
            assert isinstance(spec, AccessSpec)
            allow = spec.effect == "allow"
            if speaks(spec, caller) and any(of(target, allow=allow) for target in spec.to or ()):
                effect[spec.effect or ""].append(document.name)
        if effect["deny"]:
            return False, min(effect["deny"])
        return bool(effect["allow"]), min(effect["allow"], default="")

    allowed, rule = outcome([one for one in every if getattr(one.spec, "mode", None) != "audit"])
    audit_allowed, audit_rule = outcome(every)
    return Decision(allowed=allowed, rule=rule, audit_allowed=audit_allowed, audit_rule=audit_rule)


@given(documents, callers, st.sampled_from(SERVICES), st.sampled_from(ENDPOINTS), st.none() | st.sampled_from(PATHS))
def test_a_call_is_decided_as_the_words_say(
    every: list[Document], caller: Caller, service: str, endpoint: str, path: str | None
) -> None:
    def of(target: TargetSpec, *, allow: bool) -> bool:
        return of_call(target, service, endpoint, path, allow=allow)

    assert may_call(compile_access(every), caller, service, endpoint, path) == judged(every, caller, of)


@given(documents, callers, channel())
def test_a_publish_is_decided_as_the_words_say(every: list[Document], caller: Caller, name: str) -> None:
    def of(target: TargetSpec, *, allow: bool) -> bool:
        return of_channel(target, "publish", name, allow=allow)

    assert may_publish(compile_access(every), caller, name) == judged(every, caller, of)


@given(documents, callers, channel("*", ">"))
def test_a_subscription_is_decided_as_the_words_say(every: list[Document], caller: Caller, pattern: str) -> None:
    def of(target: TargetSpec, *, allow: bool) -> bool:
        return of_channel(target, "subscribe", pattern, allow=allow)

    assert may_subscribe(compile_access(every), caller, pattern) == judged(every, caller, of)


@given(documents, callers, st.randoms(), st.sampled_from(SERVICES), st.sampled_from(ENDPOINTS))
def test_the_order_of_documents_means_nothing(
    every: list[Document], caller: Caller, luck: Any, service: str, endpoint: str
) -> None:
    shuffled = list(every)
    luck.shuffle(shuffled)
    one, other = compile_access(every), compile_access(shuffled)
    assert may_call(one, caller, service, endpoint) == may_call(other, caller, service, endpoint)


@given(documents, specs, callers, st.sampled_from(SERVICES), st.sampled_from(ENDPOINTS))
def test_an_audit_document_never_changes_an_outcome(
    every: list[Document], spec: AccessSpec, caller: Caller, service: str, endpoint: str
) -> None:
    extra = AccessSpec(effect=spec.effect, callers=spec.callers, to=spec.to, when=spec.when, mode="audit")
    more = [*every, Document(kind="Access", name="extra", spec=extra)]
    before = may_call(compile_access(every), caller, service, endpoint)
    after = may_call(compile_access(more), caller, service, endpoint)
    assert (before.allowed, before.rule) == (after.allowed, after.rule)


@given(specs)
def test_what_is_rendered_reads_to_the_same(spec: AccessSpec) -> None:
    faults = Faults()
    read = ACCESS.read(ACCESS.plain(spec), "spec", faults)
    if not faults:
        assert ACCESS.plain(read) == ACCESS.plain(ACCESS.read(ACCESS.plain(read), "spec", faults))


@given(documents, callers, st.sampled_from(SERVICES), st.sampled_from(ENDPOINTS), st.none() | st.sampled_from(PATHS))
def test_whatever_the_callee_allows_the_broker_lets_through(
    written: list[Document], caller: Caller, service: str, endpoint: str, path: str | None
) -> None:
    access = compile_access(written)
    if not may_call(access, caller, service, endpoint, path).allowed:
        return
    callee = Caller(service=service, identity=f"spiffe://d/t/x/svc/{service}")
    assert {service, "*"} & reach(access, caller).callees
    if caller.identity in {"", f"spiffe://d/t/x/svc/{caller.service}"}:
        assert {caller.service, "*"} & reach(access, callee).callers


@given(documents, callers, channel("*", ">"))
def test_whatever_channel_may_be_used_the_broker_lets_through(
    written: list[Document], caller: Caller, asked: str
) -> None:
    access = compile_access(written)
    found = reach(access, caller, [asked])
    if may_subscribe(access, caller, asked).allowed:
        assert asked in found.takes
    if may_publish(access, caller, asked).allowed:
        assert any(names_of(asked) <= names_of(each) for each in found.publishes)
