"""Execution: the order path in a process of its own, and its journal as tables."""

import json
import sys
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any

import dagster as dg

from tradepulse.core.sessions import calendar
from tradepulse.errors import MissingData
from tradepulse_assets.home import BOOK, Home
from tradepulse_assets.partitions import SESSIONS
from tradepulse_assets.table_asset import Rows, table_asset, table_check

if TYPE_CHECKING:
    import pandas as pd

    from tradepulse.execution.book import Book
    from tradepulse.quality.check import Check

_TAGS = {"team": "trading", "strategy": "champion"}
#: What the paper account starts with and may do. Twice the traded quantity leaves room to flip, not to run away; what
#: is counted in units grows with the splits since the strategy was promoted.
CASH = "1000000"
UNITS = {"max_order_quantity": 200, "max_position": 200}
LIMITS = {"max_order_notional": "2500000", "max_open_orders": 10, "max_daily_loss": "150000"}
FEES = {"commission_bp": 1.0, "slippage_bp": 1.0}


def _request(home: Home, session: date) -> dict[str, Any]:
    """Return what the order path is told about a session; prices are decimal strings there."""
    from tradepulse.core.tables.base import records
    from tradepulse.warehouse.bars import read_actions, read_bars

    signals = home.lake.read("released_signals", [session.isoformat()], model="signals")
    book = _book(home)
    last = date.fromisoformat(book.last_session) if book.last_session else None
    first = calendar().next(last) if last else session
    traded = sorted({*signals["symbol"], *book.positions})
    # Of a session that is run again there are none since the book's last one.
    bars = read_bars(home.lake, since=min(first, session), until=session)
    recent = bars[bars["symbol"].isin(traded) & (bars["session"] >= first.isoformat())]
    # One that the vendor told late is still booked if nothing has been traded since; one that is booked is told again,
    # for a run that died between our journal and the venue's.
    began = date.fromisoformat(min(book.closed)) if book.closed else session
    actions = [_action(row) for row in records(read_actions(home.lake, traded, after=began, until=session))]
    went_ex = [action for action in actions if _can_be_booked(book, action)]
    grown = max((_units(home, row, session) for row in records(signals)), default=Fraction(1))
    prices: dict[str, dict[str, dict[str, str]]] = {"open": {}, "close": {}}
    for bar in records(recent):
        for column, by_session in prices.items():
            by_session.setdefault(f"{bar['session']:%Y-%m-%d}", {})[bar["symbol"]] = str(bar[column])
    return {
        "book": BOOK,
        "session": session.isoformat(),
        "cash": CASH,
        "opens": prices["open"],
        "closes": prices["close"],
        "targets": [
            {
                "symbol": row["symbol"],
                "target_quantity": row["target_quantity"],
                "reference_close": str(row["reference_close"]),
                "strategy": row["strategy"],
                "trial_id": row["trial_id"],
            }
            for row in records(signals)
        ],
        "limits": {**{name: ceil(most * grown) for name, most in UNITS.items()}, **LIMITS},
        "fees": FEES,
        "actions": went_ex,
    }


def _can_be_booked(book: "Book", action: dict[str, Any]) -> bool:
    """Say whether a split or dividend is booked, or can be."""
    symbol, ex_date = action["symbol"], action["ex_date"]
    booked = ("split" if "split" in action else "dividend", symbol, ex_date) in book.actions
    return booked or ex_date > book.last_session or book.may_go_ex(symbol, ex_date)


def _units(home: Home, signal: dict[str, Any], session: date) -> Fraction:
    """Return what a unit of a signal's symbol has become since its strategy was promoted."""
    from tradepulse.core.adjustment import units_after
    from tradepulse.warehouse.bars import read_actions

    promotions = home.lake.read("promotions").set_index("promotion_id")
    promoted = promotions.loc[signal["promotion_id"], "last_session"].date()
    return units_after(read_actions(home.lake, [signal["symbol"]], after=promoted, until=session))


def _action(row: dict[str, Any]) -> dict[str, Any]:
    from tradepulse.core.adjustment import exact_ratio

    known = {"symbol": row["symbol"], "ex_date": f"{row['ex_date']:%Y-%m-%d}"}
    if row["action"] == "split":
        return {**known, "split": list(exact_ratio(row["ratio"]).as_integer_ratio())}
    return {**known, "dividend": str(row["amount"])}


def _book(home: Home, session: str | None = None) -> "Book":
    """Return the book as it stands, or as it stood after a session: a table made again has the same rows again."""
    from tradepulse.execution.book import Book
    from tradepulse.execution.journal import read_journal

    path = home.book / "orders.journal"
    records = read_journal(path)[0] if path.exists() else []
    return Book.of(records) if session is None else Book.after(records, session)


@dg.asset(
    group_name="execution",
    deps=["released_signals", "bars"],
    owners=["team:trading"],
    tags=_TAGS,
    kinds={"python", "binary"},
    partitions_def=SESSIONS,
    code_version="1",
)
def order_journal(
    context: dg.AssetExecutionContext, home: Home, pipes_subprocess: dg.PipesSubprocessClient
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The order path's journal after a session, written by a process that knows neither Dagster nor pandas.

    `python -m tradepulse.execution` fills what rests at the session's open, asks every risk rule of each released
    signal, writes each decision to the journal before it is sent, and reports back through Pipes. Run again, it finds
    the session done and sends nothing.
    """
    with home.metered(context, "order_journal", _TAGS):
        session = date.fromisoformat(context.partition_key)
        request = home.book / "requests" / f"{session}.json"
        request.parent.mkdir(parents=True, exist_ok=True)
        request.write_text(json.dumps(_request(home, session), indent=1))
        command = [sys.executable, "-m", "tradepulse.execution", "--folder", str(home.book), "--request", str(request)]
        return pipes_subprocess.run(command=command, context=context).get_materialize_result()


@table_check(asset="order_journal", team="trading")
def journal_proves_itself(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """Every record follows from the one before it, the session was completed, and no order is left unanswered."""
    from tradepulse.execution.journal import read_journal
    from tradepulse.quality.orders import journal_is_whole

    return journal_is_whole(*read_journal(home.book / "orders.journal"), context.op_execution_context.partition_key)


def _rows(name: str, rows: list[dict[str, Any]]) -> "pd.DataFrame":
    """Return dictionaries as rows of a declared table, dates as dates."""
    import pandas as pd

    from tradepulse.core.tables import table

    empty = table(name).no_rows()
    if not rows:
        return empty
    frame = pd.DataFrame(rows)[list(empty.columns)]
    for column in empty.select_dtypes("datetime64[ns]").columns:
        frame[column] = pd.to_datetime(frame[column]).dt.as_unit("ns")
    return frame


@table_asset(
    group="execution", team="trading", strategy="champion", deps=["order_journal"], partitioned=SESSIONS,
    same_as="released_signals",
    columns_from={
        "quantity": "released_signals.target_quantity", "filled": "released_signals.target_quantity bars.open",
        "reference_micros": "released_signals.reference_close",
    },
)  # fmt: skip
def orders(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """Orders decided at a session's close, with the signal they come from and the journal record that decided them."""
    from tradepulse.execution.book import order_rows

    session = context.partition_key
    rows = [row for row in order_rows(_book(home, session)) if row["session"] == session]
    return Rows(_rows("orders", rows), {"refused": sum(row["status"] == "refused" for row in rows)})


@table_check(asset="orders", team="trading")
def orders_reach_the_targets(context: dg.AssetCheckExecutionContext, home: Home) -> "Check":
    """After what is open fills, the book holds what the released signals ask for, refused orders aside."""
    from tradepulse.core.tables.base import records
    from tradepulse.quality.orders import targets_are_reached

    session = context.op_execution_context.partition_key
    signals = home.lake.read("released_signals", [session], model="signals")
    return targets_are_reached(_book(home, session), session, records(signals))


@table_asset(
    group="execution", team="trading", strategy="champion", deps=["order_journal"], partitioned=SESSIONS,
    same_as="orders",
    columns_from={
        "session": "bars.session", "price_micros": "bars.open", "slippage_micros": "bars.open",
        "commission_micros": "bars.open orders.quantity",
    },
)  # fmt: skip
def fills(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """Fills of a session, with the order each belongs to and what at the venue made it possible."""
    from tradepulse.execution.book import fill_rows

    session = context.partition_key
    rows = [row for row in fill_rows(_book(home, session)) if row["session"] == session]
    return Rows(_rows("fills", rows), {"commission": sum(row["commission_micros"] for row in rows) / 1e6})


@table_check(asset="fills", team="trading")
def fills_are_at_the_open(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """Each fill is at the session's open, moved against us by the slippage, its commission right to the micro."""
    from tradepulse.core.tables.base import records
    from tradepulse.quality.orders import fills_are_at_open
    from tradepulse.warehouse.bars import read_bars

    session = context.op_execution_context.partition_key
    day = date.fromisoformat(session)
    opens = {row["symbol"]: row["open"] for row in records(read_bars(home.lake, since=day, until=day))}
    return fills_are_at_open(records(home.lake.read("fills", [session])), opens, **FEES)


@table_asset(
    group="execution", team="trading", strategy="champion", deps=["order_journal", "bars"], partitioned=SESSIONS,
    columns_from={
        "session": "bars.session", "symbol": "fills.symbol", "quantity": "fills.quantity fills.side",
        "close_micros": "bars.close", "value_micros": "fills.quantity bars.close",
        "cash_micros": "fills.quantity fills.price_micros fills.commission_micros",
    },
)  # fmt: skip
def positions(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """What the book holds after a session, marked at its close, and its cash."""
    session = context.partition_key
    closed = _book(home, session).closed[session]
    unmarked = sorted({symbol for symbol, quantity in closed["positions"].items() if quantity} - set(closed["closes"]))
    if unmarked:
        raise MissingData(f"{', '.join(unmarked)} is held and has no close on {session}; run the ingest job for it")
    rows = [
        {
            "session": session,
            "symbol": symbol,
            "quantity": closed["positions"].get(symbol, 0),
            "close_micros": close,
            "value_micros": closed["positions"].get(symbol, 0) * close,
            "cash_micros": closed["cash_micros"],
            "journal_hash": closed["link"],
        }
        for symbol, close in closed["closes"].items()
    ]
    equity = (closed["cash_micros"] + sum(row["value_micros"] for row in rows)) / 1e6
    return Rows(_rows("positions", rows), {"equity": equity, "cash": closed["cash_micros"] / 1e6})


@table_check(asset="positions", team="trading")
def positions_are_the_sum_of_fills(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """Quantity and cash are what the venue's own journal of fills, splits and dividends add up to, in fractions."""
    from tradepulse.core.tables.base import records
    from tradepulse.execution.journal import read_journal
    from tradepulse.quality.orders import positions_are_the_fills
    from tradepulse.warehouse.bars import read_actions, read_bars

    session = context.op_execution_context.partition_key
    venue, _ = read_journal(home.book / "venue.journal")
    book, until = _book(home, session), date.fromisoformat(session)
    first = date.fromisoformat(min(book.closed))
    mine = records(read_actions(home.lake, sorted(book.positions), after=first, until=until))
    closes: dict[str, dict[str, float]] = {}
    if mine:
        for bar in records(read_bars(home.lake, since=first, until=until)):
            closes.setdefault(bar["symbol"], {})[f"{bar['session']:%Y-%m-%d}"] = bar["close"]
    return positions_are_the_fills(venue, book.closed[session], Decimal(CASH), mine, closes)


@table_asset(
    group="execution", team="trading", strategy="champion", deps=["fills"], partitioned=SESSIONS, same_as="fills",
    columns_from={
        "trade_date": "fills.session", "settle_date": "fills.session", "settled": "fills.session",
        "amount_micros": "fills.quantity fills.price_micros fills.commission_micros",
    },
)  # fmt: skip
def settlement(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """Fills that had not settled before a session: when their cash and units change hands.

    The cycle is that of the trade date: T+3 until September 2017, T+2 until May 2024, T+1 since; days on which banks
    are closed do not count.
    """
    from tradepulse.execution.settlement import settlement_rows

    session = date.fromisoformat(context.partition_key)
    fills = [fill for fill, _ in _book(home, context.partition_key).fills.values()]
    rows = settlement_rows(fills, session, calendar())
    return Rows(_rows("settlement", rows), {"settling": len(rows), "settled": sum(row["settled"] for row in rows)})


@table_check(asset="settlement", team="trading")
def settlement_follows_the_calendar(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """Each open fill has one row, its date as many business days on as its cycle says, by numpy's day counting."""
    from tradepulse.core.tables.base import records
    from tradepulse.quality.orders import settlement_is_due

    session = context.op_execution_context.partition_key
    rows = records(home.lake.read("settlement", [session]))
    filled = {fill.fill_id for fill, _ in _book(home, session).fills.values() if fill.session == session}
    return settlement_is_due(rows, filled, calendar().holidays)
