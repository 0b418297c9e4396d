# The public names of workbook.show, one list that serves the type checker and the lazy import alike.
from .curves import show_history as show_history
from .curves import show_scores as show_scores
from .curves import show_threshold_curve as show_threshold_curve
from .fault_pictures import show_faults as show_faults
from .grids import show_batch as show_batch
from .grids import show_channels as show_channels
from .grids import show_feature_maps as show_feature_maps
from .grids import show_pairs as show_pairs
from .grids import show_repair as show_repair
from .live import LiveView as LiveView
from .predictions import overlay as overlay
from .predictions import show_overlay as show_overlay
from .predictions import show_predictions as show_predictions
