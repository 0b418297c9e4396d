"""What a check says: right, not done yet, or the first counter-example with a hint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class NotDone(NotImplementedError):
    """The exercise's stub is still as it was."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]  # what Jupyter shows: the message, without the check's own lines


class WrongAnswer(AssertionError):
    """An answer that fails; its message holds the first counter-example and the hint meant for it.

    Attributes:
        picture: the counter-example as a Pillow image, where a picture says more; a notebook shows it.
    """

    def __init__(self, message: str, picture: Any = None) -> None:
        super().__init__(message)
        self.picture = picture

    def _render_traceback_(self) -> list[str]:
        if self.picture is not None:
            from IPython.display import display  # only called by IPython

            display(self.picture)
        return [str(self)]


@dataclass(frozen=True)
class Passed:
    """A right answer, in one line.

    >>> Passed("1.1", "the pairing rule", 200)
    Exercise 1.1, the pairing rule: right, on 200 inputs.
    """

    number: str
    title: str
    inputs: int

    def __repr__(self) -> str:
        many = "one input" if self.inputs == 1 else f"{self.inputs} inputs"
        return f"Exercise {self.number}, {self.title}: right, on {many}."
