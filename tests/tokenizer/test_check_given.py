"""What is given is shown in one short line, whatever it is, and something of another kind is named."""

from typing import Any

import pytest

from nano_bert.tokenizer.check_given import check_kind, shown


class Silent:
    def __repr__(self) -> str:
        raise ValueError


def endless() -> list[Any]:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    return deep


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("naïve 天使", "naïve 天使"),
        ("a\x1b[31m\x07\nb\x9b\u202e\ud800", r"a\x1b[31m\x07\nb\x9b\u202e\ud800"),
        (["a", 1.5], "['a', 1.5]"),
        (ValueError("no\tgood"), r"no\tgood"),
        (10**5000, "<int>"),
        (endless(), "<list>"),
        (Silent(), "<Silent>"),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "…"),
        ("\x00" * 10**7, (r"\x00" * 20)[:79] + "…"),
        ("\x1b]0;owned\a\x9b2J\u202e\r", r"\x1b]0;owned\x07\x9b2J\u202e\r"),
    ],
    ids=range(11),
)
def test_a_value_is_shown_on_one_short_line(value: Any, expected: str) -> None:
    assert shown(value) == expected
    assert len(shown(value, 7)) <= 7


def test_what_is_named_is_short_and_steers_nothing() -> None:
    check_kind("tokenizer", {}, dict)
    with pytest.raises(TypeError) as caught:
        check_kind("tokenizer", "\x1b[31m" * 10**6, dict, "Open it first.")
    assert str(caught.value).startswith("tokenizer must be a dict, but it is of the type str: \\x1b[31m")
    assert str(caught.value).endswith("…. Open it first.")
    assert len(str(caught.value)) < 200
    with pytest.raises(TypeError, match=r"^tokenizer must be a dict, but it is of the type object\.$"):
        check_kind("tokenizer", object(), dict)
