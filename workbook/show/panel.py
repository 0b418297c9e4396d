"""What all widgets share: controls, lines of text and a picture that follow, and a still of them all.

A kernel and a front end make it move. Where there is none (GitHub, a PDF, a stored notebook) the output holds
a line of text and a PNG of the first state, and a reader sees those.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import ipywidgets as widgets

from workbook.core.errors import WorkbookError
from workbook.show.panes import Pane, compose, to_png, to_stored_png

ROW = {"flex_flow": "row wrap", "align_items": "center"}
WIDE = {"width": "460px"}
LABEL = {"description_width": "80px"}


@dataclass(frozen=True)
class Scene:
    """What a widget shows in one state.

    Attributes:
        lines: of text, the first one the most important.
        rows: of pictures.
    """

    lines: Sequence[str]
    rows: Sequence[Sequence[Pane]]


class Panel(widgets.VBox):
    """A widget of controls above text and a picture; a subclass says in `scene` what they show.

    Args:
        controls: what the reader moves, in rows.

    Attributes:
        text: the lines below the controls.
        picture: the picture; `picture.value` are the bytes of a PNG.
    """

    def __init__(self, *controls: Sequence[widgets.Widget]) -> None:
        self.text = widgets.HTML()
        self.picture = widgets.Image(format="png", layout={"max_width": "100%", "object_fit": "contain"})
        rows = [widgets.HBox(row, layout=ROW) for row in controls]
        super().__init__([*rows, self.text, self.picture], _dom_classes=("workbook-panel",))

    @abstractmethod
    def scene(self) -> Scene:
        """What the present state shows."""

    def about(self) -> str:
        """What the widget holds, in a few words that are the same in each run."""
        return ""

    def follow(self, *controls: widgets.Widget) -> None:
        """Redraw when one of the controls changes, and now."""
        for control in controls:
            control.observe(self.refresh, "value")
        self.refresh()

    def refresh(self, _: Any = None) -> None:
        """Draw the present state. What cannot be drawn is said in the text."""
        scene = self._seen()
        spoken = "<br>".join(escape(line) for line in scene.lines)
        self.text.value = f'<div role="status" aria-live="polite" style="line-height: 1.5">{spoken}</div>'
        self.picture.value = to_png(compose(scene.rows))

    def _seen(self) -> Scene:
        try:
            return self.scene()
        except WorkbookError as error:
            return Scene([str(error)], [[Pane("nothing to see; the reason is above")]])

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.about()}"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**options)
        scene = self._seen()
        return bundle | {"image/png": to_stored_png(compose(scene.rows, scene.lines))}


def slider(label: str, last: int, **options: Any) -> widgets.IntSlider:
    """A slider from the first to the last of numbered things; arrow keys move it by one."""
    return widgets.IntSlider(min=1, max=max(1, last), description=label, layout=WIDE, style=LABEL, **options)


def step_buttons(steps: widgets.IntSlider) -> tuple[widgets.Button, widgets.Button]:
    """Buttons that move a slider back and on by one."""
    buttons = []
    for word, icon, by in (("Previous", "arrow-left", -1), ("Next", "arrow-right", 1)):
        button = widgets.Button(description=word, icon=icon, layout={"width": "110px"})
        button.on_click(lambda _, by=by: step(steps, by))
        buttons.append(button)
    return buttons[0], buttons[1]


def step(steps: widgets.IntSlider, by: int) -> None:
    """Move a slider, no further than its ends."""
    steps.value = min(steps.max, max(steps.min, steps.value + by))
