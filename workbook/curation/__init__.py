"""What happens to a dataset before a model sees it: layouts, faults, corrections, splits, embedded data."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
