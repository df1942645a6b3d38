"""Files that are there whole or not at all."""

import os
from pathlib import Path


def replace_text(path: Path, text: str) -> Path:
    """Write a file in place of what is there, whole or not at all, and return its path.

    Parameters
    ----------
    path : of the file; its folder is made
    text : of the file; it is written beside its place and renamed into it, so that no reader sees half of it, and
        nothing is left of it where that fails
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_text(text)
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    return path
