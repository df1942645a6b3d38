"""Golden regression: what the code computes today against values that another source computed once.

A golden set is a folder ``data/golden/<name>/v<N>`` with ``input.csv``, ``expected.csv`` and ``metadata.json``. The
newest version counts. A set's files carry checksums, so that nobody regenerates them in silence.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tradepulse.core.indicators import indicator
from tradepulse.core.tables import table
from tradepulse.errors import ChecksumMismatch, ConfigError, UnknownName, UnreadableFile
from tradepulse.quality.shipped import shipped

#: What the metadata of every set must say.
METADATA = (
    "name", "version", "kind", "params", "source", "licence", "input_sha256", "expected_from", "expected_sha256",
    "relative_tolerance", "tolerance_reason", "convention", "approved_by", "approved_on", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class GoldenSet:
    """One version of a golden set.

    Parameters
    ----------
    metadata : what ``metadata.json`` says
    inputs : the indicator's input columns, shape (n, k)
    expected : a column per output, shape (n, m); NaN in warm-up
    """

    metadata: dict[str, Any]
    inputs: pd.DataFrame
    expected: pd.DataFrame

    @property
    def name(self) -> str:
        """Name of the set: the indicator's."""
        return str(self.metadata["name"])


def golden_names(root: Path | None = None) -> list[str]:
    """Return the names of the golden sets there are."""
    return sorted(path.name for path in (root or shipped("data/golden")).iterdir() if path.is_dir())


def load_golden(name: str, root: Path | None = None) -> GoldenSet:
    """Return the newest version of a golden set.

    Raises
    ------
    UnknownName
        If there is no such set.
    ChecksumMismatch
        If a file is not the one that was approved.
    """
    root = root or shipped("data/golden")
    if name not in golden_names(root):
        raise UnknownName("golden set", name, golden_names(root))
    versions = sorted((root / name).glob("v*"), key=lambda path: int(path.name[1:]))
    if not versions:
        raise UnreadableFile(f"{root / name}: holds no version; write one with tradepulse_cli golden update {name}")
    folder = versions[-1]
    try:
        metadata = json.loads((folder / "metadata.json").read_text())
        parts = {part: (folder / f"{part}.csv").read_bytes() for part in ("input", "expected")}
    except (OSError, ValueError) as exc:
        raise UnreadableFile(f"{folder}: not a whole golden set ({exc})") from exc
    lacking = [key for key in METADATA if key not in metadata]
    if lacking:
        raise UnreadableFile(f"{folder}/metadata.json: lacks {lacking[0]!r}")
    for part, content in parts.items():
        if sha256(content).hexdigest() != metadata[f"{part}_sha256"]:
            raise ChecksumMismatch(
                f"{folder}/{part}.csv: not the approved file; restore it, or write a new version with "
                f"tradepulse_cli golden update {name} --reason TEXT"
            )
    return GoldenSet(metadata, pd.read_csv(folder / "input.csv"), pd.read_csv(folder / "expected.csv"))


def compare(names: Sequence[str] | None = None, root: Path | None = None) -> pd.DataFrame:
    """Return rows of ``golden_values``: each expected value beside the one that the code computes.

    Parameters
    ----------
    names : sets to compare; all of them by default
    root : folder of the sets; the shipped one by default

    Raises
    ------
    ConfigError
        If there is nothing to compare.
    """
    chosen = list(names) if names else golden_names(root)
    if not chosen:
        raise ConfigError("there is no golden set to compare with; a comparison of nothing proves nothing")
    frame = pd.concat([_compared(load_golden(name, root)) for name in chosen], ignore_index=True)
    return table("golden_values").accept(frame, "golden comparison")


def _compared(golden: GoldenSet) -> pd.DataFrame:
    declared = indicator(golden.name)
    columns = {column: golden.inputs[column].to_numpy(dtype=float) for column in declared.inputs}
    computed = declared(columns, **golden.metadata["params"])
    if list(golden.expected.columns) != list(declared.outputs):
        raise UnreadableFile(
            f"golden set {golden.name}: expected.csv has {list(golden.expected.columns)}, not {list(declared.outputs)}"
        )
    parts = []
    for output in declared.outputs:
        expected, actual = golden.expected[output].to_numpy(dtype=float), computed[output]
        tolerance = float(golden.metadata["relative_tolerance"])
        # A value near zero (a histogram that changes sign) is compared on the scale of its series.
        scale = np.nanmax(np.abs(expected))
        close = np.abs(actual - expected) <= tolerance * np.maximum(np.abs(expected), 1e-3 * scale)
        parts.append(
            pd.DataFrame(
                {
                    "name": golden.name,
                    "version": golden.metadata["version"],
                    "row": np.arange(len(expected)),
                    "output": output,
                    "expected": expected,
                    "actual": actual,
                    "matches": close | (np.isnan(expected) & np.isnan(actual)),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def summary(values: pd.DataFrame) -> pd.DataFrame:
    """Return one row per set and output: values compared, differing, and the largest relative difference."""
    finite = values.dropna(subset=["expected", "actual"])
    gap = (finite["actual"] - finite["expected"]).abs() / finite["expected"].abs().clip(lower=1e-300)
    largest = gap.groupby([finite["name"], finite["output"]]).max().rename("largest_difference")
    groups = values.groupby(["name", "version", "output"], sort=True)
    counted = groups.agg(values=("matches", "size"), differing=("matches", lambda m: int((~m).sum()))).reset_index()
    return counted.merge(largest.reset_index(), on=["name", "output"], how="left")


def write_report(values: pd.DataFrame, folder: Path) -> Path:
    """Write the comparison for a person and return the page.

    Parameters
    ----------
    values : rows of ``golden_values``
    folder : gets ``index.html`` with a verdict and a chart of each set that differs, ``verdict.json``, and
        ``differences.csv`` with every differing cell
    """
    from tradepulse.quality.golden_report import page

    folder.mkdir(parents=True, exist_ok=True)
    verdict = summary(values)
    differing = values[~values["matches"]]
    content = {
        "passed": bool(len(values) and differing.empty),
        "compared": len(values),
        "differing": len(differing),
        "outputs": json.loads(verdict.to_json(orient="records")),
    }
    _replace(folder / "verdict.json", json.dumps(content, indent=1) + "\n")
    _replace(folder / "differences.csv", differing.to_csv(index=False))
    _replace(folder / "index.html", page(values, verdict))
    return folder / "index.html"


def update(name: str, reason: str, approved_by: str, approved_on: date, root: Path | None = None) -> Path:
    """Write a new version of a golden set, its values computed by the independent source, and return its folder.

    Parameters
    ----------
    name : a golden set
    reason : why the old values no longer hold
    approved_by, approved_on : who approves it, and when

    Raises
    ------
    ConfigError
        If no reason is given.
    ToolMissing
        If the independent source is not installed.
    """
    if len(reason.split()) < 3:
        raise ConfigError(
            "a golden update needs a reason of at least three words: --reason 'why the old values no longer hold'"
        )
    root = root or shipped("data/golden")
    last = load_golden(name, root)
    version = f"v{int(last.metadata['version'][1:]) + 1}"
    kept = {key: last.metadata[key] for key in ("params", "source", "licence")}
    return write_golden(root / name / version, name, last.inputs, kept, reason, approved_by, approved_on)


def write_golden(
    folder: Path,
    name: str,
    inputs: pd.DataFrame,
    about: dict[str, Any],
    reason: str,
    approved_by: str,
    approved_on: date,
) -> Path:
    """Write one version of a golden set, with expected values from the independent source, and return its folder.

    Parameters
    ----------
    folder : ``.../<name>/v<N>``; must not exist
    inputs : input columns of the indicator
    about : params, source and licence of the inputs
    """
    from tradepulse.quality.independent import independent

    if folder.exists():
        raise ConfigError(f"{folder}: exists; a version is never rewritten")
    source = independent(name)
    expected = source.values(inputs, about["params"])
    contents = {"input": inputs.to_csv(index=False), "expected": expected.to_csv(index=False)}
    metadata = {
        "name": name,
        "version": folder.name,
        "kind": "indicator",
        **about,
        "input_sha256": sha256(contents["input"].encode()).hexdigest(),
        "expected_from": source.name,
        "expected_sha256": sha256(contents["expected"].encode()).hexdigest(),
        "relative_tolerance": source.tolerance,
        "tolerance_reason": source.tolerance_reason,
        "convention": source.convention,
        "approved_by": approved_by,
        "approved_on": approved_on.isoformat(),
        "reason": reason,
    }
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}")
    fresh.mkdir(parents=True)
    for part, text in contents.items():
        (fresh / f"{part}.csv").write_text(text)
    (fresh / "metadata.json").write_text(json.dumps(metadata, indent=1) + "\n")
    os.replace(fresh, folder)
    return folder


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text)
    os.replace(fresh, path)
