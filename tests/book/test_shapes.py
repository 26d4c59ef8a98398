"""Each call of the package is checked: a shape that lies, in an argument or in the result, is found."""

from collections.abc import Callable
from typing import Any

import jaxtyping
import pytest
from jaxtyping import Float, TypeCheckError
from torch import Tensor, ones

from nano_bert import BertConfig, NanoBERT
from tests.book.shapes import jaxtyped


def as_in_the_package(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function as jaxtyping decorates those of the package when it imports them."""
    function.__module__ = "nano_bert.planted"
    return jaxtyped(typechecker="any")(function)


@as_in_the_package
def turned(x: Float[Tensor, "rows columns"]) -> Float[Tensor, "columns rows"]:
    return x.T


@as_in_the_package
def lying(x: Float[Tensor, "rows columns"]) -> Float[Tensor, "columns rows"]:
    return x


@as_in_the_package
def dot(parts: list[Float[Tensor, "n"]], scale: float = 1.0, *, other: Float[Tensor, "n"] | None = None) -> float:
    return scale * float(turned(ones(2, 5)).sum() + sum(part @ (part if other is None else other) for part in parts))


@as_in_the_package
def counted(words: list[str], apply: Callable[[Float[Tensor, "n"]], Any] | None = None) -> int:
    return len(words) + len(words[0])


@pytest.mark.parametrize(
    "call",
    [
        lambda: lying(ones(2, 3)),
        lambda: turned(ones(2)),
        lambda: turned(ones(2, 3).long()),
        lambda: turned([[1.0]]),
        lambda: dot([ones(2)], other=ones(3)),  # each has a shape that fits, but not both together
        lambda: dot([ones(2)], "1"),
        lambda: counted([1]),
        lambda: counted(["a"], 5),
    ],
)
def test_what_does_not_fit_is_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(TypeCheckError):
        call()


def test_what_fits_goes_through_and_a_name_counts_for_one_call() -> None:
    """Also for a call within a call, in which `rows` is another number."""
    for n in (2, 3):
        assert turned(ones(n, 4)).shape == (4, n)
        assert lying(ones(n, n)).shape == (n, n)
        assert dot([ones(n)], other=ones(n)) == 10 + n
    assert counted(["film"]) == 5


def test_a_reader_meets_the_error_of_the_function_itself(as_a_reader: None) -> None:
    assert lying(ones(2, 3)).shape == (2, 3)
    with pytest.raises(TypeError, match="has no len"):
        counted([1])


def test_the_package_is_checked_through_and_through() -> None:
    """Functions, methods, properties and the settings of a dataclass; other packages are left to jaxtyping."""
    model = NanoBERT(vocab_size=10)
    assert all(hasattr(method, "__wrapped__") for method in (model.forward, model.fuse, BertConfig.to_dict))
    for call in (lambda: model(ones(2, 3)), lambda: model.embedding(5), lambda: BertConfig("10")):  # pyright: ignore
        with pytest.raises(TypeCheckError):
            call()
    vector: Any = Float[Tensor, "n"]
    with jaxtyping.jaxtyped("context"):
        assert isinstance(ones(2), vector)
        assert not isinstance(ones(3), vector)
