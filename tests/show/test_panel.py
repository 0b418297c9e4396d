from base64 import b64decode
from io import BytesIO

import ipywidgets as widgets
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from PIL import Image

from workbook.core.errors import DataError
from workbook.show.panel import Panel, Scene, slider, step_buttons
from workbook.show.panes import Pane

LIVE = "application/vnd.jupyter.widget-view+json"


class Level(Panel):
    """A grey square."""

    def __init__(self):
        self.level = slider("level", 5)
        super().__init__([*step_buttons(self.level), self.level])
        self.follow(self.level)

    def about(self):
        return "5 levels"

    def scene(self):
        if self.level.value == 5:
            raise DataError("<5> is too much")
        return Scene(
            [f"level {self.level.value}"], [[Pane(np.full((4, 4, 3), 40 * self.level.value, np.uint8))]]
        )


@pytest.fixture
def panel():
    return Level()


def test_text_and_picture_follow_the_control(panel, drawn):
    assert ">level 1<" in panel.text.value
    assert drawn(panel).flat[0] == 40
    panel.level.value = 3
    assert ">level 3<" in panel.text.value
    assert drawn(panel).flat[0] == 120


def test_buttons_step_and_stop_at_the_ends(panel):
    back, on = panel.children[0].children[:2]
    back.click()
    assert panel.level.value == 1
    for _ in range(7):
        on.click()
    assert panel.level.value == 5
    back.click()
    assert panel.level.value == 4


def test_what_cannot_be_drawn_is_said_and_the_next_move_works(panel, drawn):
    before = drawn(panel)
    panel.level.value = 5
    assert "&lt;5&gt; is too much" in panel.text.value
    assert not np.array_equal(before, drawn(panel))
    panel.level.value = 2
    assert drawn(panel).flat[0] == 80


def test_a_cell_stores_a_line_and_a_still_beside_the_live_widget(panel):
    data, _ = DisplayFormatter().format(panel)
    assert data["text/plain"] == "Level: 5 levels"
    assert data[LIVE]["model_id"] == panel.model_id
    with Image.open(BytesIO(b64decode(data["image/png"]))) as still:
        picture = np.asarray(still.convert("RGB"))
    assert (picture == 40).all(axis=2).any()
    assert (picture[:17] < 100).any()  # the line of text is in the picture, too
    panel.level.value = 3
    assert DisplayFormatter().format(panel)[0]["text/plain"] == data["text/plain"]
    assert DisplayFormatter().format(panel)[0]["image/png"] != data["image/png"]


def test_what_cannot_be_drawn_is_stored_as_its_reason(panel):
    panel.level.value = 5
    assert DisplayFormatter().format(panel)[0]["image/png"]


def test_controls_have_labels_and_text_is_announced(panel):
    assert [row.description for row in panel.children[0].children] == ["Previous", "Next", "level"]
    assert isinstance(panel.children[-1], widgets.Image)
    assert 'aria-live="polite"' in panel.text.value
