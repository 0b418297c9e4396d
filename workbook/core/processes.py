"""What several processes, on one machine or on several, must know alike before they train together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from workbook.core.errors import DataError, WorkbookError

T = TypeVar("T")


def from_main(accelerator: Any, work: Callable[[], T]) -> T:
    """Have the main process do what only one may do, and tell the others what came of it.

    So the others need not see its files, and none waits for one that has given up.

    Args:
        accelerator: whose processes.
        work: called in the main process; what it returns is sent to the others.

    Raises:
        WorkbookError: the work raised it; in every process.
    """
    found: list[Any] = [None, None]
    if accelerator.is_main_process:
        try:
            found[0] = work()
        except WorkbookError as error:
            found[1] = error
    if accelerator.num_processes > 1:
        from accelerate.utils import broadcast_object_list

        broadcast_object_list(found)
    result, trouble = found
    if trouble is not None:
        raise trouble
    return result  # type: ignore[no-any-return]


def check_alike(accelerator: Any, data: Mapping[str, str]) -> None:
    """See that every process has the same data.

    Args:
        accelerator: whose processes.
        data: fingerprint of each dataset, by name.

    Raises:
        DataError: one has other data; names it, the dataset, and what both have.
    """
    if accelerator.num_processes == 1:
        return
    from accelerate.utils import gather_object

    first, *others = gather_object([dict(data)])
    for process, other in enumerate(others, start=1):
        for name in first | other:
            if first.get(name) != other.get(name):
                raise DataError(
                    f"{name}: process {process} has {other.get(name)}, the first one {first.get(name)}; "
                    "give every machine the same files"
                )
