"""Every call of the package is checked, shapes and all, and the checks cost less than what they check.

`pytest --jaxtyping-packages=nano_bert,…` puts jaxtyping's decorator around each function of the package. It gives each
argument its name, which takes longer than most of our functions, and looks at all arguments twice. A function of which
no argument has a shape needs nothing but beartype; and one with shapes needs, besides, a place of its own in which
`batch` stands for one number. So the examples of a page that trains take half as long.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, get_args

import beartype
import jaxtyping

check = beartype.beartype(conf=beartype.BeartypeConf(violation_type=jaxtyping.TypeCheckError))
original: Any = jaxtyping.jaxtyped


def speaks_of_shapes(annotation: Any) -> bool:
    """Whether a type is one of jaxtyping's, such as `Float[Tensor, "batch token"]`, or has one in it."""
    if inspect.isclass(annotation) and issubclass(annotation, jaxtyping.AbstractArray):
        return True
    parts: Any = annotation if isinstance(annotation, list) else get_args(annotation)  # those of a Callable are a list
    return any(map(speaks_of_shapes, parts))


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose arguments and result are looked at, unless jaxtyping is switched off."""
    looked_at: Callable[..., Any] = check(function)
    shapes = any(map(speaks_of_shapes, function.__annotations__.values()))

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        if jaxtyping.config.jaxtyping_disable:
            return function(*arguments, **named)
        if not shapes:
            return looked_at(*arguments, **named)
        with original("context"):
            return looked_at(*arguments, **named)

    return call


def jaxtyped(thing: Any = None, /, **how: Any) -> Any:
    """`jaxtyping.jaxtyped`, which does as ever for all but the functions of the package."""
    if thing is None:
        return functools.partial(jaxtyped, **how)
    if inspect.isfunction(thing) and thing.__module__.partition(".")[0] == "nano_bert":
        return checked(thing)
    return original(thing, **how)


def check_lightly() -> None:
    """Do so from now on, in all that is imported."""
    jaxtyping.jaxtyped = jaxtyped  # pyright: ignore[reportAttributeAccessIssue]
