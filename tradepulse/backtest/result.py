"""What a run did, as tables: built from an engine's tape, whichever engine it was."""

from collections import deque
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tradepulse.backtest.feed import Feed
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.statistics import drawdown, max_drawdown, sharpe
from tradepulse.core.orders import Side, client_order_id

FillRule = Literal["next_open", "next_close", "same_close"]
FILL_RULES: tuple[FillRule, ...] = ("next_open", "next_close", "same_close")

#: Why something was filled, by its number on the tape.
TARGET: Final = 0
SAME_CLOSE: Final = 1
STOP: Final = 2
TAKE: Final = 3
MARGIN_CALL: Final = 4
RECALL: Final = 5
DELISTED: Final = 6
AT_CLOSE: Final = 7
REASONS = (
    "target", "target (looks ahead)", "stop", "take profit", "margin call", "borrow recalled", "delisted",
    "target at the close",
)  # fmt: skip
#: Reasons of the strategy's own orders; the others close for the account.
_OWN = (TARGET, SAME_CLOSE, AT_CLOSE)

#: What holding brought or cost, by its number on the tape.
FLOWS = ("dividend", "borrow fee", "funding", "cash in lieu", "debit interest", "credit interest")

_FILL_COLUMNS = {
    "ts": "datetime64[ns, UTC]", "session": "datetime64[ns]", "symbol": "str", "side": "str", "quantity": "int64",
    "price": "float64", "commission": "float64", "slippage": "float64", "order_id": "str", "reason": "str",
    "evidence": "str", "decided_ts": "datetime64[ns, UTC]", "quoted_price": "float64",
}  # fmt: skip
_TRADE_COLUMNS = {
    "symbol": "str", "side": "str", "quantity": "int64", "entry_ts": "datetime64[ns, UTC]", "entry_price": "float64",
    "exit_ts": "datetime64[ns, UTC]", "exit_price": "float64", "commission": "float64", "profit": "float64",
    "entry_order_id": "str", "exit_order_id": "str",
}  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What a run did.

    Parameters
    ----------
    fills : one row per fill, in time order
    trades : one row per round trip, first in first out; an open position has none
    equity : one row per bar time with cash, position value, equity and drawdown
    flows : one row per amount that holding brought or cost: time, symbol, kind and amount
    summary : final_equity, n_fills and so on
    """

    fills: pd.DataFrame
    trades: pd.DataFrame
    equity: pd.DataFrame
    flows: pd.DataFrame
    summary: dict[str, Any]


class Tape(NamedTuple):
    """What an engine did, in numbers; equal for equal engines.

    Parameters
    ----------
    row : row of the feed in which each fill was made, shape (f,)
    change : units bought, negative if sold
    price, commission, quoted : of the fill, and the market price it was made at
    decided : number of the instant at which it was decided
    kind : number of its reason in :data:`REASONS`
    cash, value : of the account after each instant, shape (m,)
    flow_row, flow_kind, flow_amount : what holding brought or cost, shape (g,)
    position, mark : of each symbol at the end, shape (k,)
    waiting : units of each symbol that an order before the last bar still wants, shape (k,)
    splits : places on the tape before which a symbol's units were split: fill, symbol, ratio
    unclear : bars that reached both a stop and a target
    cut : orders of which margin, or what could be borrowed, did not let all through
    refused : orders of which the venue did not take all: too small, or no whole lots
    """

    row: NDArray[np.int64]
    change: NDArray[np.int64]
    price: NDArray[np.float64]
    commission: NDArray[np.float64]
    quoted: NDArray[np.float64]
    decided: NDArray[np.int64]
    kind: NDArray[np.int64]
    cash: NDArray[np.float64]
    value: NDArray[np.float64]
    flow_row: NDArray[np.int64]
    flow_kind: NDArray[np.int64]
    flow_amount: NDArray[np.float64]
    position: NDArray[np.int64]
    mark: NDArray[np.float64]
    waiting: NDArray[np.int64]
    splits: NDArray[np.float64]
    unclear: int
    cut: int
    refused: int


def result_of(
    feed: Feed, tape: Tape, *, cash: float, costs: Costs, fill: FillRule, book: str, strategy_id: str
) -> Result:
    """Return the tables of a run.

    Parameters
    ----------
    feed : the bars that it ran on
    tape : what the engine did
    cash : at the start
    costs, fill : of the run
    book : name that order ids are made from
    strategy_id : ``name@version``
    """
    rows, firsts = feed.rows, feed.firsts
    equity = pd.DataFrame(
        {
            "ts": rows["ts"].iloc[firsts].dt.as_unit("ns").reset_index(drop=True),
            "session": rows["session"].iloc[firsts].dt.as_unit("ns").reset_index(drop=True),
            "cash": tape.cash,
            "position_value": tape.value,
            "equity": tape.cash + tape.value,
        }
    )
    marked = equity["equity"].to_numpy()
    equity["drawdown"] = drawdown(marked)
    fills = _fills(feed, tape, costs, book, strategy_id)
    trades = round_trips(fills, _splits(feed, tape))
    flows = pd.DataFrame(
        {
            "ts": rows["ts"].iloc[tape.flow_row].reset_index(drop=True),
            "symbol": rows["symbol"].iloc[tape.flow_row].reset_index(drop=True),
            "kind": pd.Series([FLOWS[kind] for kind in tape.flow_kind], dtype="str"),
            "amount": tape.flow_amount,
        }
    )
    flows.loc[flows["kind"].str.endswith("interest"), "symbol"] = ""  # of the account, not of a symbol
    per_year = bars_per_year(equity["ts"], equity["session"])
    ratio = sharpe(np.diff(marked) / marked[:-1], per_year)
    by_symbol = dict(zip(feed.symbols, zip(tape.position.tolist(), tape.mark.tolist(), strict=True), strict=True))
    summary = {
        "initial_cash": cash,
        "final_equity": float(marked[-1]),
        "total_return": float(marked[-1] / cash - 1),
        "n_bars": len(equity),
        "n_fills": len(fills),
        "n_round_trips": len(trades),
        "total_commission": float(fills["commission"].sum()),
        "total_slippage": float(fills["slippage"].sum()),
        "holding": {kind: float(amount) for kind, amount in flows.groupby("kind")["amount"].sum().items()},
        "max_drawdown": max_drawdown(marked),
        "sharpe": None if np.isnan(ratio) else ratio,
        "bars_per_year": per_year,
        "first_session": f"{rows['session'].min():%Y-%m-%d}",
        "last_session": f"{rows['session'].max():%Y-%m-%d}",
        "marks": {symbol: mark for symbol, (_, mark) in by_symbol.items()},
        "open_position": {symbol: quantity for symbol, (quantity, _) in by_symbol.items() if quantity},
        "lowest_cash": min(cash, float(tape.cash.min())),
        "fill": fill,
        "unfilled": {
            symbol: left for symbol, left in zip(feed.symbols, tape.waiting.tolist(), strict=True) if left
        },
        "bars_of_unclear_order": tape.unclear,
        "orders_cut": tape.cut,
        "orders_refused": tape.refused,
        "looks_ahead": fill == "same_close",
    }  # fmt: skip
    return Result(fills, trades, equity, flows, summary)


def _fills(feed: Feed, tape: Tape, costs: Costs, book: str, strategy_id: str) -> pd.DataFrame:
    if not len(tape.row):
        return pd.DataFrame({name: [] for name in _FILL_COLUMNS}).astype(_FILL_COLUMNS)
    at = feed.rows.iloc[tape.row]
    symbols, days = at["symbol"].tolist(), at["session"].to_numpy("datetime64[D]").astype(str).tolist()
    ids: dict[tuple[str, int, int], str] = {}
    orders, because = [], []
    opens = feed.columns["open"][tape.row].tolist()
    volumes = feed.columns["volume"][tape.row].tolist()
    quoted = tape.quoted.tolist()
    for place, (symbol, number, kind) in enumerate(
        zip(symbols, tape.decided.tolist(), tape.kind.tolist(), strict=True)
    ):
        # An order that closes for the account is another than the strategy's of the same instant.
        key = (symbol, number, TARGET if kind in _OWN else kind)
        if key not in ids:
            suffix = "" if kind in _OWN else f"|{REASONS[kind]}"
            ids[key] = client_order_id(book, strategy_id, f"{symbol}|{number}{suffix}")
        orders.append(ids[key])
        rule = "" if kind == DELISTED else costs.rule(volumes[place])
        said = _evidence(kind, quoted[place], opens[place], days[place])
        because.append(f"{said}; {rule}" if rule else said)
    buys = tape.change > 0
    units = np.abs(tape.change)
    made = pd.DataFrame(
        {
            "ts": at["ts"].array, "session": at["session"].array, "symbol": symbols,
            "side": np.where(buys, Side.BUY.value, Side.SELL.value), "quantity": units, "price": tape.price,
            "commission": tape.commission, "slippage": units * np.abs(tape.price - tape.quoted), "order_id": orders,
            "reason": [REASONS[kind] for kind in tape.kind.tolist()], "evidence": because,
            "decided_ts": feed.rows["ts"].iloc[feed.firsts[tape.decided]].array, "quoted_price": tape.quoted,
        }
    )  # fmt: skip
    return made.astype(_FILL_COLUMNS)


def _evidence(kind: int, quoted: float, opened: float, day: str) -> str:
    if kind == SAME_CLOSE:
        return f"close {quoted!r} of {day}, the bar it was decided on"
    if kind == AT_CLOSE:
        return f"close {quoted!r} of {day}"
    if kind == DELISTED:
        return f"paid out at {quoted!r} on {day}"
    if kind in (STOP, TAKE) and quoted != opened:
        return f"the range of {day} reached {quoted!r}"
    return f"open {opened!r} of {day}"


def _splits(feed: Feed, tape: Tape) -> dict[int, list[tuple[str, float]]]:
    """Return, by number of the fill that they come before, the symbols split and the ratio."""
    found: dict[int, list[tuple[str, float]]] = {}
    for fill, code, ratio in tape.splits.tolist():
        found.setdefault(int(fill), []).append((feed.symbols[int(code)], ratio))
    return found


def round_trips(fills: pd.DataFrame, splits: dict[int, list[tuple[str, float]]] | None = None) -> pd.DataFrame:
    """Return fills matched first in, first out into round trips.

    Parameters
    ----------
    fills : as in :class:`Result`, in time order
    splits : by number of the fill that they come before, the symbols split and their ratio: open lots take the new
        units at the new price, and what a lot has of a broken unit is rounded down

    Returns
    -------
    DataFrame with entry, exit, commission of both (in proportion to quantity) and profit after commission
    """
    symbols, sides = fills["symbol"].tolist(), fills["side"].tolist()
    units, prices, paid = (fills[name].tolist() for name in ("quantity", "price", "commission"))
    made: list[tuple[int, int, int, float, float, float]] = []
    open_lots: dict[str, deque[_Lot]] = {}
    for number, symbol in enumerate(symbols):
        for split, ratio in (splits or {}).get(number, ()):
            for lot in open_lots.get(split, ()):
                lot.split(ratio)
        lots = open_lots.setdefault(symbol, deque())
        left, price = units[number], prices[number]
        while left and lots and sides[lots[0].fill] != sides[number]:
            lot = lots[0]
            matched = min(left, lot.left)
            fees = paid[lot.fill] * matched / lot.units + paid[number] * matched / units[number]
            move = (price - lot.price) * (1 if sides[lot.fill] == Side.BUY else -1)
            made.append((lot.fill, number, matched, lot.price, fees, matched * move - fees))
            left -= matched
            lot.left -= matched
            if not lot.left:
                lots.popleft()
        if left:
            lots.append(_Lot(number, units[number], left, price))
    entry, exit_, quantity, price, fees, profit = zip(*made, strict=True) if made else [[]] * 6
    begin, end = fills.iloc[list(entry)], fills.iloc[list(exit_)]
    return pd.DataFrame(
        {
            "symbol": begin["symbol"].array, "side": begin["side"].array, "quantity": quantity,
            "entry_ts": begin["ts"].array, "entry_price": price, "exit_ts": end["ts"].array,
            "exit_price": end["price"].array, "commission": fees, "profit": profit,
            "entry_order_id": begin["order_id"].array, "exit_order_id": end["order_id"].array,
        }
    ).astype(_TRADE_COLUMNS)  # fmt: skip


@dataclass(slots=True)
class _Lot:
    """What is left of a fill that opened a position, and the units and the price that it has had since any split."""

    fill: int
    units: int
    left: int
    price: float

    def split(self, ratio: float) -> None:
        self.units, self.left, self.price = int(self.units * ratio) or 1, int(self.left * ratio), self.price / ratio


def bars_per_year(ts: "pd.Series[pd.Timestamp]", session: "pd.Series[pd.Timestamp]") -> float:
    """Return how many bars a year has, from the bars themselves.

    Parameters
    ----------
    ts, session : of the bars of an equity curve, in time order, shape (n,)

    Returns
    -------
    float : 252 for sessions of an exchange, 365 where weekends trade, times the median bars per session; 52 and 12 for
        weekly and monthly bars
    """
    days = pd.DatetimeIndex(session.unique())
    gap = float(np.median(np.diff(days.to_numpy()).astype("timedelta64[D]").astype(int))) if len(days) > 1 else 1.0
    if gap > 20:
        return 12.0
    if gap > 4:
        return 52.0
    year = 365.0 if (days.dayofweek >= 5).any() else 252.0
    return year * float(np.median(session.groupby(session).size()))
