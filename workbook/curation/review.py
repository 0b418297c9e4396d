"""What a reviewer can do about a fault, and the plan that comes of the choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from workbook.curation.corrections import ACTIONS, PATHS, Correction, Plan, make_plan
from workbook.curation.faults import Fault, FaultReport
from workbook.curation.inside import relative_to
from workbook.curation.layouts import Layout

CHOICES: dict[str, tuple[Any, ...]] = {  # parameters with few values, so that all can be offered
    "degrees": (90, 180, 270),
    "axis": ("horizontal", "vertical"),
}
ANY_FILE = ("rename", "drop", "keep", "move")
FOR_IMAGES = ("treat_as_authentic",)  # need an image; all others need a mask
ONLY_PROPOSED = ("take_alpha", "clear_orientation", "convert")  # mean nothing where the file is sound


def possible_repairs(fault: Fault) -> list[Fault]:
    """The fault with each repair that its files and its detail allow, the proposed one first.

    >>> fault = Fault("size_mismatch", Path("a.jpg"), Path("a_gt.png"), {"degrees": 90}, "rotate")
    >>> [describe_repair(possible) for possible in possible_repairs(fault)][:3]
    ['rotate: degrees 90', 'rotate: degrees 180', 'rotate: degrees 270']
    """
    others = [
        replace(fault, repair=action, detail=fault.detail | parameters)
        for action in ACTIONS
        if _fits(fault, action)
        for parameters in _parameters(fault.detail, action)
    ]
    mine = describe_repair(fault)
    same = [other for other in others if other.repair == fault.repair and describe_repair(other) != mine]
    rest = [other for other in others if other.repair != fault.repair]
    return [fault, *same, *rest]


def describe_repair(fault: Fault) -> str:
    """A repair and its parameters in a line.

    >>> describe_repair(Fault("misaligned", None, Path("m.png"), {"rows": 8, "columns": 0}, "shift"))
    'shift: rows 8, columns 0'
    """
    told = {name: fault.detail[name] for name in ACTIONS[fault.repair] if name in fault.detail}
    words = [f"{name.replace('_', ' ')} {_short(name, value)}" for name, value in told.items()]
    return ": ".join(filter(None, [fault.repair, ", ".join(words)]))


def plan_of(report: FaultReport, choices: Sequence[Fault]) -> Plan:
    """The plan for a report whose faults were replaced by the repairs that were chosen for them."""
    return make_plan(replace(report, faults=list(choices)))


@dataclass(frozen=True)
class PlannedFault:
    """A correction of a plan, told as the fault that it repairs, so that it can be looked at."""

    correction: Correction
    fault: Fault

    @classmethod
    def of(cls, correction: Correction, layout: Layout) -> PlannedFault:
        """The files of a correction, counted from the dataset's root."""
        root = layout.root
        detail = dict(correction.parameters)
        if "right_mask" in detail:
            detail["right_mask"] = str(root / detail["right_mask"])
        image = None if correction.image is None else root / correction.image
        mask = None if correction.mask is None else root / correction.mask
        return cls(correction, Fault(correction.reason or "planned", image, mask, detail, correction.action))

    def corrected(self, choice: Fault, layout: Layout) -> Correction:
        """The correction with the repair that was chosen for it."""
        if choice == self.fault:
            return self.correction
        parameters = {name: choice.detail[name] for name in ACTIONS[choice.repair]}
        if "right_mask" in parameters:
            parameters["right_mask"] = relative_to(Path(parameters["right_mask"]), layout.root)
        return replace(self.correction, action=choice.repair, parameters=parameters)


def _fits(fault: Fault, action: str) -> bool:
    if action == fault.repair or action in ANY_FILE:
        return True
    if action in ONLY_PROPOSED:
        return False
    return (fault.image if action in FOR_IMAGES else fault.mask) is not None


def _parameters(detail: Mapping[str, Any], action: str) -> list[dict[str, Any]]:
    """Every set of parameters that an action can have here; none where one is not known."""
    values = []
    for name in ACTIONS[action]:
        known = CHOICES.get(name, (detail[name],) if name in detail else ())
        values.append([(name, value) for value in known])
    return [dict(each) for each in product(*values)]


def _short(name: str, value: Any) -> str:
    return Path(value).name if name in PATHS else str(value)
