# The public names of workbook.show, one list that serves the type checker and the lazy import alike.
from .live import LiveView as LiveView
