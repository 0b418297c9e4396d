"""Files among a dataset's images and masks that are neither, such as the `._a.jpg` of some file managers."""

from __future__ import annotations

from pathlib import Path

from workbook.curation.layouts import Layout, PathLike, list_images, resolve_layout


def find_strays(source: PathLike | Layout) -> list[Path]:
    """The files in a dataset's folders that pairing and audit pass over: hidden ones, and other types.

    Args:
        source: a dataset in a known layout; a JSON list of pairs has none.

    Raises:
        DataError: the dataset is not there, or cannot be read.

    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> for name in ("Tp/a.jpg", "Tp/._a.jpg", "Gt/a_gt.png", "Gt/Thumbs.db"):
    ...     (root / name).parent.mkdir(exist_ok=True)
    ...     (root / name).touch()
    >>> [path.name for path in find_strays(root)]
    ['._a.jpg', 'Thumbs.db']
    """
    layout = resolve_layout(source)
    if layout.name == "json":
        return []
    folders = dict.fromkeys(f for f in (layout.images, layout.masks, layout.authentic) if f is not None)
    strays: dict[Path, None] = {}
    for folder in folders:
        images = set(list_images(folder))
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        strays |= dict.fromkeys(path for path in files if path not in images)
    return list(strays)
