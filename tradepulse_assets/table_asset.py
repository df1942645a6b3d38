"""Declares an asset that is a table of the lake, and a check of one.

What every such asset has in common stands here once: owner, tags, kinds and column schema; metering; the write, which
validates; and what the UI shows of it: rows, content hash as data version, a preview.
"""

import base64
import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from tradepulse_assets.home import Home

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from tradepulse.quality.check import Check

_PREVIEW_ROWS = 8
#: Column schemas derived from the tables' pandera models, because importing pandera takes two seconds.
COLUMN_SCHEMAS = Path(__file__).with_name("column_schemas.json")
#: Assets that have the columns of another table.
_MODELS = {"bars_history": "bars", "released_signals": "signals"}


@dataclass(frozen=True)
class Rows:
    """What a table asset computes.

    Parameters
    ----------
    frame : rows of the table
    metadata : what the UI shows beside rows and preview
    appended_as : partition of the lake that the rows are added as, in a table that only grows; without rows nothing is
        written
    """

    frame: "pd.DataFrame"
    metadata: Mapping[str, Any] = field(default_factory=dict)
    appended_as: str | None = None


def table_asset(
    *,
    group: str,
    team: str,
    deps: Sequence[str] = (),
    model: str | None = None,
    same_as: str = "",
    columns_from: Mapping[str, str] | None = None,
    strategy: str = "shared",
    partitioned: dg.PartitionsDefinition[str] | None = None,
    kinds: Iterable[str] = ("pandas", "parquet"),
    code_version: str = "1",
) -> Callable[[Callable[..., Rows]], dg.AssetsDefinition]:
    """Return a decorator that makes ``compute(context, home, ...) -> Rows`` a table of the lake.

    Parameters
    ----------
    group, team, strategy : where it stands in the UI, and who pays for it
    deps : assets it is computed from
    model : declared table, where it is not the asset's name
    same_as : asset from which the columns of the same name are taken
    columns_from : what the others are computed from, as ``"asset.column asset.column"`` by column
    partitioned : partitions; without them the table is one file
    kinds : icons in the UI
    code_version : raised when the same input gives another output
    """

    def decorate(compute: Callable[..., Rows]) -> dg.AssetsDefinition:
        name = compute.__name__
        tags = {"team": team, "strategy": strategy}

        def body(context: dg.AssetExecutionContext, home: Home, **others: Any) -> dg.MaterializeResult[Any]:
            from tradepulse.core.tables.base import content_hash

            with home.metered(context, name, tags):
                rows = compute(context, home, **others)
                frame = rows.frame
                partition = rows.appended_as or (context.partition_key if partitioned else "all")
                if not rows.appended_as or len(frame):
                    home.lake.write(name, frame, partition, model=model)
                if rows.appended_as:
                    frame = home.lake.read(name, model=model)
                version = content_hash(frame)
                return dg.MaterializeResult(
                    data_version=dg.DataVersion(version),
                    metadata={
                        "dagster/row_count": len(frame),
                        "data version": version,
                        "file": dg.MetadataValue.path(str(home.lake.path(name, partition))),
                        "preview": dg.MetadataValue.md(preview(frame)),
                        **rows.metadata,
                    },
                )

        return dg.asset(
            name=name,
            group_name=group,
            deps=list(deps),
            owners=[f"team:{team}"],
            tags=tags,
            kinds=set(kinds),
            partitions_def=partitioned,
            metadata={
                "dagster/column_schema": column_schema(model or name),
                "dagster/column_lineage": column_lineage(model or name, same_as, columns_from or {}),
            },
            description=inspect.getdoc(compute),
            code_version=code_version,
        )(_like(compute, body, dg.MaterializeResult))

    return decorate


def table_check(
    *, asset: str, team: str, **options: Any
) -> Callable[[Callable[..., "Iterable[Check] | Check"]], dg.AssetChecksDefinition]:
    """Return a decorator that makes ``examine(context, home) -> Check`` a blocking check of an asset.

    Parameters
    ----------
    asset : the asset whose promise it is; nothing downstream of it runs while the promise is broken
    team : who pays for it
    **options : passed on to ``dagster.asset_check``
    """

    def decorate(examine: Callable[..., "Iterable[Check] | Check"]) -> dg.AssetChecksDefinition:
        name = examine.__name__

        def body(context: dg.AssetCheckExecutionContext, home: Home) -> dg.AssetCheckResult:
            from tradepulse.quality.check import Check, markdown

            with home.metered(context, f"{asset}:{name}", {"team": team}):
                found = examine(context, home)
                checks = [found] if isinstance(found, Check) else list(found)
                seen = sum(check.seen for check in checks)
                failing = sum(check.failing for check in checks)
                return dg.AssetCheckResult(
                    passed=bool(checks) and all(check.passed for check in checks),
                    severity=dg.AssetCheckSeverity.ERROR,
                    description="; ".join(map(str, (c for c in checks if not c.passed)))[:500] or None,
                    metadata={"seen": seen, "failing": failing, "result": dg.MetadataValue.md(markdown(checks))},
                )

        return dg.asset_check(asset=asset, name=name, blocking=True, description=inspect.getdoc(examine), **options)(
            _like(examine, body, dg.AssetCheckResult)
        )

    return decorate


def _like(original: Callable[..., Any], body: Callable[..., Any], returns: type) -> Callable[..., Any]:
    """Return ``body`` with the parameters of ``original``, which is where Dagster reads resources and config from."""
    wrapped = wraps(original)(body)
    del wrapped.__wrapped__  # set by wraps; it would hide the signature below
    signature = inspect.signature(original)
    wrapped.__signature__ = signature.replace(return_annotation=returns)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {**original.__annotations__, "return": returns}
    return wrapped


@cache
def _schemas() -> dict[str, list[dict[str, Any]]]:
    schemas: dict[str, list[dict[str, Any]]] = json.loads(COLUMN_SCHEMAS.read_text())
    return schemas


def column_schema(name: str) -> dg.TableSchema:
    """Return the columns of a declared table as Dagster shows them, units in the descriptions."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column["name"],
                column["type"],
                description=column["description"] + (f" [{column['unit']}]" if column["unit"] else ""),
                constraints=dg.TableColumnConstraints(nullable=column["nullable"]),
            )
            for column in _schemas()[name]
        ]
    )


def column_lineage(name: str, same_as: str, columns_from: Mapping[str, str]) -> dg.TableColumnLineage:
    """Return which columns of which assets each column of a table comes from; one that is not named is its own."""
    found: dict[str, list[dg.TableColumnDep]] = {}
    above = {column["name"] for column in _schemas().get(_MODELS.get(same_as, same_as), [])}
    for column in (one["name"] for one in _schemas()[name]):
        if sources := columns_from.get(column):
            pairs = [source.split(".") for source in sources.split()]
            found[column] = [dg.TableColumnDep(dg.AssetKey(asset), source) for asset, source in pairs]
        elif column in above:
            found[column] = [dg.TableColumnDep(dg.AssetKey(same_as), column)]
    return dg.TableColumnLineage(found)


def preview(frame: "pd.DataFrame") -> str:
    """Return the last rows of a table as Markdown, dates without the midnight."""
    shown = frame.tail(_PREVIEW_ROWS).copy()
    for column in shown.select_dtypes("datetime64[ns]").columns:
        shown[column] = shown[column].dt.strftime("%Y-%m-%d")
    return str(shown.to_markdown(index=False)) if len(frame) else "no rows"


def coverage(home: Home, bars: "pd.DataFrame") -> dict[str, dg.MarkdownMetadataValue]:
    """Return as metadata what there is and what is missing of the bars that a result was made from."""
    from tradepulse.core.sessions import calendar
    from tradepulse.quality.gaps import certificates
    from tradepulse.warehouse.quarantine import refused_by_symbol

    found = certificates(bars, calendar(), refused_by_symbol(home.lake, ("bars", "bars_history")))
    return {"coverage": dg.MetadataValue.md(str(found.to_markdown(index=False)))}


def plot(drawn: "Figure") -> dg.MarkdownMetadataValue:
    """Return a figure as metadata that the UI shows as a picture."""
    from tradepulse.reporting.charts import png

    return dg.MetadataValue.md(f"![plot](data:image/png;base64,{base64.b64encode(png(drawn)).decode()})")
