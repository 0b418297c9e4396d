"""Do the checks see the mistakes that are not in their lists? A mutation test over the notebooks' solutions.

Each solution cell is changed in one place (an operator, a constant, a condition, a call, a line left out),
and the changed answer is given to its exercise's check, in a process of its own with limits.

A mutant counts when it changes behaviour: when it answers otherwise than the solution, or fails, on at least
one of many inputs that the check does not draw. These come from the exercise's own draw with other seeds,
and from `mutation_inputs.py`, inputs of other sizes and kinds that the task's text allows; of these only
those count on which the solution and the check's reference agree, so that an input on which the task is
silent proves nothing. A mutant that is caught by its check needs no such input.

    python benchmarks/mutation.py                    # the table; the mutants missed, as code
    python benchmarks/mutation.py --exercise 1.2
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import itertools
import json
import math
import os
import resource
import select
import signal
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from mutation_inputs import WILD
from torch import nn
from torch.nn import functional as F

from workbook.checks.difference import difference
from workbook.checks.verdict import NotDone, WrongAnswer

ROOT = Path(__file__).parents[1]
NAMES = {"np": np, "torch": torch, "nn": nn, "F": F, "math": math, "copy": copy}
OTHER_SEEDS = range(1000, 1012)
SECONDS, CALL_SECONDS, BYTES = 120, 5.0, 2**30

SWAPS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div,
    ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
CALLS = {
    "min": "max", "max": "min", "any": "all", "all": "any", "sum": "mean", "mean": "sum", "amax": "amin",
    "round": "floor", "train": "eval", "sigmoid": "tanh", "sorted": "list", "enumerate": "list",
}  # fmt: skip


def mutants(tree):
    """(what was changed, the changed tree), one change each."""
    for place, node in enumerate(ast.walk(tree)):
        for told, change in changes_of(node):
            changed = copy.deepcopy(tree)
            target = next(itertools.islice(ast.walk(changed), place, None))
            change(target)
            yield f"line {getattr(node, 'lineno', 0)}: {told}", ast.fix_missing_locations(changed)


def changes_of(node):
    """What can be changed at a node: (text, function that changes the node in place)."""
    if isinstance(node, (ast.BinOp, ast.AugAssign, ast.BoolOp)) and type(node.op) in SWAPS:
        new = SWAPS[type(node.op)]
        yield f"{type(node.op).__name__} to {new.__name__}", lambda n: setattr(n, "op", new())
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        new = SWAPS[type(node.ops[0])]
        yield f"{type(node.ops[0]).__name__} to {new.__name__}", lambda n: setattr(n, "ops", [new()])
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield f"{node.value} to {not node.value}", lambda n: setattr(n, "value", not n.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        steps = (1, -1) if isinstance(node.value, int) else (0.25, -0.25)
        for step in steps:
            yield f"{node.value} to {node.value + step}", lambda n, s=step: setattr(n, "value", n.value + s)
    if isinstance(node, ast.UnaryOp):
        yield f"{type(node.op).__name__} left out", drop_operator
    if isinstance(node, (ast.If, ast.IfExp)):
        for value in (True, False):
            yield f"condition is {value}", lambda n, v=value: setattr(n, "test", ast.Constant(v))
    name = {ast.Name: "id", ast.Attribute: "attr"}.get(type(node))
    if name and getattr(node, name) in CALLS:
        new = CALLS[getattr(node, name)]
        yield f"{getattr(node, name)} to {new}", lambda n: setattr(n, name, new)
    for field in ("body", "orelse"):
        lines = getattr(node, field, None)
        for number, line in enumerate(lines if isinstance(lines, list) else ()):
            if isinstance(line, (ast.Expr, ast.Assign, ast.AugAssign, ast.Continue)) and not is_text(line):
                yield (
                    f"without `{ast.unparse(line)}`",
                    lambda n, f=field, i=number: getattr(n, f).__setitem__(i, ast.Pass()),
                )


def drop_operator(node):
    """`-x` and `~x` become `+x`, `not x` becomes `x and True`."""
    node.op = ast.UAdd() if not isinstance(node.op, ast.Not) else node.op
    if isinstance(node.op, ast.Not):
        node.operand = ast.UnaryOp(ast.Not(), node.operand)


def is_text(line):
    """Whether a statement is a docstring."""
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


def answer_of(tree, name):
    """The function that a solution cell defines."""
    names = dict(NAMES)
    exec(compile(tree, "answer", "exec"), names)  # ours, or one change away from it
    return names[name]


def outcome(exercise, answer, case):
    """What an answer gives for a case, or `WrongAnswer` where it fails."""
    torch.manual_seed(0)
    try:
        return exercise.call(answer, case)
    except (WrongAnswer, NotDone) as error:
        return error


def unseen(exercise):
    """Inputs that the check does not draw."""
    for seed in OTHER_SEEDS:
        yield from exercise.draw(np.random.default_rng(seed))
    for seed in range(300):
        yield WILD[exercise.number](np.random.default_rng(seed))


def agreed(exercise, answer):
    """(case, what is right) where the solution and the reference agree."""
    for case in unseen(exercise):
        given, right = outcome(exercise, answer, case), exercise.reference(*case)
        if not isinstance(given, Exception) and difference(right, given, exercise.tolerance) is None:
            yield case, right


def fails(exercise, answer, seeds):
    """Whether the check, called with these seeds, fails the answer."""
    for seed in seeds:
        try:
            exercise(answer, seed)
        except (WrongAnswer, NotDone):
            return True
    return False


def judge(tree, exercise, name, cases, seeds):
    """[caught by the visible inputs, by these or the hidden ones, the unseen case answered otherwise]."""
    try:
        answer = answer_of(tree, name)
    except Exception as error:  # noqa: BLE001 - the change is no program
        return [True, True, repr(error)]
    visible = fails(exercise, answer, [0])
    if visible or fails(exercise, answer, seeds):
        return [visible, True, "caught"]
    for case, right in cases:
        given = outcome(exercise, answer, case)
        if isinstance(given, Exception) or difference(right, given, exercise.tolerance):
            return [False, False, " ".join(map(str, case))[:300]]
    return [False, False, ""]


def limited(work):
    """What `work` returns, from a process of its own; a mutant that ends it, or never ends, is not caught."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + BYTES,) * 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.write(writing, json.dumps(work()).encode())
        os._exit(0)
    os.close(writing)
    ready, _, _ = select.select([reading], [], [], SECONDS)
    text = os.read(reading, 10_000) if ready else b""
    os.close(reading)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return json.loads(text) if text else [False, False, "(the process ended)"]


def solutions():
    """(exercise, name of the function, tree of the solution cell, seeds that the check cell draws with)."""
    for file in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        cells = {
            c["metadata"]["nbgrader"]["grade_id"]: "".join(c["source"])
            for c in cells
            if "nbgrader" in c["metadata"]
        }
        for grade_id, source in cells.items():
            if grade_id.startswith("ex-"):
                check = cells["check-" + grade_id[3:]]
                calls = [
                    n
                    for n in ast.walk(ast.parse(check))
                    if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)
                ]
                name = calls[-1].func.attr
                seeds = [kw.value.value for call in calls for kw in call.keywords] + [0]
                module = importlib.import_module(f"workbook.checks.nb{file.stem}")
                yield (
                    replace(getattr(module, name), seconds=CALL_SECONDS, picture=None),
                    name,
                    ast.parse(source),
                    seeds,
                )


def main():
    """Print the table, then the mutants that were missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--exercise", help="one of them, as 1.2")
    wanted = parser.parse_args().exercise
    torch.set_num_threads(1)
    missed, rows = [], []
    print("| exercise | mutants | change behaviour | caught | by the visible inputs alone | seconds |")
    print("|---|---|---|---|---|---|")
    for exercise, name, tree, seeds in solutions():
        if wanted not in (None, exercise.number):
            continue
        began = seconds()
        cases = list(agreed(exercise, answer_of(tree, name)))
        counts = np.zeros(4, dtype=int)
        control = limited(partial(judge, tree, exercise, name, cases, seeds))
        assert control == [False, False, ""], f"{exercise.number}: the solution itself fails: {control}"
        for told, changed in mutants(tree):
            visible, caught, case = limited(partial(judge, changed, exercise, name, cases, seeds))
            counts += [1, bool(case), caught, visible]
            if case and not caught:
                missed.append(f"- {exercise.number} {told}, for {case}")
        rows.append(counts)
        print(f"| {exercise.number} | {' | '.join(map(str, counts))} | {seconds() - began:.0f} |", flush=True)
    total = sum(rows)
    print(f"| all | {' | '.join(map(str, total))} | |\n\n{total[2] / total[1]:.1%} are caught.")
    print("\n".join(["\nMissed:", *missed]) if missed else "\nNone is missed.")


def seconds():
    """Processor seconds of this process and of those that it has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
