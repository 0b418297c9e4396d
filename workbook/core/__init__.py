"""What a model meets on its way: datasets, the model interface, losses, metrics, training, evaluation."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
