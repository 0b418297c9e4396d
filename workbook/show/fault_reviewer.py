"""One fault after the other, with what the proposed repair would do; the choices become a plan."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np

from workbook.core.errors import DataError, WorkbookError
from workbook.curation.applying import PIXEL_ACTIONS
from workbook.curation.corrections import Plan
from workbook.curation.faults import Fault, FaultReport
from workbook.curation.layouts import Layout, PathLike, pair_layout, resolve_layout
from workbook.curation.mask_values import read_mask
from workbook.curation.names import find_hosts
from workbook.curation.opening import Unreadable, decode, opened
from workbook.curation.pixel_repairs import repair_values
from workbook.curation.review import PlannedFault, describe_repair, plan_of, possible_repairs
from workbook.show.fault_pictures import fault_panes, stored
from workbook.show.panel import LABEL, ROW, WIDE, Panel, Scene, slider, step
from workbook.show.panes import Pane

BUTTON = {"width": "110px"}


class FaultReviewer(Panel):
    """Go through the faults of a report, or the corrections of a plan; accept, change or skip each repair.

    A fault that was not reviewed keeps its proposed repair, so `plan` is whole at any moment. Choosing
    another repair from the list changes the plan at once; "Accept" confirms what the list shows and goes on
    to the next fault, "Skip" leaves this one as it is and goes on.

    Args:
        faults: what `find_faults` or `make_plan` returned.
        source: where the dataset is, with a plan; a report knows.
        hosts: from an image to its authentic host; found by name if None.
        file: where "Save plan" writes to unless the reader types another name.

    Attributes:
        number: the slider; counts from 1.
        repair: the list of repairs.
        accept, skip, save_button: the buttons.
        file: the name of the file to save to.
        reviewed: the faults that were decided, by their number from 0.

    Raises:
        DataError: a plan without its source.

    Example:
        >>> reviewer = FaultReviewer(find_faults("data/train"))  # doctest: +SKIP
        >>> reviewer  # the last line of a cell shows it  # doctest: +SKIP
        >>> apply_plan(reviewer.plan, "data/train", "data/clean")  # doctest: +SKIP
    """

    def __init__(
        self,
        faults: FaultReport | Plan,
        source: PathLike | Layout | None = None,
        *,
        hosts: Mapping[Path, Path] | None = None,
        file: str | os.PathLike[str] = "plan.json",
    ) -> None:
        if isinstance(faults, Plan) and source is None:
            raise DataError("a plan does not say where its dataset is; give FaultReviewer(plan, folder)")
        self._dataset = faults.layout if isinstance(faults, FaultReport) else resolve_layout(source or "")
        self._source = faults
        self._planned: list[PlannedFault] = []
        if isinstance(faults, FaultReport):
            self.faults = list(faults.faults)
        else:
            self._planned = [PlannedFault.of(correction, self._dataset) for correction in faults.corrections]
            self.faults = [planned.fault for planned in self._planned]
        self.choices = list(self.faults)
        self.reviewed: dict[int, str] = {}
        self._given_hosts = hosts
        self._build(str(file))

    def _build(self, file: str) -> None:
        none = not self.faults
        self.number = slider("fault", len(self.faults), disabled=none)
        self.repair = widgets.Dropdown(description="repair", layout=WIDE, style=LABEL, disabled=none)
        self.accept = widgets.Button(description="Accept", icon="check", layout=BUTTON, disabled=none)
        self.skip = widgets.Button(description="Skip", icon="forward", layout=BUTTON, disabled=none)
        self.file = widgets.Text(value=file, description="file", layout=WIDE, style=LABEL)
        self.save_button = widgets.Button(description="Save plan", icon="save", layout=BUTTON)
        self.message = widgets.Label(layout=ROW)
        super().__init__(
            [self.number],
            [self.repair, self.accept, self.skip],
            [self.file, self.save_button, self.message],
        )
        self._turning = False
        self.number.observe(self._turn, "value")
        self.repair.observe(self._choose, "value")
        self.accept.on_click(lambda _: self._decide("accepted"))
        self.skip.on_click(lambda _: self._skip())
        self.save_button.on_click(lambda _: self._save())
        self._turn()

    @property
    def plan(self) -> Plan:
        """The plan of all choices so far, for `apply_plan`."""
        if isinstance(self._source, FaultReport):
            return plan_of(self._source, self.choices)
        corrections = [
            planned.corrected(choice, self._dataset)
            for planned, choice in zip(self._planned, self.choices, strict=True)
        ]
        return Plan(corrections, soft=self._source.soft)

    def save(self, file: str | os.PathLike[str] | None = None) -> Path:
        """Write the plan as JSON and return the file's path."""
        return self.plan.save(file or self.file.value)

    def about(self) -> str:  # noqa: D102 (as in Panel)
        return f"{len(self.faults)} faults"

    def scene(self) -> Scene:  # noqa: D102
        if not self.faults:
            return Scene(["no fault to review: the dataset is clean"], [])
        index = self._index
        fault, choice = self.faults[index], self.choices[index]
        names = " and ".join(path.name for path in (fault.image, fault.mask) if path is not None)
        state = self.reviewed.get(index, "not reviewed, the proposed repair stands")
        lines = [
            f"{index + 1} of {len(self.faults)}: {fault.kind}, {names}",
            f"{describe_repair(choice)} ({state}); {len(self.reviewed)} of {len(self.faults)} reviewed",
        ]
        panes = fault_panes(fault, self._host(fault))
        return Scene(lines, [[*panes, repaired_pane(choice, soft=self._source.soft)]])

    @property
    def _index(self) -> int:
        return int(self.number.value) - 1

    def _host(self, fault: Fault) -> Path | None:
        if fault.kind not in ("misaligned", "empty_mask", "full_mask") or fault.image is None:
            return None
        return self._hosts.get(fault.image)

    @cached_property
    def _hosts(self) -> Mapping[Path, Path]:
        return (
            find_hosts(pair_layout(self._dataset).pairs) if self._given_hosts is None else self._given_hosts
        )

    def _turn(self, _: Any = None) -> None:
        """Show another fault, and what can be done about it."""
        if self.faults:
            self._possible = {
                describe_repair(possible): possible for possible in possible_repairs(self.faults[self._index])
            }
            self._turning = True  # filling the list is no choice
            self.repair.options = list(self._possible)
            self.repair.value = describe_repair(self.choices[self._index])
            self._turning = False
        self.refresh()

    def _choose(self, change: Any) -> None:
        if not self._turning and change.new is not None:
            self.choices[self._index] = self._possible[change.new]
            self.reviewed[self._index] = "chosen"
            self.refresh()

    def _decide(self, word: str) -> None:
        self.reviewed[self._index] = word
        if self._index + 1 < len(self.faults):
            step(self.number, 1)
        else:
            self.refresh()

    def _skip(self) -> None:
        self.choices[self._index] = replace(self.faults[self._index], repair="keep")
        self._turn()
        self._decide("skipped")

    def _save(self) -> None:
        try:
            self.message.value = f"saved {len(self.plan.corrections)} corrections to {self.save()}"
        except (WorkbookError, OSError) as error:
            self.message.value = f"not saved: {error}"


def repaired_pane(fault: Fault, *, soft: bool = False) -> Pane:
    """What the copy will hold after a fault's repair: the image with its mask, or words."""
    detail = fault.detail
    words = {
        "drop": "left out of the copy",
        "keep": "stays as it is",
        "rename": f"becomes {detail.get('right_name')}",
        "move": f"goes to {detail.get('to')}",
    }
    if fault.repair in words:
        return Pane(words[fault.repair], "after the repair")
    image = stored(fault.image) if fault.image else "no image"
    if isinstance(image, str):
        return Pane(image, "after the repair")
    if fault.repair == "treat_as_authentic":
        return Pane(image, "after the repair: an authentic image")
    if fault.repair not in PIXEL_ACTIONS or fault.mask is None:
        return Pane(image, "after the repair: readable by all in one way")
    try:
        with opened(Path(detail["right_mask"]) if fault.repair == "use_mask" else fault.mask) as picture:
            values = read_mask(decode(picture), soft=soft).values
    except Unreadable as error:
        return Pane(f"cannot be read: {error}", "after the repair")
    size = (image.shape[0], image.shape[1])
    values = repair_values(values, size, [(fault.repair, detail)], soft=soft)
    if values.shape != size:
        return Pane(image, "after the repair: still of another size", mask=_levels(values), tint=True)
    return Pane(image, f"after the repair: {np.mean(values >= 128):.1%} marked", _levels(values), tint=True)


def _levels(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return (values / np.float32(255)).astype(np.float32)
