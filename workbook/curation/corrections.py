"""The plan of a dataset's repair: made from faults, reviewed as a list or JSON, applied by `applying.py`."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from workbook.core.errors import DataError
from workbook.core.whole_files import write_whole
from workbook.curation.faults import Fault, FaultReport
from workbook.curation.inside import check_inside, relative_to
from workbook.curation.names import image_stem

ACTIONS: dict[str, tuple[str, ...]] = {
    # action: its parameters
    "drop": (),  # leave the image and the mask out
    "treat_as_authentic": (),  # move the image to the authentic ones, leave the mask out
    "rename": ("right_name",),  # give image and mask this stem
    "move": ("to",),  # put a file elsewhere in the dataset
    "take_alpha": (),  # the mask is in the alpha channel
    "binarise": (),  # to 0 and 255
    "transpose": ("orientation",),  # the mask from the picture as shown to the pixels as stored
    "rotate": ("degrees",),  # counter-clockwise
    "rescale": (),  # nearest
    "pad_or_crop": ("rows", "columns"),  # where the mask's corner comes to
    "use_mask": ("right_mask",),  # the mask that lies under another image's name
    "invert": (),
    "flip": ("axis",),
    "shift": ("rows", "columns"),
    "clear_orientation": (),  # EXIF orientation to upright, the pixels untouched
    "convert": (),  # to an 8-bit PNG of the first frame
    "keep": (),  # nothing: reviewed and found right
}


PATHS = ("to", "right_name", "right_mask")  # parameters that name files
VALUES: dict[str, Container[Any]] = {  # what the others may be
    "degrees": (90, 180, 270),
    "axis": ("horizontal", "vertical"),
    "orientation": range(1, 9),
    "rows": range(-100_000, 100_001),
    "columns": range(-100_000, 100_001),
}


@dataclass(frozen=True)
class Correction:
    """One repair of an image, its mask, or both.

    Attributes:
        action: one of `ACTIONS`.
        image: path of the image, relative to the dataset's root.
        mask: path of the mask, relative to the dataset's root.
        parameters: those of the action.
        reason: the kind of fault that it repairs.

    Raises:
        DataError: an unknown action, a missing parameter, or a path that leaves the dataset.
    """

    action: str
    image: str | None = None
    mask: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise DataError(f"{self.action!r} is no correction; choose from {', '.join(ACTIONS)}")
        missing = [name for name in ACTIONS[self.action] if name not in self.parameters]
        if missing:
            raise DataError(f"{self.action} of {self.image or self.mask}: give {', '.join(missing)}")
        if self.image is None and self.mask is None:
            raise DataError(f"{self.action}: names neither an image nor a mask")
        for name, allowed in VALUES.items():
            if name in self.parameters and self.parameters[name] not in allowed:
                raise DataError(
                    f"{self.action} of {self.image or self.mask}: {name} is {self.parameters[name]!r}"
                )
        for path in (self.image, self.mask, *(self.parameters.get(name) for name in PATHS)):
            if path is not None:
                check_inside(path)


@dataclass
class Plan:
    """The corrections of a dataset, in the order in which they are applied. Edit `corrections` as you like.

    Attributes:
        corrections: what to do.
        soft: masks keep their grey values.
    """

    corrections: list[Correction] = field(default_factory=list)
    soft: bool = False

    def to_json(self) -> str:
        """The plan as JSON, a form for review by hand."""
        corrections = [asdict(correction) for correction in self.corrections]
        return json.dumps({"soft": self.soft, "corrections": corrections}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Read what `to_json` wrote.

        Raises:
            DataError: not a plan, an unknown action, or a path that leaves the dataset.
        """
        try:
            plan = json.loads(text)
            corrections = [Correction(**entry) for entry in plan["corrections"]]
            return cls(corrections, soft=bool(plan.get("soft", False)))
        except DataError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise DataError(f"not a plan of corrections ({error}); write one with Plan.save(file)") from error

    def save(self, file: str | os.PathLike[str]) -> Path:
        """Write the plan as JSON, whole or not at all; returns the file's path."""
        return write_whole(Path(file), self.to_json().encode())

    @classmethod
    def load(cls, file: str | os.PathLike[str]) -> Plan:
        """Read a plan from a file.

        Raises:
            DataError: no such file, or not a plan.
        """
        try:
            text = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{file}: cannot be read as a plan ({error}); give a JSON file") from error
        try:
            return cls.from_json(text)
        except DataError as error:
            raise DataError(f"{file}: {error}") from error

    @property
    def digest(self) -> str:
        """The same for the same plan, whatever machine made it."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def make_plan(report: FaultReport) -> Plan:
    """The corrections that the report's faults call for; a second audit of what they yield finds no fault.

    The order within a mask: its coding, its size, its content, its place. Where two faults of an image want
    two things, losing it wins over the rest, and being authentic over repairing the mask.

    >>> from workbook.curation.layouts import Layout
    >>> layout = Layout("mani", Path("d"), Path("d/Tp"), Path("d/Gt"))
    >>> fault = Fault("coded_01", Path("d/Tp/a.jpg"), Path("d/Gt/a_gt.png"), {}, "binarise")
    >>> [(c.action, c.mask) for c in make_plan(FaultReport(layout, 1, 1, 1, [fault])).corrections]
    [('binarise', 'Gt/a_gt.png')]
    """
    root = report.layout.root
    lost = {path for fault in report.faults if fault.repair == "drop" for path in _files(fault)}
    order = {action: number for number, action in enumerate(ACTIONS)}
    authentic = {fault.image for fault in report.faults if fault.repair == "treat_as_authentic"}
    corrections = []
    for fault in report.faults:
        if fault.repair == "drop":
            parts = _files(fault)
        else:
            parts = [path for path in _files(fault) if path not in lost]
        if not parts or (fault.image in authentic and fault.repair not in AUTHENTIC_TOO):
            continue
        corrections += _corrections(fault, root)
    unique = {(c.action, c.image, c.mask, json.dumps(dict(c.parameters))): c for c in corrections}
    ordered = sorted(unique.values(), key=lambda c: (c.image or "", c.mask or "", order[c.action]))
    return Plan(ordered, soft=report.soft)


AUTHENTIC_TOO = ("drop", "treat_as_authentic", "clear_orientation", "convert", "rename")


def _files(fault: Fault) -> list[Path]:
    return [path for path in (fault.image, fault.mask) if path is not None]


def _corrections(fault: Fault, root: Path) -> list[Correction]:
    """The corrections of one fault: one, or two where the image and the mask each need their own."""
    image = None if fault.image is None else relative_to(fault.image, root)
    mask = None if fault.mask is None else relative_to(fault.mask, root)
    parameters = {name: fault.detail[name] for name in ACTIONS[fault.repair] if name in fault.detail}
    if "right_mask" in parameters:
        parameters["right_mask"] = relative_to(Path(parameters["right_mask"]), root)
    found = [Correction(fault.repair, image, mask, parameters, fault.kind)]
    if fault.repair == "clear_orientation" and fault.detail.get("mask") == "as shown":
        orientation = {"orientation": fault.detail["orientation"]}
        found.append(Correction("transpose", image, mask, orientation, fault.kind))
    if fault.kind == "image_without_mask" and fault.repair == "rename":
        # The mask that the renamed image will belong to keeps its own name.
        found[0] = Correction("rename", image, None, parameters, fault.kind)
    return found


def stem_renamed(path: PurePosixPath, right_name: str) -> PurePosixPath:
    """A file under another image's stem; a mask's own ending (`_gt`) and the extension stay.

    >>> str(stem_renamed(PurePosixPath("Gt/a.1_gt.png"), "a_1"))
    'Gt/a_1_gt.png'
    """
    return path.with_name(right_name + path.stem[len(image_stem(path)) :] + path.suffix)
