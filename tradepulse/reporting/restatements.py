"""What vendors have changed of the past, as a page and a file."""

from html import escape
from pathlib import Path

import pandas as pd

from tradepulse.core.files import replace_text
from tradepulse.core.tables.base import records
from tradepulse.reporting.page import document

#: Rows that the page shows; the file has all of them.
_SHOWN = 500


def write_page(changes: pd.DataFrame, outdated: pd.DataFrame, folder: Path) -> Path:
    """Write ``index.html``, ``restatements.csv`` and ``stale.csv``, and return the page.

    Parameters
    ----------
    changes : rows of ``restatements``
    outdated : partitions made from what was said before, as ``warehouse.stale`` finds them
    folder : gets the files
    """
    folder.mkdir(parents=True, exist_ok=True)
    partitions = changes[["table", "partition"]].drop_duplicates()
    head = (
        f"<p class='bad'>{len(changes):,} values of {len(partitions):,} partitions say something else than before; "
        f"{len(outdated):,} partitions downstream were made from what was said before.</p>"
        if len(changes)
        else "<p class='good'>No vendor has changed its past.</p>"
    )
    body = head + _table("What changed", changes.drop(columns=["old_version", "new_version"]))
    body += _table("Made from what was said before: run these again", outdated)
    for name, text in (
        ("restatements.csv", changes.to_csv(index=False)),
        ("stale.csv", outdated.to_csv(index=False)),
        ("index.html", document("Restatements", body)),
    ):
        replace_text(folder / name, text)
    return folder / "index.html"


def _table(title: str, frame: pd.DataFrame) -> str:
    if frame.empty:
        return ""
    heads = "".join(f"<th>{escape(str(name))}</th>" for name in frame.columns)
    cells = "".join(
        "<tr>" + "".join(f"<td>{escape(str(value))}</td>" for value in row.values()) + "</tr>"
        for row in records(frame.head(_SHOWN))
    )
    more = f"<p>and {len(frame) - _SHOWN:,} more, in the file beside this page</p>" if len(frame) > _SHOWN else ""
    return f"<h2>{escape(title)}</h2><table><tr>{heads}</tr>{cells}</table>{more}"
