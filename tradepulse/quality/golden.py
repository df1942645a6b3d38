"""Golden regression: what the code computes today against values that another source computed once.

A golden set is a folder ``data/golden/<name>/v<N>`` with ``input.csv``, ``expected.csv`` and ``metadata.json``. The
newest version counts. A set's files carry checksums, so that nobody regenerates them in silence.

Sets of the kind ``indicator`` are compared row by row. Those of other kinds are tables: their metadata name the key
columns by which rows are matched, and who compares says how each kind is computed.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tradepulse.core.files import replace_text
from tradepulse.core.indicators import indicator
from tradepulse.core.indicators.base import Indicator
from tradepulse.core.tables import table
from tradepulse.errors import ChecksumMismatch, ConfigError, UnknownName, UnreadableFile
from tradepulse.quality.definitions import DEFINITIONS
from tradepulse.quality.shipped import shipped

#: What the metadata of every set must say.
METADATA = (
    "name", "version", "kind", "params", "source", "licence", "input_sha256", "expected_from", "expected_sha256",
    "relative_tolerance", "tolerance_reason", "convention", "approved_by", "approved_on", "reason",
)  # fmt: skip


#: Computes from the input rows and parameters of a table set what its expected rows should be.
Computer = Callable[[pd.DataFrame, Mapping[str, Any]], pd.DataFrame]
INDICATOR = "indicator"


@dataclass(frozen=True)
class Expected:
    """Expected values that are not an indicator's, and where they come from.

    Parameters
    ----------
    rows : key columns and numeric output columns
    key : names of the key columns
    source : hand arithmetic, or a library with its version and call
    tolerance, tolerance_reason, convention : as in the metadata
    """

    rows: pd.DataFrame
    key: tuple[str, ...]
    source: str
    tolerance: float
    tolerance_reason: str
    convention: str


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

    @property
    def kind(self) -> str:
        """What computes it: ``indicator``, or a kind of table."""
        return str(self.metadata["kind"])


def golden_names(root: Path | None = None, *, kind: str | None = None) -> list[str]:
    """Return the names of the golden sets there are, or of those of one kind."""
    names = sorted(path.name for path in (root or shipped("data/golden")).iterdir() if path.is_dir())
    return names if kind is None else [name for name in names if load_golden(name, root).kind == kind]


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


def compare(
    names: Sequence[str] | None = None, root: Path | None = None, *, computers: Mapping[str, Computer] | None = None
) -> pd.DataFrame:
    """Return rows of ``golden_values``: each expected value beside the one that the code computes.

    Parameters
    ----------
    names : sets to compare; by default all those of indicators and of the kinds in ``computers``
    root : folder of the sets; the shipped one by default
    computers : how each kind of table set is computed

    Raises
    ------
    ConfigError
        If there is nothing to compare, or nobody says how a set is computed.
    """
    known = computers or {}
    sets = [load_golden(name, root) for name in (names or golden_names(root))]
    if not names:
        sets = [golden for golden in sets if golden.kind in {INDICATOR, *known}]
    if not sets:
        raise ConfigError("there is no golden set to compare with; a comparison of nothing proves nothing")
    strange = [golden for golden in sets if golden.kind not in {INDICATOR, *known}]
    if strange:
        raise ConfigError(
            f"golden set {strange[0].name} is of the kind {strange[0].kind!r}, which nothing computes here"
        )
    frame = pd.concat(
        [_compared(one) if one.kind == INDICATOR else _compared_table(one, known[one.kind]) for one in sets],
        ignore_index=True,
    )
    return table("golden_values").accept(frame, "golden comparison")


def _compared(golden: GoldenSet) -> pd.DataFrame:
    declared = indicator(golden.name)
    if list(golden.expected.columns) != list(declared.outputs):
        raise UnreadableFile(
            f"golden set {golden.name}: expected.csv has {list(golden.expected.columns)}, not {list(declared.outputs)}"
        )
    parts = []
    for shape, rows in stretches(golden.inputs):
        computed = declared(input_columns(declared, rows), **golden.metadata["params"])
        wanted = {output: golden.expected.loc[rows.index, output].to_numpy(dtype=float) for output in declared.outputs}
        # A value near zero (a histogram on a straight line) is compared on the scale of its stretch.
        scale = max(np.nanmax(np.abs(column), initial=0.0) for column in wanted.values()) if shape else None
        for output, expected in wanted.items():
            actual = computed[output]
            matches = _close(golden, expected, actual, scale) | (np.isnan(expected) & np.isnan(actual))
            key = pd.Series([f"{shape} {row}".strip() for row in range(len(rows))], dtype="str")
            parts.append(_values(golden, rows.index.to_numpy(), key, output, expected, actual, matches))
    return pd.concat(parts, ignore_index=True).sort_values(["output", "row"], kind="stable", ignore_index=True)


def stretches(inputs: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the series that a set holds, by name; a set without shapes is one series without a name."""
    if "shape" not in inputs.columns:
        return [("", inputs)]
    return [(str(name), rows) for name, rows in inputs.groupby("shape", sort=False)]


def input_columns(declared: Indicator, rows: pd.DataFrame) -> dict[str, Any]:
    """Return the inputs of an indicator as arrays; of a panel, the columns NAME.1, NAME.2 ... side by side."""
    if not declared.panel:
        return {column: rows[column].to_numpy(dtype=float) for column in declared.inputs}
    return {
        column: rows[[name for name in rows.columns if name.startswith(f"{column}.")]].to_numpy(dtype=float)
        for column in declared.inputs
    }


def _compared_table(golden: GoldenSet, compute: Computer) -> pd.DataFrame:
    """Compare a table set: rows are matched by key, so that one that is missing is one row and not all after it."""
    key = list(golden.metadata["key"])
    outputs = [name for name in golden.expected.columns if name not in key]
    computed = compute(golden.inputs, golden.metadata["params"])
    lacking = [name for name in (*key, *outputs) if name not in computed.columns]
    if lacking:
        raise UnreadableFile(f"golden set {golden.name}: expected.csv has {lacking[0]!r}, which nothing computes")
    sides = [_keyed(rows, key) for rows in (golden.expected, computed)]
    order = [*sides[0].index, *(name for name in sides[1].index if name not in sides[0].index)]
    expected, actual = (side.reindex(order) for side in sides)
    both = np.array([name in sides[0].index and name in sides[1].index for name in order])
    parts = []
    for output in outputs:
        want, have = expected[output].to_numpy(dtype=float), actual[output].to_numpy(dtype=float)
        matches = _close(golden, want, have) | (both & np.isnan(want) & np.isnan(have))
        parts.append(_values(golden, np.arange(len(order)), pd.Series(order, dtype="str"), output, want, have, matches))
    return pd.concat(parts, ignore_index=True)


def _keyed(rows: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Return rows indexed by their key as text; equal keys are numbered, so that no row stands for another."""
    names = rows[key].astype("str").agg(" ".join, axis=1)
    again = names.groupby(names).cumcount()
    return rows.set_axis(names.where(again == 0, names + " (" + (again + 1).astype("str") + ")").to_numpy())


def _close(
    golden: GoldenSet, expected: "NDArray[np.float64]", actual: "NDArray[np.float64]", scale: float | None = None
) -> "NDArray[np.bool_]":
    tolerance = float(golden.metadata["relative_tolerance"])
    # A value near zero (a histogram that changes sign) is compared on the scale of its series.
    size = np.nanmax(np.abs(expected), initial=0.0) if scale is None else scale
    return np.asarray(np.abs(actual - expected) <= tolerance * np.maximum(np.abs(expected), 1e-3 * size))


def _values(
    golden: GoldenSet, row: Any, key: "pd.Series[str]", output: str, expected: Any, actual: Any, matches: Any
) -> pd.DataFrame:
    about = {"name": golden.name, "version": golden.metadata["version"]}
    return pd.DataFrame(
        {**about, "row": row, "key": key.to_numpy(), "output": output, "expected": expected, "actual": actual,
         "matches": matches}
    ).astype(dict.fromkeys(("name", "version", "key", "output"), "str"))  # fmt: skip


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
    replace_text(folder / "verdict.json", json.dumps(content, indent=1) + "\n")
    replace_text(folder / "differences.csv", differing.to_csv(index=False))
    replace_text(folder / "index.html", page(values, verdict))
    return folder / "index.html"


def update(
    name: str,
    reason: str,
    approved_by: str,
    approved_on: date,
    root: Path | None = None,
    *,
    expected: Path | None = None,
) -> Path:
    """Write a new version of a golden set, its values from the independent source, and return its folder.

    Parameters
    ----------
    name : a golden set
    reason : why the old values no longer hold
    approved_by, approved_on : who approves it, and when
    expected : CSV of the new values of a table set, from wherever its metadata say that they come from

    Raises
    ------
    ConfigError
        If no reason is given, or a table set is given no new values, or an indicator is.
    UnreadableFile
        If the new values have other columns than the old ones.
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
    kept = {key: last.metadata[key] for key in ("kind", "params", "source", "licence")}
    written_out = last.kind == INDICATOR and name in DEFINITIONS
    if written_out and expected:
        raise ConfigError(
            f"{name} is an indicator: its values come from {last.metadata['expected_from']}, not from a file"
        )
    if last.kind == INDICATOR and not written_out:
        kept["second_source"] = last.metadata["second_source"]
    given = None if written_out else _given(last, expected)
    return write_golden(root / name / version, name, last.inputs, kept, reason, approved_by, approved_on, given)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where values come from that a person brings along.

    Parameters
    ----------
    source, second_source : a library with its version, a paper, hand arithmetic
    convention : what was chosen where sources disagree
    tolerance : largest relative difference that is none
    """

    source: str
    second_source: str
    convention: str
    tolerance: float


def create(
    name: str, expected: Path, origin: Origin, approved_by: str, approved_on: date, root: Path | None = None
) -> Path:
    """Write the first golden set of an indicator, on the shapes of ``quality.shapes``, and return its folder.

    Parameters
    ----------
    name : of the indicator
    expected : CSV with a column per output, one row for each of the shapes
    origin : where these values come from
    approved_by, approved_on : who approves it, and when
    root : folder of the sets

    Raises
    ------
    ConfigError
        If there is a set already, or the tolerance is none.
    UnreadableFile
        If the values have other columns or rows than the indicator and the shapes.
    """
    from tradepulse.quality.shapes import LICENCE, SOURCE, shapes

    root = root or shipped("data/golden")
    declared = indicator(name)
    if (root / name).exists():
        raise ConfigError(f"{root / name}: exists; write a new version with tradepulse_cli golden update {name}")
    if not 0 < origin.tolerance <= 1e-3:
        raise ConfigError(f"a tolerance lies above 0 and up to 0.001, not {origin.tolerance}")
    inputs = shapes(declared.inputs, declared.panel)
    try:
        rows = pd.read_csv(expected)
    except (OSError, ValueError) as exc:
        raise UnreadableFile(f"{expected}: no readable CSV ({str(exc).splitlines()[0][:100]})") from exc
    if list(rows.columns) != list(declared.outputs) or len(rows) != len(inputs):
        raise UnreadableFile(
            f"{expected}: has {len(rows)} rows of {list(rows.columns)}, not {len(inputs)} of {list(declared.outputs)}; "
            f"see tradepulse_cli golden shapes {name} --out FILE"
        )
    about = {
        "kind": INDICATOR, "params": dict(declared.params), "source": SOURCE, "licence": LICENCE,
        "second_source": {"name": origin.second_source},
    }  # fmt: skip
    given = Expected(
        rows, (), origin.source, origin.tolerance, "as given by who wrote the set", origin.convention
    )  # fmt: skip
    return write_golden(
        root / name / "v1", name, inputs, about, "first version of the set", approved_by, approved_on, given
    )


def _given(last: GoldenSet, path: Path | None) -> Expected:
    about = last.metadata
    if path is None:
        raise ConfigError(
            f"{last.name} is not computed here: give its new values with --expected FILE ({about['expected_from']})"
        )
    try:
        rows = pd.read_csv(path)
    except (OSError, ValueError) as exc:
        raise UnreadableFile(f"{path}: no readable CSV ({str(exc).splitlines()[0][:100]})") from exc
    if list(rows.columns) != list(last.expected.columns) or rows.empty:
        raise UnreadableFile(f"{path}: has {list(rows.columns)}, not rows of {list(last.expected.columns)}")
    fixed = (about["expected_from"], about["relative_tolerance"], about["tolerance_reason"], about["convention"])
    return Expected(rows, tuple(about.get("key", ())), *fixed)


def write_golden(
    folder: Path,
    name: str,
    inputs: pd.DataFrame,
    about: dict[str, Any],
    reason: str,
    approved_by: str,
    approved_on: date,
    expected: Expected | None = None,
) -> Path:
    """Write one version of a golden set, with expected values from the independent source, and return its folder.

    Parameters
    ----------
    folder : ``.../<name>/v<N>``; must not exist
    inputs : input columns of the indicator, or input rows of a table
    about : kind, params, source and licence of the inputs
    expected : of a table, or of an indicator whose definition is not written out in ``quality.definitions``
    """
    if folder.exists():
        raise ConfigError(f"{folder}: exists; a version is never rewritten")
    if expected is None:
        expected, about = _defined(name, inputs, about)
    contents = {"input": inputs.to_csv(index=False), "expected": expected.rows.to_csv(index=False)}
    metadata = {
        "name": name,
        "version": folder.name,
        **about,
        "input_sha256": sha256(contents["input"].encode()).hexdigest(),
        "expected_from": expected.source,
        **({"key": list(expected.key)} if expected.key else {}),
        "expected_sha256": sha256(contents["expected"].encode()).hexdigest(),
        "relative_tolerance": expected.tolerance,
        "tolerance_reason": expected.tolerance_reason,
        "convention": expected.convention,
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


def _defined(name: str, inputs: pd.DataFrame, about: dict[str, Any]) -> tuple[Expected, dict[str, Any]]:
    """Return an indicator's expected values from its definition, and what a second source says to them."""
    from tradepulse.quality import definitions
    from tradepulse.quality.independent import convention, second_opinion

    if name not in definitions.DEFINITIONS:
        raise UnknownName("written-out definition of indicator", name, definitions.DEFINITIONS)
    declared = indicator(name)
    parts = [
        pd.DataFrame(definitions.values(name, input_columns(declared, rows), about["params"]), index=rows.index)
        for _, rows in stretches(inputs)
    ]
    values = pd.concat(parts).sort_index()[list(declared.outputs)]
    text, tolerance, reason = convention(name)
    about = {**about, "second_source": second_opinion(name, inputs, values, about["params"])}
    return Expected(
        values, (), f"definition of {name}, written out in quality.definitions", tolerance, reason, text
    ), about
