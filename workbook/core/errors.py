"""The errors of the library: one line that names the path or field concerned and says what to do next."""


class WorkbookError(ValueError):
    """Base of all errors that the library raises on purpose; the command line prints them in one line."""


class DataError(WorkbookError):
    """Something is wrong with a file, a folder or a dataset."""


class ModelError(WorkbookError):
    """A model does not keep the contract of `workbook.core.model`."""


class CheckpointError(WorkbookError):
    """A checkpoint is torn, foreign, or belongs to another model or configuration."""
