"""The grammar of names against one written out character by character."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from crossply_policy import names
from crossply_policy.names import NameFault

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"

nearly = st.text(alphabet="ai-.*>_A\n", max_size=8) | st.sampled_from(["any", "foreign", "i-", "anyone"])
likely = st.text(alphabet="anyifore-", min_size=1, max_size=66)
texts = st.text(max_size=70) | nearly | likely
dotted = st.lists(nearly | likely, max_size=10).map(".".join) | texts


def is_token(text: str) -> bool:
    """Return whether the text is a token, as the protocol says it in words."""
    return (
        1 <= len(text) <= 63
        and all(letter in LETTERS or letter == "-" for letter in text)
        and text[0] != "-"
        and text[-1] != "-"
        and text not in {"any", "foreign"}
        and not text.startswith("i-")
    )


def is_pattern(text: str, *, wild: bool) -> bool:
    """Return whether the text names a channel, or channels where wildcards are allowed."""
    tokens = text.split(".")
    last = len(tokens) - 1
    return (
        2 <= len(tokens) <= 8
        and len(text) <= names.CHANNEL_LENGTH
        and all(
            is_token(token) or (wild and place > 0 and (token == "*" or (token == ">" and place == last)))
            for place, token in enumerate(tokens)
        )
    )


def accepts(check: Callable[[str], object], text: str) -> bool:
    """Return whether a check takes the text; a refusal is short and printable."""
    try:
        check(text)
    except NameFault as fault:
        message = str(fault)
    else:
        return True
    assert message.isprintable()
    assert len(message) < 600
    return False


@given(texts)
def test_a_name_is_accepted_exactly_when_it_is_a_token(text: str) -> None:
    assert accepts(names.service, text) == accepts(names.endpoint, text) == is_token(text)


@given(dotted)
def test_an_operation_is_accepted_exactly_when_it_is_two_tokens(text: str) -> None:
    parts = text.split(".")
    assert accepts(names.operation, text) == (len(parts) == 2 and all(map(is_token, parts)))


@given(dotted)
def test_a_channel_is_accepted_exactly_when_its_tokens_are(text: str) -> None:
    assert accepts(names.channel, text) == is_pattern(text, wild=False)
    assert accepts(names.pattern, text) == is_pattern(text, wild=True)
