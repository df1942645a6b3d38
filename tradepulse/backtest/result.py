"""What a run did, as tables: built from an engine's tape, whichever engine it was."""

from collections import deque
from dataclasses import dataclass
from functools import cached_property
from math import fsum
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tradepulse.backtest.feed import Feed
from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.statistics import drawdown, max_drawdown, sharpe
from tradepulse.core.orders import Side, client_order_id

if TYPE_CHECKING:
    import pandas as pd

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


class Result:
    """What a run did: figures at once, tables when they are asked for.

    Parameters
    ----------
    feed : the bars that it ran on
    tape : what the engine did
    cash : at the start
    costs, fill : of the run
    book : name that order ids are made from
    strategy_id : ``name@version``

    Attributes
    ----------
    fills : one row per fill, in time order
    trades : one row per round trip, first in first out; an open position has none
    equity : one row per bar time with cash, position value, equity and drawdown
    flows : one row per amount that holding brought or cost: time, symbol, kind and amount
    summary : final_equity, n_fills and so on
    """

    def __init__(
        self, feed: Feed, tape: Tape, *, cash: float, costs: Costs, fill: FillRule, book: str, strategy_id: str
    ) -> None:
        self._feed, self._tape, self._cash, self._costs = feed, tape, cash, costs
        self._fill, self._book, self._strategy_id = fill, book, strategy_id

    @cached_property
    def fills(self) -> "pd.DataFrame":
        """One row per fill."""
        return _fills(self._feed, self._tape, self._costs, self._book, self._strategy_id)

    @cached_property
    def trades(self) -> "pd.DataFrame":
        """One row per round trip."""
        return _trades(self.fills, self._matched)

    @cached_property
    def equity(self) -> "pd.DataFrame":
        """One row per bar time."""
        import pandas as pd

        feed, tape, marked = self._feed, self._tape, self._marked
        return pd.DataFrame(
            {
                "ts": _stamps(feed.ns[feed.firsts]), "session": feed.days[feed.firsts].astype("datetime64[ns]"),
                "cash": tape.cash, "position_value": tape.value, "equity": marked, "drawdown": drawdown(marked),
            }
        )  # fmt: skip

    @cached_property
    def flows(self) -> "pd.DataFrame":
        """One row per amount that holding brought or cost."""
        import pandas as pd

        feed, tape = self._feed, self._tape
        kinds = [FLOWS[kind] for kind in tape.flow_kind.tolist()]
        # Interest is of the account, not of a symbol.
        codes = zip(feed.codes[tape.flow_row].tolist(), kinds, strict=True)
        symbols = ["" if kind.endswith("interest") else feed.symbols[code] for code, kind in codes]
        return pd.DataFrame(
            {
                "ts": _stamps(feed.ns[tape.flow_row]), "symbol": pd.Series(symbols, dtype="str"),
                "kind": pd.Series(kinds, dtype="str"), "amount": tape.flow_amount,
            }
        )  # fmt: skip

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Figures of the run."""
        feed, tape, cash, marked = self._feed, self._tape, self._cash, self._marked
        per_year = bars_per_year(feed.days[feed.firsts])
        ratio = sharpe(np.diff(marked) / marked[:-1], per_year)
        by_symbol = dict(zip(feed.symbols, zip(tape.position.tolist(), tape.mark.tolist(), strict=True), strict=True))
        held = sorted((FLOWS[kind], fsum(tape.flow_amount[tape.flow_kind == kind])) for kind in set(tape.flow_kind))
        return {
            "initial_cash": cash,
            "final_equity": float(marked[-1]),
            "total_return": float(marked[-1] / cash - 1),
            "n_bars": len(marked),
            "n_fills": len(tape.row),
            "n_round_trips": len(self._matched),
            "total_commission": float(tape.commission.sum()),
            "total_slippage": float((np.abs(tape.change) * np.abs(tape.price - tape.quoted)).sum()),
            "holding": dict(held),
            "max_drawdown": max_drawdown(marked),
            "sharpe": None if np.isnan(ratio) else ratio,
            "bars_per_year": per_year,
            "first_session": str(feed.days.min()),
            "last_session": str(feed.days.max()),
            "marks": {symbol: mark for symbol, (_, mark) in by_symbol.items()},
            "open_position": {symbol: quantity for symbol, (quantity, _) in by_symbol.items() if quantity},
            "lowest_cash": min(cash, float(tape.cash.min())),
            "fill": self._fill,
            "unfilled": {
                symbol: left for symbol, left in zip(feed.symbols, tape.waiting.tolist(), strict=True) if left
            },
            "bars_of_unclear_order": tape.unclear,
            "orders_cut": tape.cut,
            "orders_refused": tape.refused,
            "looks_ahead": self._fill == "same_close",
        }  # fmt: skip

    @cached_property
    def _marked(self) -> NDArray[np.float64]:
        return self._tape.cash + self._tape.value

    @cached_property
    def _matched(self) -> "list[Matched]":
        tape = self._tape
        symbols = [self._feed.symbols[code] for code in self._feed.codes[tape.row].tolist()]
        return _first_in_first_out(
            symbols, tape.change.tolist(), tape.price.tolist(), tape.commission.tolist(), _splits(self._feed, tape)
        )


def _stamps(ns: NDArray[np.int64]) -> "pd.DatetimeIndex":
    import pandas as pd

    return pd.DatetimeIndex(ns.astype("datetime64[ns]"), tz="UTC")


def _fills(feed: Feed, tape: Tape, costs: Costs, book: str, strategy_id: str) -> "pd.DataFrame":
    import pandas as pd

    if not len(tape.row):
        return pd.DataFrame({name: [] for name in _FILL_COLUMNS}).astype(_FILL_COLUMNS)
    sessions = feed.days[tape.row]
    symbols, days = [feed.symbols[code] for code in feed.codes[tape.row].tolist()], sessions.astype(str).tolist()
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
    units = np.abs(tape.change)
    made = pd.DataFrame(
        {
            "ts": _stamps(feed.ns[tape.row]), "session": sessions.astype("datetime64[ns]"), "symbol": symbols,
            "side": np.where(tape.change > 0, Side.BUY.value, Side.SELL.value), "quantity": units, "price": tape.price,
            "commission": tape.commission, "slippage": units * np.abs(tape.price - tape.quoted), "order_id": orders,
            "reason": [REASONS[kind] for kind in tape.kind.tolist()], "evidence": because,
            "decided_ts": _stamps(feed.ns[feed.firsts[tape.decided]]), "quoted_price": tape.quoted,
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


def round_trips(fills: "pd.DataFrame", splits: dict[int, list[tuple[str, float]]] | None = None) -> "pd.DataFrame":
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
    signs = np.where(fills["side"].to_numpy() == Side.BUY.value, 1, -1)
    changes = (signs * fills["quantity"].to_numpy()).tolist()
    prices, paid = fills["price"].tolist(), fills["commission"].tolist()
    return _trades(fills, _first_in_first_out(fills["symbol"].tolist(), changes, prices, paid, splits or {}))


class Matched(NamedTuple):
    """A round trip: numbers of the fills that opened and closed it, units, price of entry, fees and profit."""

    entry: int
    exit: int
    units: int
    price: float
    fees: float
    profit: float


def _first_in_first_out(
    symbols: list[str], changes: list[int], prices: list[float], paid: list[float],
    splits: dict[int, list[tuple[str, float]]],
) -> list[Matched]:  # fmt: skip
    made: list[Matched] = []
    open_lots: dict[str, deque[_Lot]] = {}
    for number, (symbol, change, price) in enumerate(zip(symbols, changes, prices, strict=True)):
        if splits:
            for split, ratio in splits.get(number, ()):
                for lot in open_lots.get(split, ()):
                    lot.split(ratio)
        lots = open_lots.setdefault(symbol, deque())
        left = units = abs(change)
        while left and lots and (changes[lots[0].fill] > 0) != (change > 0):
            lot = lots[0]
            matched = min(left, lot.left)
            fees = paid[lot.fill] * matched / lot.units + paid[number] * matched / units
            move = (price - lot.price) * (1 if changes[lot.fill] > 0 else -1)
            made.append(Matched(lot.fill, number, matched, lot.price, fees, matched * move - fees))
            left -= matched
            lot.left -= matched
            if not lot.left:
                lots.popleft()
        if left:
            lots.append(_Lot(number, units, left, price))
    return made


def _trades(fills: "pd.DataFrame", matched: list[Matched]) -> "pd.DataFrame":
    import pandas as pd

    entry, exit_, quantity, price, fees, profit = zip(*matched, strict=True) if matched else [[]] * 6
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


def bars_per_year(session: Any) -> float:
    """Return how many bars a year has, from the bars themselves.

    Parameters
    ----------
    session : of each bar of an equity curve, in time order, dates of shape (n,)

    Returns
    -------
    float : 252 for sessions of an exchange, 365 where weekends trade, times the median bars per session; 52 and 12 for
        weekly and monthly bars
    """
    days, counts = np.unique(np.asarray(session).astype("datetime64[D]").astype(np.int64), return_counts=True)
    gap = float(np.median(np.diff(days))) if len(days) > 1 else 1.0
    if gap > 20:
        return 12.0
    if gap > 4:
        return 52.0
    # The first day of all is a Thursday.
    year = 365.0 if ((days + 3) % 7 >= 5).any() else 252.0
    return year * float(np.median(counts))
