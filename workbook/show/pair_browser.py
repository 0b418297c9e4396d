"""One pair after the other: the image with its mask's outline, the mask, and what they are called."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from workbook.core.errors import DataError
from workbook.core.pairs import Pair, Pairing
from workbook.curation.names import kind_of
from workbook.show.display import to_map, to_picture
from workbook.show.panel import Panel, Scene, slider, step_buttons
from workbook.show.panes import Pane


class PairBrowser(Panel):
    """Page through pairs: name, kind, size, how much is marked, the image with the outline of its mask.

    Files are read when they are shown, so any number of pairs opens at once. One that cannot be read says so.

    Args:
        pairs: what to show, in this order.

    Attributes:
        number: the slider; counts from 1.
        previous, next: the buttons.

    Raises:
        DataError: there are no pairs.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> file = Path(tempfile.mkdtemp(), "Au_ani_0001.png")
    >>> Image.new("RGB", (30, 20)).save(file)
    >>> browser = PairBrowser([Pair(file)])
    >>> browser.scene().lines
    ['1 of 1: Au_ani_0001.png', 'authentic, 30 wide and 20 high']
    """

    def __init__(self, pairs: Iterable[Pair] | Pairing) -> None:
        self.pairs = list(pairs.pairs if isinstance(pairs, Pairing) else pairs)
        if not self.pairs:
            raise DataError("there are no pairs to show; check what was listed or filtered")
        self.number = slider("pair", len(self.pairs))
        self.previous, self.next = step_buttons(self.number)
        super().__init__([self.previous, self.next, self.number])
        self.follow(self.number)

    @property
    def pair(self) -> Pair:
        """The pair that is shown."""
        return self.pairs[self.number.value - 1]

    def about(self) -> str:  # noqa: D102 (as in Panel)
        return f"{len(self.pairs)} pairs"

    def scene(self) -> Scene:  # noqa: D102
        pair, head = self.pair, f"{self.number.value} of {len(self.pairs)}: {self.pair.name}"
        try:
            image = to_picture(pair.image)
            mask = None if pair.mask is None else to_map(pair.mask)
        except DataError as error:
            return Scene([head, str(error)], [[Pane("cannot be read"), Pane("")]])
        height, width = image.shape[:2]
        facts = [kind_of(pair), f"{width} wide and {height} high"]
        if mask is None:
            return Scene([head, ", ".join(facts)], [[Pane(image, "image"), Pane("no mask: authentic")]])
        facts.append(f"{np.mean(mask > 0.5):.1%} marked")
        if mask.shape != image.shape[:2]:
            facts.append(f"the mask has another size: {mask.shape[1]} wide and {mask.shape[0]} high")
        panes = [Pane(image, "image, the mask's outline in yellow", mask=mask), Pane(mask, "mask")]
        return Scene([head, ", ".join(facts)], [panes])
