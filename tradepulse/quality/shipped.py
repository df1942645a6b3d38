"""Finds the folders that stand beside the code in a checkout and inside the package in an installed wheel."""

from pathlib import Path

from tradepulse.errors import MissingData

_PACKAGE = Path(__file__).parents[1]


def shipped(folder: str) -> Path:
    """Return ``expectations`` or ``data/golden``, wherever this installation has it."""
    for root in (_PACKAGE.parent, _PACKAGE / "shipped"):
        if (root / folder).is_dir():
            return root / folder
    raise MissingData(f"{folder}: neither in the checkout nor in the installed package; reinstall tradepulse")
