"""The workbook: a small library under notebooks on image-manipulation detection and localisation.

Where things are: `workbook.core` (datasets, model interface, losses, metrics, trainer, evaluation),
`workbook.curation` (faults of a dataset and their repair), `workbook.models`, `workbook.show` (pictures).
Importing this package imports none of them; each name resolves on first use.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__, submodules=["core", "curation", "models", "show", "checks", "course"]
)

__version__ = "0.1.0"
