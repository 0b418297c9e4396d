"""The result of an evaluation: a tidy table of scores, the images behind it, both as files for a paper."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbook.core.checkpoint import told
from workbook.core.errors import WorkbookError
from workbook.core.event_file import EventFile
from workbook.core.whole_files import write_whole

if TYPE_CHECKING:
    import pandas as pd

SPECIAL = str.maketrans(
    {c: f"\\{c}" for c in "&%$#_{}"} | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": "/"}
)


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    Attributes:
        table: a row for each checkpoint, dataset, kind of image, protocol and score: `checkpoint`, `dataset`,
            `kind` ("all", and each kind where there are several), `protocol` (where any was asked for),
            `score`, `value`, `low` and `high` (the bootstrap interval), `images` (that count), `note` (why a
            value is NaN).
        images: a row for each checkpoint and image: `checkpoint`, `dataset`, `name`, `kind`, `label`,
            `pred_label`, and a column for each pixel score.
        unreadable: why an image is missing, by dataset and name.
    """

    table: pd.DataFrame
    images: pd.DataFrame
    unreadable: dict[tuple[str, str], str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return str(self.table.round(4).to_string())

    def _repr_html_(self) -> str:
        return str(self.table.round(4)._repr_html_())  # type: ignore[operator]

    def value(self, score: str, **where: Any) -> float:
        """One value of the table; without `kind`, that of all images.

        Raises:
            WorkbookError: no row, or several, are so described.
        """
        where = {"kind": "all", "score": score, **where}
        chosen = self.table
        for column, wanted in where.items():
            if column not in chosen:
                raise WorkbookError(
                    f"the table has no column {column!r}; it has {', '.join(map(str, self.table))}"
                )
            chosen = chosen[chosen[column] == wanted]
        if len(chosen) != 1:
            raise WorkbookError(
                f"{len(chosen)} rows have {where}; name dataset, checkpoint, kind or protocol too"
            )
        return float(chosen["value"].iloc[0])

    def to_latex(self, digits: int = 3) -> str:
        r"""The scores of all images as a table for a paper, intervals in brackets; needs `booktabs`."""
        rows = self.table[self.table["kind"] == "all"]
        kept = [name for name in ("checkpoint", "protocol") if name in rows and rows[name].nunique() > 1]
        keys = kept or ["checkpoint"]
        columns = list(dict.fromkeys(zip(rows["dataset"], rows["score"], strict=True)))
        lines = [
            rf"\begin{{tabular}}{{{'l' * len(keys)}{'c' * len(columns)}}}",
            r"\toprule",
            _line([*keys, *(f"{dataset}, {score}" for dataset, score in columns)]),
            r"\midrule",
        ]
        for names, group in rows.groupby(keys, sort=False):
            cells = []
            for dataset, score in columns:
                cell = group[(group["dataset"] == dataset) & (group["score"] == score)]
                cells.append(_number(cell.iloc[0], digits) if len(cell) else "")
            lines.append(_line([*names, *cells]))
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write `scores.csv`, `images.csv` and `scores.tex` into a folder, each whole or not at all.

        Raises:
            CheckpointError: the place cannot be written.
        """
        folder = Path(folder)
        contents = {
            "scores.csv": self.table.to_csv(index=False),
            "images.csv": self.images.to_csv(index=False),
            "scores.tex": self.to_latex(),
        }
        for name, content in contents.items():
            with told(folder / name):
                write_whole(folder / name, content.encode())
        return folder


def _line(cells: list[Any]) -> str:
    return " & ".join(str(cell).translate(SPECIAL) for cell in cells) + r" \\"


def _number(row: Any, digits: int) -> str:
    if row["value"] != row["value"]:
        return "--"
    text = f"{row['value']:.{digits}f}"
    return text if row["low"] != row["low"] else f"{text} [{row['low']:.{digits}f}, {row['high']:.{digits}f}]"


def write_curves(folder: str | os.PathLike[str], table: pd.DataFrame) -> None:
    """Each score over the checkpoints as TensorBoard curves, `dataset/score` and `dataset/kind/score`.

    A checkpoint's step is the last number in its name, else its place in the list.

    Raises:
        WorkbookError: TensorBoard is not installed, or the folder cannot be written.
    """
    import re

    try:
        from tensorboard.compat.proto.summary_pb2 import Summary
    except ImportError as error:
        raise WorkbookError(
            "TensorBoard is not installed, so there are no curves: pip install tensorboard"
        ) from error
    names = list(dict.fromkeys(table["checkpoint"]))
    numbers = [re.findall(r"\d+", name) for name in names]
    numbered = all(numbers) and len({int(found[-1]) for found in numbers}) == len(names)
    steps = {name: int(numbers[i][-1]) if numbered else i for i, name in enumerate(names)}
    with told(folder), closing(EventFile(Path(folder))) as events:
        for row in table.to_dict("records"):
            kind = [] if row["kind"] == "all" else [row["kind"]]
            protocol = [row["protocol"]] if row.get("protocol") else []
            tag = "/".join([row["dataset"], *kind, *protocol, row["score"]]).replace(" ", "_")
            if row["value"] == row["value"]:
                made = [Summary.Value(tag=tag, simple_value=row["value"])]
                events.add(Summary(value=made), steps[row["checkpoint"]])
