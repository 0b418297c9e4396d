"""An exercise: its name, the inputs it is tried on, what is right, and which mistakes are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbook.checks.answer import SECONDS, Elsewhere, call_answer
from workbook.checks.difference import difference, short
from workbook.checks.verdict import NotDone, Passed, WrongAnswer

Case = tuple[Any, ...]


@dataclass(frozen=True)
class Mistake:
    """A typical wrong answer and the hint for whoever gives it.

    Attributes:
        answer: does on every input what those do who make the mistake.
        hint: a sentence that leads on and does not give the solution away.
    """

    answer: Callable[..., Any]
    hint: str


@dataclass
class Exercise:
    """One exercise; calling it with an answer checks that answer.

    Attributes:
        number: as in the notebook, `"1.2"`.
        title: a few words.
        reference: the right answer, written to be read and apart from the library.
        draw: makes the inputs, tuples of arguments, from a generator of random numbers.
        mistakes: known wrong answers, the likeliest first.
        hint: for a wrong answer that is none of these.
        tolerance: of numbers, absolute and relative.
        seconds: the time limit of one call.
        picture: draws a counter-example from `(case, expected, given)` as a Pillow image.
        wrap: makes of an answer, or of a known mistake, a function whose result can be compared, where the
            answer's own cannot: a model, a generator, or what it does to its input.

    >>> double = Exercise("0.1", "twice", lambda x: 2 * x, lambda rng: [(1,), (3,)],
    ...                   [Mistake(lambda x: x * x, "That is the square.")])
    >>> double(lambda x: x + x)
    Exercise 0.1, twice: right, on 2 inputs.
    """

    number: str
    title: str
    reference: Callable[..., Any]
    draw: Callable[[np.random.Generator], Iterable[Case]]
    mistakes: Sequence[Mistake] = ()
    hint: str = ""
    tolerance: float = 1e-6
    seconds: float = SECONDS
    picture: Callable[[Case, Any, Any], Any] | None = None
    wrap: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None
    passed: bool = field(default=False, init=False)

    def __call__(self, answer: Any, seed: int = 0) -> Passed:
        """Try the answer on every input.

        Raises:
            NotDone: the stub is still as it was.
            WrongAnswer: with the first counter-example and a hint.
        """
        self.passed = False
        count = 0
        for case in self.draw(np.random.default_rng(seed)):
            given = self.call(answer, case)
            expected = self.reference(*case)
            if wrong := difference(expected, given, self.tolerance):
                raise self._wrong(case, expected, given, wrong)
            count += 1
        self.passed = True
        return Passed(self.number, self.title, count)

    @property
    def where(self) -> str:
        """How messages begin."""
        return f"Exercise {self.number}"

    def call(self, answer: Any, case: Case) -> Any:
        """What an answer makes of one input; raises as `__call__` does."""
        if isinstance(answer, Elsewhere):
            return answer.try_on(self.number, case)
        if self.wrap is not None and callable(answer):
            answer = self.wrap(answer)
        return call_answer(answer, case, self.where, self.seconds)

    def _wrong(self, case: Case, expected: Any, given: Any, wrong: str) -> WrongAnswer:
        inputs = ", ".join(map(short, case))
        lines = [f"{self.where}, {self.title}: not yet.", f"  for {inputs}", f"  {wrong}"]
        if hint := self._hint(case, expected, given):
            lines.append(f"  Hint: {hint}")
        picture = self.picture(case, expected, given) if self.picture else None
        return WrongAnswer("\n".join(lines), picture)

    def _hint(self, case: Case, expected: Any, given: Any) -> str:
        """The hint of the first known mistake that answers this input as the answer did."""
        for mistake in self.mistakes:
            try:
                theirs = self.call(mistake.answer, case)
            except (WrongAnswer, NotDone):
                continue
            if difference(expected, theirs, self.tolerance) and _same(theirs, given, self.tolerance):
                return mistake.hint
        return self.hint


def _same(one: Any, other: Any, tolerance: float) -> bool:
    try:
        return difference(one, other, tolerance) is None
    except TypeError:  # of a type that no check expects
        return False


def progress(exercises: Iterable[Exercise]) -> str:
    """Which exercises were solved since the kernel started, and which is next, in one line.

    >>> progress([])
    '0 of 0 exercises solved'
    """
    exercises = list(exercises)
    left = [exercise for exercise in exercises if not exercise.passed]
    line = f"{len(exercises) - len(left)} of {len(exercises)} exercises solved"
    return f"{line}; next: {left[0].number}, {left[0].title}" if left else line
