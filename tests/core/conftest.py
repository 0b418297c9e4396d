import gc

import pytest


@pytest.fixture(scope="module")
def frozen():
    """Accelerate collects garbage after each run: spare it a walk through all that torch has imported."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
