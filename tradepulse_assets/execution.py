"""Execution: the order path in a process of its own, and its journal as tables."""

import json
import sys
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from tradepulse.core.sessions import calendar
from tradepulse_assets.home import BOOK, Home
from tradepulse_assets.partitions import SESSIONS
from tradepulse_assets.table_asset import Rows, table_asset, table_check

if TYPE_CHECKING:
    import pandas as pd

    from tradepulse.execution.book import Book
    from tradepulse.quality.check import Check

_TAGS = {"team": "trading", "strategy": "champion"}
#: What the paper account starts with and may do. Twice the traded quantity leaves room to flip, not to run away.
CASH = "1000000"
LIMITS = {"max_order_quantity": 200, "max_order_notional": "2500000", "max_position": 200}
FEES = {"commission_bp": 1.0, "slippage_bp": 1.0}


def _request(home: Home, session: date) -> dict[str, Any]:
    """Return what the order path is told about a session; prices are decimal strings there."""
    from tradepulse.warehouse.bars import read_bars

    signals = home.lake.read("released_signals", [session.isoformat()], model="signals")
    book = _book(home)
    first = calendar().next(date.fromisoformat(book.last_session)) if book.last_session else session
    traded = sorted({*signals["symbol"], *book.positions})
    bars = read_bars(home.lake, until=session, symbols=traded)
    recent = bars[bars["session"] >= first.isoformat()]
    prices: dict[str, dict[str, dict[str, str]]] = {"open": {}, "close": {}}
    for bar in recent.to_dict("records"):
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
            for row in signals.to_dict("records")
        ],
        "limits": LIMITS,
        "fees": FEES,
    }


def _book(home: Home) -> "Book":
    from tradepulse.execution.book import Book
    from tradepulse.execution.journal import read_journal

    path = home.book / "orders.journal"
    return Book.of(read_journal(path)[0]) if path.exists() else Book()


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
    signal, writes each decision to the journal before it is sent, and reports back through Pipes. Run again, it finds the
    session done and sends nothing.
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
    from tradepulse.core.orders import OrderStatus
    from tradepulse.execution.book import Book
    from tradepulse.execution.journal import read_journal
    from tradepulse.quality.check import Check

    records, head, torn = read_journal(home.book / "orders.journal")
    book = Book.of(records)
    session = context.op_execution_context.partition_key
    unanswered = sum(state.status is OrderStatus.UNKNOWN for state in book.orders.values())
    return [
        Check("the hash chain holds", len(records), 1 if torn else 0, head[:16]),
        Check("the session was completed", len(book.closed), 0 if session in book.closed else 1),
        Check("every order was answered", len(records), unanswered),
    ]


def _rows(name: str, rows: list[dict[str, Any]]) -> "pd.DataFrame":
    """Return dictionaries as rows of a declared table, dates as dates."""
    import pandas as pd

    from tradepulse.core.tables import table

    empty = table(name).empty()
    if not rows:
        return empty
    frame = pd.DataFrame(rows)[list(empty.columns)]
    for column in empty.select_dtypes("datetime64[ns]").columns:
        frame[column] = pd.to_datetime(frame[column]).dt.as_unit("ns")
    return frame


@table_asset(group="execution", team="trading", strategy="champion", deps=["order_journal"], partitioned=SESSIONS)
def orders(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """Orders decided at a session's close, with the signal they come from and the journal record that decided them."""
    from tradepulse.execution.book import order_rows

    rows = [row for row in order_rows(_book(home)) if row["session"] == context.partition_key]
    return Rows(_rows("orders", rows), {"refused": sum(row["status"] == "refused" for row in rows)})


@table_check(asset="orders", team="trading")
def orders_reach_the_targets(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """After what is open fills, the book holds what the released signals ask for, refused orders aside."""
    from tradepulse.execution.book import Book
    from tradepulse.execution.journal import read_journal
    from tradepulse.quality.check import Check

    session = context.op_execution_context.partition_key
    records, _, _ = read_journal(home.book / "orders.journal")
    end = next(record.number for record in records if record.kind == "session_closed" and record.body["session"] == session)
    book = Book.of(records[: end + 1])
    signals = home.lake.read("released_signals", [session], model="signals")
    refused = {state.order.symbol for state in book.orders.values() if state.status == "refused" and state.order.decided_session == session}
    off = [
        f"{row['symbol']}: {book.exposure(row['symbol'])} instead of {row['target_quantity']}"
        for row in signals.to_dict("records")
        if book.exposure(row["symbol"]) != row["target_quantity"] and row["symbol"] not in refused
    ]
    return [Check("orders_reach_the_targets", len(signals), len(off), ", ".join(off))]


@table_asset(group="execution", team="trading", strategy="champion", deps=["order_journal"], partitioned=SESSIONS)
def fills(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """Fills of a session, with the order each belongs to and what at the venue made it possible."""
    from tradepulse.execution.book import fill_rows

    rows = [row for row in fill_rows(_book(home)) if row["session"] == context.partition_key]
    return Rows(_rows("fills", rows), {"commission": sum(row["commission_micros"] for row in rows) / 1e6})


@table_check(asset="fills", team="trading")
def fills_are_at_the_open(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """Each fill is at the session's open, moved against us by the slippage, and its commission is right to the micro.

    Worked out from the bars in decimal arithmetic, which shares nothing with the venue's integers.
    """
    from decimal import ROUND_HALF_EVEN, Decimal

    from tradepulse.quality.check import Check
    from tradepulse.warehouse.bars import read_bars

    session = context.op_execution_context.partition_key
    done = home.lake.read("fills", [session]).to_dict("records")
    bars = read_bars(home.lake, until=date.fromisoformat(session))
    opens = bars[bars["session"] == session].set_index("symbol")["open"]
    micro, wrong = Decimal("0.000001"), []
    for fill in done:
        sign = 1 if fill["side"] == "buy" else -1
        quoted = Decimal(str(opens[fill["symbol"]]))
        slip = (quoted * Decimal(str(FEES["slippage_bp"])) / 10_000).quantize(micro, ROUND_HALF_EVEN)
        price = quoted + sign * slip
        commission = (fill["quantity"] * price * Decimal(str(FEES["commission_bp"])) / 10_000).quantize(micro, ROUND_HALF_EVEN)
        if (price, commission) != (Decimal(fill["price_micros"]) * micro, Decimal(fill["commission_micros"]) * micro):
            wrong.append(f"{fill['fill_id']}: expected {price} and {commission}")
    # A session without a fill is the usual case; what was looked at then is that the session has opens to fill at.
    return [Check("the session has opens", len(opens), 0), Check("fills at the open", max(1, len(done)), len(wrong), "; ".join(wrong))]


@table_asset(group="execution", team="trading", strategy="champion", deps=["order_journal", "bars"], partitioned=SESSIONS)
def positions(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """What the book holds after a session, marked at its close, and its cash."""
    from tradepulse.core.orders import to_micros
    from tradepulse.execution.journal import read_journal
    from tradepulse.warehouse.bars import read_bars

    session = context.partition_key
    closed = _book(home).closed[session]
    _, head, _ = read_journal(home.book / "orders.journal")
    bars = read_bars(home.lake, until=date.fromisoformat(session))
    closing = bars[bars["session"] == session].set_index("symbol")["close"]
    rows = []
    for symbol, quantity in closed["positions"].items():
        close = to_micros(float(closing[symbol]))
        rows.append(
            {
                "session": session,
                "symbol": symbol,
                "quantity": quantity,
                "close_micros": close,
                "value_micros": quantity * close,
                "cash_micros": closed["cash_micros"],
                "journal_hash": head,
            }
        )
    equity = (closed["cash_micros"] + sum(row["value_micros"] for row in rows)) / 1e6
    return Rows(_rows("positions", rows), {"equity": equity, "cash": closed["cash_micros"] / 1e6})


@table_check(asset="positions", team="trading")
def positions_are_the_sum_of_fills(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """Quantity and cash are what the venue's own journal of fills adds up to, which the order path never wrote."""
    from collections import Counter
    from decimal import Decimal

    from tradepulse.execution.journal import read_journal
    from tradepulse.quality.check import Check

    session = context.op_execution_context.partition_key
    records, _, _ = read_journal(home.book / "venue.journal")
    held: Counter[str] = Counter()
    cash = Decimal(CASH) * 1_000_000
    for record in records:
        fill = record.body
        if record.kind == "traded" and fill["session"] <= session:
            sign = 1 if fill["side"] == "buy" else -1
            held[fill["symbol"]] += sign * fill["quantity"]
            cash -= sign * fill["quantity"] * fill["price_micros"] + fill["commission_micros"]
    closed = _book(home).closed[session]
    off = [symbol for symbol in {*held, *closed["positions"]} if held[symbol] != closed["positions"].get(symbol, 0)]
    return [
        Check("cash is what the fills leave", 1, int(cash != closed["cash_micros"]), f"{cash / 1_000_000:,.2f}"),
        Check("positions are the sum of fills", max(1, len(held)), len(off), ", ".join(sorted(off))),
    ]


@table_asset(group="execution", team="trading", strategy="champion", deps=["fills"], partitioned=SESSIONS)
def settlement(context: dg.AssetExecutionContext, home: Home) -> Rows:
    """Fills that had not settled before a session: when their cash and units change hands.

    The cycle is that of the trade date: T+3 until September 2017, T+2 until May 2024, T+1 since; days on which banks are
    closed do not count.
    """
    from tradepulse.execution.settlement import settlement_rows

    session = date.fromisoformat(context.partition_key)
    rows = settlement_rows((fill for fill, _ in _book(home).fills.values()), session, calendar())
    return Rows(_rows("settlement", rows), {"settling": len(rows), "settled": sum(row["settled"] for row in rows)})


@table_check(asset="settlement", team="trading")
def settlement_follows_the_calendar(context: dg.AssetCheckExecutionContext, home: Home) -> "list[Check]":
    """Each open fill has one row, its date as many business days on as its cycle says, by numpy's own day counting."""
    import numpy as np

    from tradepulse.quality.check import Check

    session = context.op_execution_context.partition_key
    rows = home.lake.read("settlement", [session]).to_dict("records")
    closed = np.array([day.isoformat() for day in calendar().holidays], dtype="datetime64[D]")
    # Columbus Day and Veterans Day: the exchange trades, nothing settles.
    closed = np.append(closed, np.array([f"{year}-11-11" for year in range(1990, 2028)], dtype="datetime64[D]"))
    months = np.array([f"{year}-10" for year in range(1990, 2028)], dtype="datetime64[M]")
    closed = np.append(closed, np.busday_offset(months, 1, roll="forward", weekmask="Mon"))
    wrong = [
        row["fill_id"]
        for row in rows
        if np.busday_offset(f"{row['trade_date']:%Y-%m-%d}", int(row["cycle"][2:]), holidays=closed) != np.datetime64(row["settle_date"], "D")
    ]
    book = _book(home)
    executed = {fill.fill_id for fill, _ in book.fills.values() if fill.session == session}
    lost = executed - {row["fill_id"] for row in rows}
    return [
        Check("dates follow the cycle", max(1, len(rows)), len(wrong), ", ".join(wrong)),
        Check("every fill of the session is there", max(1, len(executed)), len(lost), ", ".join(sorted(lost))),
    ]
