"""How published pixel F1 scores are computed, side by side: the same predictions, another score under each.

What decides: whether authentic images count, and as what; the threshold; whether the better of a map and its
inverse is taken; whether pixels beside the region's border count; one score of all pixels, or the mean of the
images' scores. Each protocol names who uses it and where that was read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from workbook.core import score_curves, scores
from workbook.core.errors import DataError, WorkbookError
from workbook.core.intervals import interval, resampled
from workbook.core.pixel_metrics import PixelScore
from workbook.core.registry import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from workbook.core.prediction import Prediction


@dataclass(frozen=True)
class Protocol:
    """A way to score pixel F1.

    Attributes:
        name: of who uses it.
        source: where that was read.
        authentic: "left out", or "scored 0" (an authentic image cannot score more, even with nothing marked).
        threshold: a number, "best of the set" (one for all images, chosen by the truth), or "best of each
            image".
        inverse: take the map or its inverse, whichever scores better, image by image.
        border: sides, odd, of the squares by which the region is eroded and dilated; what lies between is not
            counted.
        average: "per image", or "pooled" over all pixels.
        macro: the mean of the F1 of tampered and of authentic pixels.
    """

    name: str
    source: str
    authentic: str = "left out"
    threshold: float | str = 0.5
    inverse: bool = False
    border: tuple[int, int] | None = None
    average: str = "per image"
    macro: bool = False

    def __post_init__(self) -> None:
        fixed = isinstance(self.threshold, float | int) and 0 <= self.threshold < 1
        for setting, right in {
            "authentic": self.authentic in ("left out", "scored 0"),
            "threshold": fixed or self.threshold in ("best of the set", "best of each image"),
            "average": self.average in ("per image", "pooled"),
            "border": self.border is None or all(side > 0 and side % 2 for side in self.border),
        }.items():
            if not right:
                raise WorkbookError(
                    f"protocol {self.name}: {setting} is {getattr(self, setting)!r}; see Protocol"
                )
        if self.average == "pooled" and (self.inverse or self.threshold == "best of each image"):
            raise WorkbookError(f"protocol {self.name}: what is chosen for each image cannot be pooled")


TRUFOR = "grip-unina/TruFor, test_docker/metrics.py; issues 3, 7 and 12"
PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol("MVSS-Net", "dong03/MVSS-Net, evaluate.py and common/utils.py; issue 7"),
        Protocol("IML-ViT", "SunnyHaze/IML-ViT, engine_train.py; issues 4, 8 and 24"),
        Protocol("IMDL-BenCo", "scu-zjz/IMDLBenCo, evaluation/F1.py; issue 46", authentic="scored 0"),
        Protocol(
            "IMDL-BenCo, double",
            'scu-zjz/IMDLBenCo, evaluation/F1.py, mode="double"; scu-zjz/Mesorch, issue 6 ("permute F1")',
            authentic="scored 0",
            inverse=True,
        ),
        Protocol(
            "CAT-Net, permuted",
            "mjkwon2021/CAT-Net, issue 25 (the mean over images of permuted F1); the cut at 0.5 was read in "
            "a derivative of that code, and that only tampered images are scored is our reading",
            inverse=True,
        ),
        Protocol(
            "TruFor, best threshold", TRUFOR, threshold="best of each image", inverse=True, border=(15, 11)
        ),
        Protocol("TruFor, 0.5", TRUFOR, inverse=True, border=(15, 11)),
        Protocol("FOCAL", "HighwayWu/FOCAL, main.py (macro F1); issue 13", macro=True),
        Protocol(
            "best of the set",
            "nobody's in particular: one threshold for all images, chosen by looking at the truth",
            threshold="best of the set",
        ),
        Protocol(
            "pooled",
            "nobody's in particular; that it is done, and raises scores: SunnyHaze/IML-ViT, issue 6",
            average="pooled",
        ),
    )
}
# Not here: PSCC-Net, whose author says that scikit-learn's f1_score was used (proteus1991/PSCC-Net, issue 2);
# neither its code nor that issue says at which threshold, or over what.


def find_protocols(asked: str | Protocol | Iterable[str | Protocol] | None) -> list[Protocol]:
    """Protocols by name; "all" is all of them.

    Raises:
        WorkbookError: there is none of that name.

    >>> [protocol.name for protocol in find_protocols("TruFor, 0.5")]
    ['TruFor, 0.5']
    """
    if asked is None:
        return []
    if isinstance(asked, str) and asked == "all":
        return list(PROTOCOLS.values())
    found = []
    for one in [asked] if isinstance(asked, str | Protocol) else asked:
        if isinstance(one, str) and one not in PROTOCOLS:
            hint = did_you_mean(one, PROTOCOLS) or f"there are {', '.join(PROTOCOLS)}"
            raise WorkbookError(f"protocol {one!r}: there is none of that name; {hint}")
        found.append(PROTOCOLS[one] if isinstance(one, str) else one)
    return found


class ProtocolF1(PixelScore):
    """Pixel F1 as a protocol has it; best thresholds are sought among 0, 1/256, ... 1.

    Args:
        protocol: its settings.
        name: see `Score`.
        **kwargs: what torchmetrics.Metric takes.

    >>> metric = ProtocolF1(PROTOCOLS["IMDL-BenCo"])
    >>> truth = torch.tensor([[[[1.0, 0.0]]], [[[0.0, 0.0]]]])  # a tampered image and an authentic one
    >>> metric.update(truth, truth)  # marked without a mistake
    >>> metric.compute()
    tensor(0.5000, dtype=torch.float64)
    """

    def __init__(self, protocol: Protocol, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(
            average="pooled" if protocol.average == "pooled" else "per_image",
            threshold=protocol.threshold if isinstance(protocol.threshold, float | int) else 0.5,
            empty="zero" if protocol.authentic == "scored 0" else "skip",
            name=name or f"pixel_f1 ({protocol.name})",
            **kwargs,
        )
        self.protocol = protocol
        self.best_threshold = scores.NAN
        self._fixed = isinstance(protocol.threshold, float | int)
        self.columns = 5 if self._fixed else 2 * (score_curves.STEPS + 1) + 1

    def _measure(self, pred_mask: Tensor, mask: Tensor, shape_mask: Tensor | None) -> Tensor:
        """Counts (or counts at each step), and last the number of tampered pixels, the border included."""
        real = (mask > 0.5) if shape_mask is None else (mask > 0.5) & (shape_mask > 0.5)
        whole = real.flatten(1).sum(1, keepdim=True)
        if self.protocol.border is not None:
            clear = away_from_border(mask, *self.protocol.border)
            shape_mask = clear if shape_mask is None else clear * shape_mask
        if self._fixed:
            counts = torch.stack(scores.pixel_counts(pred_mask, mask, shape_mask, self.threshold), dim=1)
        else:
            counts = score_curves.step_counts(pred_mask, mask, shape_mask).flatten(1)
        return torch.cat([counts, whole], dim=1)

    def _tampered(self, rows: Tensor) -> Tensor:
        return rows[:, -1]

    def _curves(self, rows: Tensor) -> Tensor:
        """Each row's F1 at each threshold: (N, 1 or STEPS + 1) float64."""
        if self._fixed:
            counts = scores.Counts(*(column[:, None] for column in rows[:, :4].unbind(1)))
        else:
            steps = rows[:, :-1].reshape(-1, 2, score_curves.STEPS + 1)
            above = steps.flip(2).cumsum(2).flip(2)[:, :, 1:]  # above k/256: step k + 1 and on
            tp, fp = F.pad(above, (0, 1)).unbind(1)  # and above 1: nothing
            tampered, authentic = steps.sum(2, keepdim=True).unbind(1)
            counts = scores.Counts(tp, fp, tampered - tp, authentic - fp)
        tp, fp, fn, tn = counts
        # 0/0: nothing is left beside the border, and nothing is marked
        values = scores.f1(counts, 0.0)
        if self.protocol.macro:
            other = scores.f1(scores.Counts(tn, fn, fp, tp))
            values = torch.stack([scores.f1(counts), other]).nanmean(0)
        if self.protocol.inverse:
            values = torch.maximum(values, scores.f1(scores.Counts(fn, tn, tp, fp), 0.0))
        return values

    def _formula(self, rows: Tensor) -> Tensor:
        curves = self._curves(rows)
        if self.protocol.threshold != "best of the set":
            return curves.amax(1)
        counted = self._counted(rows)
        best = int(curves[counted].mean(0).argmax()) if counted.any() else 0
        self.best_threshold = best / score_curves.STEPS
        return curves[:, best]

    def _pool(self, rows: Tensor) -> float:
        return self._curves(rows.sum(0, keepdim=True)).amax().item()


@resampled.register
def _(metric: ProtocolF1, rows: Tensor, drawn: Tensor) -> Tensor:
    counted = metric._counted(rows)
    drawn = drawn[:, counted]
    if metric.average == "pooled":
        values = metric._curves((drawn @ rows[counted].double()).long())
    else:
        curves = metric._curves(rows[counted])
        if metric.protocol.threshold != "best of the set":
            curves = curves.amax(1, keepdim=True)
        values = drawn @ curves / drawn.sum(1, keepdim=True)
    return values.amax(1)


def away_from_border(mask: Tensor, erode: int, dilate: int) -> Tensor:
    """1.0 well inside and well outside the region of each mask, 0.0 in between: (B, 1, H, W).

    Args:
        mask: (B, 1, H, W) in [0, 1], tampered above 0.5.
        erode: side of the square by which the region shrinks, odd.
        dilate: side of the square by which it grows, odd.

    >>> mask = torch.tensor([[[[0.0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0]]]])
    >>> away_from_border(mask, 3, 3).flatten().int().tolist()
    [1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1]
    """
    region = (mask > 0.5).float()
    inside = 1 - _maximum(1 - region, erode)
    outside = 1 - _maximum(region, dilate)
    return inside + outside


def _maximum(values: Tensor, side: int) -> Tensor:
    """The highest value in a square around each pixel, as far as the image goes."""
    half = side // 2
    rows = F.max_pool2d(values, (side, 1), stride=1, padding=(half, 0))
    return F.max_pool2d(rows, (1, side), stride=1, padding=(0, half))


def compare_protocols(
    predictions: Iterable[Prediction],
    protocols: str | Protocol | Iterable[str | Protocol] = "all",
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Score the same predictions under each protocol.

    Args:
        predictions: from `predict`, on images whose truth is known.
        protocols: names of `PROTOCOLS`, protocols of one's own, or "all".
        confidence: of the bootstrap interval (see `interval`).
        resamples: of the interval.
        seed: of the interval.

    Returns:
        A row a protocol: `protocol`, `pixel_f1`, `low`, `high`, `images` (that count), `authentic`,
        `threshold`, `inverse`, `border`, `average`, `macro`, `source`.

    Raises:
        DataError: no prediction, or one whose truth is not known.
        WorkbookError: no protocol of that name.
    """
    import pandas as pd

    metrics = [ProtocolF1(protocol) for protocol in find_protocols(protocols)]
    known = list(predictions)
    for found in known:
        if found.mask is None:
            raise DataError(f"{found.name}: its truth is not known, so it cannot be scored; predict on pairs")
        for metric in metrics:
            metric.update(found.pred_mask[None], found.mask[None])
    if not known:
        raise DataError("there is no prediction to score; check what was predicted")
    rows = []
    for metric in metrics:
        low, high = interval(
            metric, metric._all_rows(), confidence=confidence, resamples=resamples, seed=seed
        )
        value = float(metric.compute())
        rows.append(
            {
                "protocol": metric.protocol.name,
                "pixel_f1": value,
                "low": low,
                "high": high,
                "images": len(known) - metric.skipped,
                **{key: getattr(metric.protocol, key) for key in _SHOWN},
            }
        )
    return pd.DataFrame(rows)


_SHOWN = ("authentic", "threshold", "inverse", "border", "average", "macro", "source")
