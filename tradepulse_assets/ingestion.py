"""Ingestion: vendor files into bars and closes."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from tradepulse.core.sessions import calendar
from tradepulse_assets.home import Home
from tradepulse_assets.partitions import FIRST_SESSION, SESSIONS
from tradepulse_assets.table_asset import Rows, column_schema, coverage, preview, table_asset, table_check

if TYPE_CHECKING:
    import pandas as pd

    from tradepulse.ingestion.source import Delivery
    from tradepulse.quality.check import Check

_TAGS = {"team": "data", "strategy": "shared"}
#: Code version of ``bars``.
_BARS_VERSION = "1"


def _counts(delivery: "Delivery") -> dict[str, Any]:
    return {
        "received": delivery.received,
        "accepted": len(delivery.accepted),
        "quarantined": len(delivery.quarantined),
        "source hash": delivery.source_hash,
    }


@dg.asset(
    group_name="ingestion",
    owners=["team:data"],
    tags=_TAGS,
    kinds={"pandas", "parquet"},
    metadata={"dagster/column_schema": column_schema("bars")},
    code_version="1",
)
def bars_history(context: dg.AssetExecutionContext, home: Home) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Daily bars of the closed years before the first session partition, one file per year.

    Nasdaq Composite and S&P 500 from the files that the `arch` package ships, checked against their SHA-256. Rows that
    break a rule go to `quarantine`. Rows whose open only repeats the previous close, as 40 % of the S&P file do, are
    flagged `open_is_stale`; a backtest that would fill on one is refused.
    """
    from tradepulse.core.tables.base import content_hash
    from tradepulse.ingestion.coverage import COVERAGE
    from tradepulse.warehouse.intake import replace

    with home.metered(context, "bars_history", _TAGS):
        delivery = home.source.bars(COVERAGE[home.source.name][0], FIRST_SESSION - timedelta(days=1))
        frame = delivery.accepted
        years = {str(year): rows for year, rows in frame.groupby(frame["session"].dt.year)}
        replace(home.lake, "bars_history", years)
        home.lake.write("quarantine", delivery.quarantined, "bars_history")
        version = content_hash(frame)
        return dg.MaterializeResult(
            data_version=dg.DataVersion(version),
            metadata={
                "dagster/row_count": len(frame),
                "data version": version,
                "preview": dg.MetadataValue.md(preview(frame)),
                "flagged opens": int(frame["open_is_stale"].sum()),
                **_counts(delivery),
            },
        )


@dg.asset(
    group_name="ingestion",
    deps=["bars_history"],
    owners=["team:data"],
    tags=_TAGS,
    kinds={"pandas", "parquet"},
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    metadata={"dagster/column_schema": column_schema("bars")},
    code_version=_BARS_VERSION,
)
def bars(context: dg.AssetExecutionContext, home: Home) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Daily bars, one partition per session, all symbols in it.

    A run writes the sessions asked for and catches up any earlier one that is missing, so a night that was missed
    leaves no hole. A backfill takes a range of sessions in one run. Raw prices; the data version is a
    hash of the content. Rows of other sources stay beside these, and what the vendor said before stays in
    `superseded_bars`.
    """
    from tradepulse.core.tables.base import content_hash
    from tradepulse.ingestion.coverage import COVERAGE
    from tradepulse.warehouse.intake import take

    with home.metered(context, "bars", _TAGS):
        asked = context.partition_keys
        present = set(home.lake.partitions("bars"))
        until = date.fromisoformat(max(asked))
        missed = {day.isoformat() for day in calendar().sessions(FIRST_SESSION, until)} - present - set(asked)
        wanted = sorted({*asked, *missed})
        delivery = home.source.bars(date.fromisoformat(wanted[0]), until)
        frame = delivery.accepted
        delivered = set(frame["session"].dt.strftime("%Y-%m-%d"))
        empty = [session for session in asked if session not in delivered]
        if empty:
            raise dg.Failure(
                f"source {home.source.name} has no bars for {', '.join(empty[:3])}; it covers sessions from "
                f"{COVERAGE[home.source.name][0]} to {COVERAGE[home.source.name][1]}"
            )
        # A session that the source does not have is left out here: bars_are_complete says so.
        restated = take(home.lake, "bars", frame[frame["session"].dt.strftime("%Y-%m-%d").isin(wanted)])
        made_from = _made_from(context.instance, "bars_history") if missed else {}
        for session in (day for day in wanted if day in delivered):
            stored = home.lake.read("bars", [session])
            version = content_hash(stored)
            shown: dict[str, Any] = {
                "dagster/row_count": len(stored),
                "data version": version,
                "file": str(home.lake.path("bars", session)),
            }
            if session in missed:
                tags = {"dagster/data_version": version, "dagster/data_version_is_user_provided": "true"}
                tags |= made_from
                context.log_event(dg.AssetMaterialization("bars", partition=session, metadata=shown, tags=tags))
            else:
                context.add_asset_metadata(shown, partition_key=session)
        home.lake.write("quarantine", delivery.quarantined, f"bars_{max(asked)}")
        return dg.MaterializeResult(
            data_version=dg.DataVersion(content_hash(home.lake.read("bars", sorted(asked)))),
            metadata={
                "sessions caught up": len(missed),
                "sessions restated": ", ".join(restated) or "none",
                **coverage(home, _of_source(home, until)),
                "preview": dg.MetadataValue.md(preview(frame)),
                **_counts(delivery),
            },
        )


def _made_from(instance: dg.DagsterInstance, upstream: str) -> dict[str, str]:
    """Return what Dagster notes by itself of a session that was asked for, and without which it takes it for stale."""
    records = instance.fetch_materializations(dg.AssetKey(upstream), limit=1).records
    if not records or records[0].asset_materialization is None:
        return {}
    version = (records[0].asset_materialization.tags or {}).get("dagster/data_version", "")
    return {
        "dagster/code_version": _BARS_VERSION,
        f"dagster/input_data_version/{upstream}": version,
        f"dagster/input_event_pointer/{upstream}": str(records[0].storage_id),
    }


@table_asset(group="ingestion", team="data")
def closes(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """VIX and WTI: one value a day and nothing else, so nothing can be filled on them.

    The vendor writes a dot where it has no value; those rows go to `quarantine` and no value is made up for them.
    """
    delivery = home.source.closes()
    home.lake.write("quarantine", delivery.quarantined, "closes")
    return Rows(delivery.accepted, _counts(delivery))


@table_asset(
    group="ingestion", team="data", deps=["bars_history", "bars"],
    columns_from={
        "symbol": "bars.symbol bars_history.symbol", "ts": "bars.ts bars_history.ts",
        "old": "bars.close bars_history.close", "new": "bars.close bars_history.close",
        "partition": "bars.session bars_history.session",
    },
)  # fmt: skip
def restatements(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """Each value of the past that a vendor has changed since it was first stored: what it said, and what it says now.

    Lists beside it every partition downstream that was made from what was said before; those, and no others, are to be
    run again.
    """
    from tradepulse.reporting.restatements import write_page
    from tradepulse.warehouse.intake import restatements as restated
    from tradepulse.warehouse.stale import stale

    changes, outdated = restated(home.lake), stale(home.lake)
    page = write_page(changes, outdated, home.reports / "data_quality" / "restatements")
    return Rows(
        changes,
        {
            "stale partitions": len(outdated),
            "made from what was said before": dg.MetadataValue.md(str(outdated.head(50).to_markdown(index=False))),
            "report": dg.MetadataValue.path(str(page)),
        },
    )


@table_check(asset="restatements", team="data")
def restatements_lead_to_what_is_there(context: dg.AssetCheckExecutionContext, home: Home) -> "Check":
    """Each restatement begins where the one before it ended, and the last ends with what is stored now."""
    from tradepulse.core.tables.base import content_hash
    from tradepulse.quality.check import Check
    from tradepulse.warehouse.intake import model_of

    rows = home.lake.read("restatements")
    steps = rows.drop_duplicates(["table", "partition", "restatement"])
    broken = []
    for (place, partition), mine in steps.groupby(["table", "partition"]):
        now = content_hash(home.lake.read(str(place), [str(partition)], model=model_of(str(place))))
        if [*mine["old_version"].iloc[1:], now] != mine["new_version"].tolist():
            broken.append(f"{place}/{partition}")
    partitions = len(home.lake.partitions("bars")) + len(home.lake.partitions("bars_history"))
    return Check("restatements_lead_to_what_is_there", partitions, len(broken), ", ".join(broken[:5]))


@table_check(asset="bars_history", team="data")
def history_is_complete(context: dg.AssetCheckExecutionContext, home: Home) -> "Check":
    """Each symbol has every session of the exchange from its first on."""
    from tradepulse.quality.bars import sessions_are_complete

    last = calendar().previous(FIRST_SESSION)
    return sessions_are_complete(home.lake.read("bars_history", model="bars"), calendar(), until=last)


@table_check(asset="bars_history", team="data")
def history_opens_are_flagged(context: dg.AssetCheckExecutionContext, home: Home) -> "Check":
    """Each open that only repeats the previous close is flagged."""
    from tradepulse.quality.bars import stale_opens_are_flagged

    return stale_opens_are_flagged(home.lake.read("bars_history", model="bars"))


def _of_source(home: Home, until: date) -> "pd.DataFrame":
    """Return the source's own bars up to a session: what else a person has ingested it cannot complete."""
    from tradepulse.warehouse.bars import read_bars

    bars = read_bars(home.lake, until=until)
    return bars[bars["source"] == home.source.name].reset_index(drop=True)


def _bars_so_far(context: dg.AssetCheckExecutionContext, home: Home) -> "tuple[pd.DataFrame, date]":
    until = date.fromisoformat(max(context.op_execution_context.partition_keys))
    return _of_source(home, until), until


@table_check(asset="bars", team="data")
def bars_are_complete(context: dg.AssetCheckExecutionContext, home: Home) -> "Check":
    """Each symbol has every session from the beginning of its history up to this one."""
    from tradepulse.quality.bars import sessions_are_complete

    frame, until = _bars_so_far(context, home)
    return sessions_are_complete(frame, calendar(), until=until)


@table_check(asset="bars", team="data")
def opens_are_flagged(context: dg.AssetCheckExecutionContext, home: Home) -> "Check":
    """Each open that only repeats the previous close is flagged."""
    from tradepulse.quality.bars import stale_opens_are_flagged

    frame, _ = _bars_so_far(context, home)
    return stale_opens_are_flagged(frame)


@table_check(asset="bars", team="data")
def bars_meet_expectations(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """The last year of bars looks as the Great Expectations suite `expectations/bars.json` says it should."""
    from tradepulse.quality.bars import with_plausibility
    from tradepulse.quality.expectations import validate

    frame, until = _bars_so_far(context, home)
    year = frame[frame["session"] > str(until - timedelta(days=365))]
    return validate("bars", with_plausibility(year)).checks


@table_check(asset="bars", team="data")
def bars_have_not_drifted(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """The newest bars are fresh, and like those accepted before, by the suite `expectations/drift.json`."""
    from tradepulse.quality.drift import drift
    from tradepulse.quality.expectations import validate

    frame, until = _bars_so_far(context, home)
    return validate("drift", drift(frame, calendar(), until)).checks


@table_check(asset="bars", team="data")
def bars_are_one_series(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """Each symbol's bars follow from one another: no rows of another security, no unexplained jump, no repeated bar."""
    from tradepulse.quality.bars import series_checks

    frame, _ = _bars_so_far(context, home)
    return series_checks(frame, calendar(), actions=())


@table_check(asset="closes", team="data")
def closes_are_accounted_for(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """Every value received is either a close or in quarantine, and no series is empty or constant."""
    from tradepulse.quality.check import Check

    received = home.source.closes().received
    frame, refused = home.lake.read("closes"), home.lake.read("quarantine", ["closes"])
    lost = abs(received - len(frame) - len(refused))
    series = frame.groupby("symbol")["close"].nunique()
    return [
        Check(
            "accepted and quarantined are what was received",
            received,
            lost,
            f"{len(frame):,} + {len(refused):,} of {received:,}",
        ),
        Check(
            "each series varies",
            len(frame),
            int((series < 2).sum()),
            ", ".join(f"{s}: {n} values" for s, n in series.items()),
        ),
    ]
