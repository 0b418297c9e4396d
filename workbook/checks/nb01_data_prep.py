"""The checks of notebook 1: pairing, sizes, alpha, repairs, splits, joint transforms.

What an exercise accepts is in `nb01_names.py` (1.1, 1.2, 1.5) and `nb01_pixels.py` (1.3, 1.4, 1.6). Each
reference is written to be read, apart from the library; the first inputs can be checked in one's head.
"""

from workbook.checks import exercise
from workbook.checks.nb01_names import find_rule, group_images, size_cause
from workbook.checks.nb01_pixels import alpha_to_mask, choose_repair, joint_flip

EXERCISES = (find_rule, size_cause, alpha_to_mask, choose_repair, group_images, joint_flip)


def progress() -> str:
    """How many of the notebook's exercises are solved, and which is next.

    >>> "of 6 exercises solved" in progress()
    True
    """
    return exercise.progress(EXERCISES)
