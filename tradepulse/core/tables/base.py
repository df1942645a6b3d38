"""What every stored table shares: strict columns, no coercion, one-line verdicts, a content hash."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from tradepulse.errors import InvalidTable

#: An instant: UTC, timezone-aware, nanoseconds.
Instant = Annotated[pd.DatetimeTZDtype, "ns", "UTC"]
#: A trading date: midnight without a zone, because a date has none.
Date = pa.DateTime


class Table(pa.DataFrameModel):
    """Base of the table models.

    ``coerce`` stays off everywhere: it turns NaN into True and 1.9 into 1, and marks naive times as UTC.
    """

    class Config:
        """Columns as declared, all of them and no others, with unique rows where a key is named."""

        strict = True
        coerce = False
        ordered = True

    @classmethod
    def accept(cls, frame: pd.DataFrame, where: str) -> pd.DataFrame:
        """Return the frame if every row keeps every rule of the table.

        Parameters
        ----------
        frame : rows of this table, any order
        where : what the rows are, for the message

        Raises
        ------
        InvalidTable
            Naming the first broken rules, with how many rows break each.
        """
        import pandera.errors

        try:
            cls.validate(frame, lazy=True)
        except pandera.errors.SchemaErrors as exc:
            rules = "; ".join(_broken_rules(exc.failure_cases, cls.to_schema().unique or []))
            raise InvalidTable(f"{where}: not a valid {cls.table_name()} table: {rules}") from exc
        return frame

    @classmethod
    def table_name(cls) -> str:
        """Return the name the table is stored under."""
        return str(cls.to_schema().name)

    @classmethod
    def no_rows(cls) -> pd.DataFrame:
        """Return the table with no rows and the right columns and dtypes."""
        schema = cls.to_schema()
        types = {name: str(column.dtype) for name, column in schema.columns.items()}
        # pandera calls text string[pyarrow]; a frame read from the lake has pandas' own str.
        return pd.DataFrame(
            {name: pd.Series([], dtype="str" if "string" in kind else kind) for name, kind in types.items()}
        )

    @classmethod
    def column_schema(cls) -> list[dict[str, Any]]:
        """Return name, type, description and unit of each column, in order, as plain data."""
        return [
            {
                "name": name,
                "type": "string" if "string" in str(column.dtype) else str(column.dtype),
                "description": column.description or "",
                "unit": (column.metadata or {}).get("unit", ""),
                "nullable": column.nullable,
            }
            for name, column in cls.to_schema().columns.items()
        ]


def _broken_rules(cases: pd.DataFrame, key: list[str]) -> list[str]:
    """Return what pandera found, a phrase per rule with the number of rows that break it, wrong columns first."""
    rows: dict[str, set[Any]] = {}
    for case in cases.to_dict("records"):
        check, column, value = str(case["check"]), case["column"], case["failure_case"]
        match check:
            case "column_in_schema":
                rule = f"has the column {value!r}, which the table has not"
            case "column_in_dataframe":
                rule = f"lacks the column {value!r}"
            case "column_ordered":
                rule = "columns stand in another order"
            case "multiple_fields_uniqueness":
                rule = f"{' and '.join(key)} are not unique"
            case "not_nullable":
                rule = f"{column} is missing"
            case _ if check.startswith("dtype("):
                rule = f"{column} is {value}, not {check[7:-2]}"
            case _ if case["schema_context"] == "DataFrameSchema":
                rule = f"{check} does not hold"
            case _:
                rule = f"{column} is not {check}"
        rows.setdefault(rule, set()).add(case["index"])
    # Once a column is absent or of another type, every rule about it fails too: that says nothing new.
    shape = [rule for rule, at in rows.items() if at == {None} and not rule.endswith("does not hold")]
    return shape[:4] or [f"{rule} ({len(at):,}x)" for rule, at in list(rows.items())[:4]]


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's rows as dicts of column name to value."""
    rows: list[dict[str, Any]] = frame.to_dict("records")
    return rows


def _words(column: "pd.Series[Any]") -> Iterable[str]:
    """Return each value of a column as text that tells what is missing from what is empty."""
    if isinstance(column.dtype, pd.StringDtype):
        # Long tables repeat few words: each is written once, and looked up for its rows.
        codes, words = pd.factorize(column)
        return map([*(f"={word}" for word in words), "\x00"].__getitem__, codes.tolist())
    return ("\x00" if value is None or value != value else f"={value}" for value in column.tolist())


def content_hash(frame: pd.DataFrame) -> str:
    """Return a hash of a table's content: column names, types and values in row order, but not the index.

    The same rows have the same hash in every process and under every version of the file format, which is why it, and
    not a hash of the Parquet file, is the data version.

    Parameters
    ----------
    frame : any rows; numbers, booleans, times and strings

    Returns
    -------
    str : 16 hexadecimal digits
    """
    digest = sha256(str(len(frame)).encode())
    for name in frame.columns:
        column = frame[name]
        digest.update(f"\x1e{name}\x1f".encode())
        if pd.api.types.is_datetime64_any_dtype(column.dtype):
            digest.update(b"time" + column.astype("int64").to_numpy().tobytes())
        elif pd.api.types.is_bool_dtype(column.dtype):
            digest.update(b"bool" + column.to_numpy(dtype="u1").tobytes())
        elif pd.api.types.is_integer_dtype(column.dtype):
            digest.update(b"int" + column.to_numpy(dtype="<i8").tobytes())
        elif pd.api.types.is_float_dtype(column.dtype):
            # -0.0 + 0.0 is 0.0, and every NaN becomes the same NaN: equal values hash equally.
            values = column.to_numpy(dtype="<f8") + 0.0
            digest.update(b"float" + np.where(np.isnan(values), np.nan, values).tobytes())
        else:
            digest.update(b"text" + "\x1f".join(_words(column)).encode())
    return digest.hexdigest()[:16]
