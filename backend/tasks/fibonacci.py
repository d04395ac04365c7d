"""Numbers by a rule."""

from typing import Annotated

from pydantic import Field


def fib(
    n: Annotated[int, Field(le=10_000, description="The index of the last number; the first has the index 0.")],
) -> list[int]:
    """List the Fibonacci numbers up to an index.

    Each number is the sum of the two before it: the index 4 gives 0, 1, 1, 2, 3. A negative index gives none.
    """
    numbers = []
    number, following = 0, 1
    for _ in range(n + 1):
        numbers.append(number)
        number, following = following, number + following
    return numbers
