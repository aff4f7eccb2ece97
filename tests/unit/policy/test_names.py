"""What a name may be, and what is said about one that may not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crossply_policy import language, names
from crossply_policy.names import NameFault

LONGEST = "a" * 63
TOO_LONG = "a" * 64


@pytest.mark.parametrize("text", ["a", "7", "orders", "order-history", "a--b", "anything", "i", "in-1", LONGEST])
@pytest.mark.parametrize("check", [names.service, names.endpoint])
def test_a_token_is_a_name(check: Callable[[str], str], text: str) -> None:
    assert check(text) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("a b", "' '"),
        ("a.b", "'.'"),
        ("a*", "'*'"),
        (">", "'>'"),
        ("a\x00", "'\\x00'"),
        ("a\n", "'\\n'"),
        ("Orders", "'O'"),
        ("get_quote", "'_'"),
        ("größe", "'ö'"),
        ("\ud800", "'\\ud800'"),
        ("-a", "begins or ends with -"),
        ("a-", "begins or ends with -"),
        (TOO_LONG, "64 characters"),
        ("x" * 300, "300 characters"),
        ("any", "reserved"),
        ("foreign", "reserved"),
        ("i-am", "reserved"),
    ],
)
@pytest.mark.parametrize(("check", "what"), [(names.service, "service name"), (names.endpoint, "endpoint name")])
def test_what_is_no_token_is_refused_with_the_reason(
    check: Callable[[str], str], what: str, text: str, why: str
) -> None:
    with pytest.raises(NameFault) as refused:
        check(text)

    message = str(refused.value)
    assert message.startswith(what)
    assert why in message
    assert "use a name such as" in message


def test_a_refusal_is_short_and_printable_whatever_the_name() -> None:
    with pytest.raises(NameFault) as refused:
        names.service("\x00\u202e" * 150)

    assert len(str(refused.value)) < 500
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("text", "suggestion"), [("Order Service", "order-service"), ("get_quote", "get-quote"), ("-x-", "x")]
)
def test_a_refusal_suggests_a_name_that_is_accepted(text: str, suggestion: str) -> None:
    with pytest.raises(NameFault, match=f"use a name such as {suggestion}$"):
        names.service(text)
    assert names.service(suggestion) == suggestion


def test_an_operation_is_a_service_and_an_endpoint() -> None:
    assert names.operation("orders.create") == ("orders", "create")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("orders", "1 part between"),
        ("a.b.c", "3 parts between"),
        ("", "1 part between"),
        (".create", "service name '' is refused"),
        ("orders.", "endpoint name '' is refused"),
        ("any.create", "service name 'any' is refused"),
        ("orders.*", "endpoint name '*' is refused"),
        ("orders.create\n", "endpoint name 'create\\n' is refused"),
    ],
)
def test_what_is_no_operation_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(NameFault) as refused:
        names.operation(text)
    assert why in str(refused.value)


@pytest.mark.parametrize("text", ["orders.created", "a.b.c.d.e.f.g.h"])
def test_a_channel_is_two_to_eight_tokens(text: str) -> None:
    assert names.channel(text) == text
    assert names.pattern(text) == text


@pytest.mark.parametrize("text", ["orders.>", "orders.*", "orders.*.eu", "orders.*.>", "a.*.*.*.*.*.*.>"])
def test_a_pattern_has_wildcards_and_a_channel_has_none(text: str) -> None:
    assert names.pattern(text) == text
    with pytest.raises(NameFault, match="it has a wildcard; publish on one channel"):
        names.channel(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("orders", "it has 1 token;"),
        ("a.b.c.d.e.f.g.h.i", "it has 9 tokens;"),
        ("", "it is empty"),
        ("orders..created", "in token '', it is empty"),
        ("orders.Created", "in token 'Created', it has 'C'"),
        ("orders.cre*", "in token 'cre*', it has '*'"),
        ("orders.any", "in token 'any', the names"),
        ("*.created", "its first token is a wildcard"),
        (">", "its first token is a wildcard"),
        ("orders.>.created", "> is not its last token"),
        ("a" * 60 + ".b" + ".c" * 6 + "d" * 300, "characters, at most 181 are allowed"),
    ],
)
def test_what_is_no_pattern_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(NameFault) as refused:
        names.pattern(text)
    assert why in str(refused.value)


def test_the_longest_subject_of_a_channel_fits_the_broker() -> None:
    text = ".".join(["a" * 59, "b" * 60, "c" * 60])
    assert len(text) == names.CHANNEL_LENGTH

    assert len(f"mesh.redo.{LONGEST}.{names.channel(text)}") <= 255
    with pytest.raises(NameFault):
        names.channel(text + "c")


def test_an_instance_id_is_twelve_characters_of_base_32() -> None:
    assert names.instance("abcdefghij27") == "abcdefghij27"
    for text in ("abcdefghij2", "abcdefghij278", "abcdefghij18", "ABCDEFGHIJ27", "abcdefghij2\n", ""):
        with pytest.raises(NameFault, match="instance id"):
            names.instance(text)


def test_a_kind_is_one_that_parses() -> None:
    assert [names.kind(kind) for kind in language.KINDS] == list(names.KINDS)


@pytest.mark.parametrize("text", names.KINDS_TO_COME)
def test_a_kind_of_later_versions_is_said_to_be_one(text: str) -> None:
    with pytest.raises(NameFault, match=f"kind {text} is not available in this version"):
        names.kind(text)


def test_an_unknown_kind_is_refused_with_those_that_are_known() -> None:
    for text, meant in (("service", "Service"), ("Servcie", "Service"), ("RATELIMITS", "RateLimit")):
        with pytest.raises(NameFault) as refused:
            names.kind(text)
        assert f"the kinds are {', '.join(names.KINDS[:-1])} and {names.KINDS[-1]}; did" in str(refused.value)
        assert str(refused.value).endswith(f"did you mean {meant}?")


def test_a_kind_that_is_like_none_is_refused_without_a_guess() -> None:
    with pytest.raises(NameFault) as refused:
        names.kind("Ingress")
    assert str(refused.value).endswith(names.KINDS[-1])


def test_a_python_name_becomes_an_endpoint_name() -> None:
    assert names.python_name("get_quote") == "get-quote"
    with pytest.raises(NameFault, match="begins or ends with -"):
        names.python_name("_private")
