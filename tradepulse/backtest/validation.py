"""A live execution log beside the simulated run of the same strategy: where the difference in profit comes from.

Fills are joined to orders, orders of the two sides are matched, and the gap in profit is split so that its parts add up
to it to the cent: what was paid in fees, what price an order got against the market it met, when it met the market, how
much was traded, and what only one of the two sides traded at all. Two large parts of opposite sign are two errors, not
none: each part has a budget of its own, in basis points of the notional traded.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from tradepulse.core.money import CENT, apportioned
from tradepulse.core.orders import Side
from tradepulse.errors import ConfigError, DataError, MissingData

#: Parts of the gap, each with what it says.
COMPONENTS: Mapping[str, str] = {
    "fee": "commissions of orders that both sides traded",
    "price": "price of an order against the market when it met it",
    "timing": "the market when the order met it, against when it should have",
    "quantity": "units traded more or less, marked at the end",
    "missed": "orders that only the simulation traded",
    "extra": "orders that only the live side traded",
}
#: Largest absolute part that passes, in bp of the notional that both sides traded.
BUDGETS: Mapping[str, float] = {
    "fee": 0.5, "price": 5.0, "timing": 5.0, "quantity": 5.0, "missed": 5.0, "extra": 5.0,
}  # fmt: skip
_NEEDED = ("ts", "symbol", "side", "quantity", "price", "commission")
_BP = Decimal(10_000)
_DAY = pd.Timedelta("1D")


@dataclass(frozen=True, slots=True)
class Order:
    """The fills of one order as one.

    Parameters
    ----------
    id : order id
    symbol, side : what was traded
    ts : of the first fill
    quantity : units of all fills
    price : mean over units
    reference : mean market price that the fills met; None where the log does not say
    commission : of all fills
    """

    id: str
    symbol: str
    side: str
    ts: pd.Timestamp
    quantity: Decimal
    price: Decimal
    reference: Decimal | None
    commission: Decimal

    @property
    def sign(self) -> int:
        """+1 for a purchase, -1 for a sale."""
        return 1 if self.side == Side.BUY else -1

    @property
    def notional(self) -> Decimal:
        """Units times price."""
        return self.quantity * self.price

    def profit(self, mark: Decimal) -> Decimal:
        """Return what the order has made by the time of the mark, commission taken off."""
        return self.sign * self.quantity * (mark - self.price) - self.commission


@dataclass(frozen=True)
class Validation:
    """The comparison of a live log with a simulated run.

    Parameters
    ----------
    gap : live profit less simulated profit, to the cent
    components : part of the gap by name, to the cent; they add up to it
    bp : the same in bp of the notional traded
    budgets : largest absolute ``bp`` that passes, by name
    notional : mean of the notionals of the two sides
    orders : one row per matched, missed or extra order, with its parts
    profits : of the two sides, to the cent
    """

    gap: Decimal
    components: Mapping[str, Decimal]
    bp: Mapping[str, float]
    budgets: Mapping[str, float]
    notional: Decimal
    orders: pd.DataFrame
    profits: Mapping[str, Decimal]

    @property
    def over(self) -> list[str]:
        """Names of the parts that exceed their budgets."""
        return [name for name, value in self.bp.items() if abs(value) > self.budgets[name]]

    @property
    def passed(self) -> bool:
        """Whether every part is within its budget."""
        return not self.over


def orders_of(fills: pd.DataFrame, where: str) -> list[Order]:
    """Return the orders of an execution log, in time order.

    Parameters
    ----------
    fills : ``ts`` (timezone-aware), ``symbol``, ``side`` (buy or sell), ``quantity``, ``price`` and ``commission`` of
        each fill; ``order_id`` joins the fills of an order, without it each fill is one; ``quoted_price`` is the market
        price that the fill met
    where : what the log is, for messages

    Raises
    ------
    DataError
        If a column is missing, a value is not what it should be, or fills of one order disagree.
    """
    lacking = [column for column in _NEEDED if column not in fills.columns]
    if lacking:
        raise DataError(f"{where}: lacks the column {lacking[0]!r}; an execution log has {', '.join(_NEEDED)}")
    if fills.empty:
        raise MissingData(f"{where}: holds no fill; there is nothing to compare")
    stamps = pd.to_datetime(fills["ts"], utc=False, errors="coerce")
    if not isinstance(stamps.dtype, pd.DatetimeTZDtype) or stamps.isna().any():
        raise DataError(f"{where}: ts must be instants with a time zone, like 2024-01-02T14:30:00Z")
    ids = fills["order_id"].astype("str") if "order_id" in fills.columns else pd.Series(range(len(fills))).astype("str")
    made: dict[str, list[tuple[Any, ...]]] = {}
    for row, record in enumerate(fills.to_dict("records")):
        side = str(record["side"]).lower()
        amounts = [_amount(record[name], f"{where}: row {row}: {name}") for name in ("quantity", "price", "commission")]
        if side not in {Side.BUY.value, Side.SELL.value}:
            raise DataError(f"{where}: row {row}: side must be buy or sell, not {record['side']!r}")
        if amounts[0] <= 0 or amounts[1] <= 0:
            raise DataError(f"{where}: row {row}: quantity and price must be above zero")
        quoted = record.get("quoted_price")
        known = quoted is not None and not pd.isna(quoted)
        reference = _amount(quoted, f"{where}: row {row}: quoted_price") if known else None
        made.setdefault(str(ids.iloc[row]), []).append(
            (stamps.iloc[row], str(record["symbol"]), side, *amounts, reference)
        )
    orders = []
    for name, parts in made.items():
        if len({(part[1], part[2]) for part in parts}) > 1:
            raise DataError(f"{where}: order {name} has fills of several symbols or sides")
        units = sum((part[3] for part in parts), Decimal(0))
        met = None
        if all(part[6] is not None for part in parts):
            met = sum((part[3] * part[6] for part in parts), Decimal(0)) / units
        orders.append(
            Order(
                name, parts[0][1], parts[0][2], min(part[0] for part in parts), units,
                sum((part[3] * part[4] for part in parts), Decimal(0)) / units, met,
                sum((part[5] for part in parts), Decimal(0)),
            )
        )  # fmt: skip
    return sorted(orders, key=lambda order: (order.ts, order.id))


def _amount(value: Any, where: str) -> Decimal:
    try:
        found = Decimal(repr(float(value)))
    except (TypeError, ValueError) as exc:
        raise DataError(f"{where} must be a number, not {value!r}") from exc
    if not found.is_finite():
        raise DataError(f"{where} must be a finite number, not {value!r}")
    return found


def matched(
    live: Sequence[Order], simulated: Sequence[Order], within: pd.Timedelta
) -> list[tuple[Order | None, Order | None]]:
    """Return pairs of a live and a simulated order; None where one side has no partner.

    Equal ids are partners. Of the others, each simulated order in time order takes the live one of its symbol and side
    that is nearest in time and at most ``within`` away.

    Parameters
    ----------
    live, simulated : in time order
    within : largest distance in time of two orders without a common id
    """
    by_id = {order.id: order for order in live}
    pairs: list[tuple[Order | None, Order | None]] = []
    taken: set[str] = set()
    rest = []
    for order in simulated:
        partner = by_id.get(order.id)
        if partner and (partner.symbol, partner.side) == (order.symbol, order.side):
            taken.add(partner.id)
            pairs.append((partner, order))
        else:
            rest.append(order)
    free: dict[tuple[str, str], list[Order]] = {}
    for order in live:
        if order.id not in taken:
            free.setdefault((order.symbol, order.side), []).append(order)
    for order in rest:
        others = free.get((order.symbol, order.side), [])
        place = bisect_left(others, order.ts, key=lambda other: other.ts)
        near = [other for other in others[max(place - 1, 0) : place + 1] if abs(other.ts - order.ts) <= within]
        partner = min(near, key=lambda other: abs(other.ts - order.ts), default=None)
        if partner:
            others.remove(partner)
            taken.add(partner.id)
        pairs.append((partner, order))
    pairs += [(order, None) for order in live if order.id not in taken]
    return sorted(pairs, key=lambda pair: min(order.ts for order in pair if order))


def validate(
    live: Sequence[Order],
    simulated: Sequence[Order],
    marks: Mapping[str, float],
    *,
    budgets: Mapping[str, float] | None = None,
    within: pd.Timedelta = _DAY,
) -> Validation:
    """Return where the gap between live and simulated profit comes from.

    Parameters
    ----------
    live, simulated : orders of the two sides, both from no position
    marks : price at the end, by symbol; what is still held is worth that
    budgets : overrides of :data:`BUDGETS`
    within : see :func:`matched`

    Returns
    -------
    :class:`Validation`. With s the sign, q units, p price, r the market met, f fee and m the mark, a matched order has

        fee = -(f_l - f_s)                  quantity = s (q_l - q_s) (m - p_l)
        timing = -s q_s (r_l - r_s)         price = -s q_s ((p_l - r_l) - (p_s - r_s))

        which add up to the gap between the two orders' profits. Where a log does not say what market its fills met, all
        of the difference in price is price, and timing is zero.

    Raises
    ------
    ConfigError
        If a budget has no such part, or is not a number of at least zero.
    MissingData
        If a symbol that was traded has no mark.
    """
    limits = dict(BUDGETS)
    for name, value in (budgets or {}).items():
        if name not in BUDGETS:
            raise ConfigError(f"there is no part {name!r} of the gap; the parts are {', '.join(BUDGETS)}")
        if not value >= 0:
            raise ConfigError(f"budget {name} must be a number of at least 0, not {value}")
        limits[name] = float(value)
    unmarked = sorted({order.symbol for order in (*live, *simulated)} - set(marks))
    if unmarked:
        raise MissingData(f"{unmarked[0]} was traded and has no price at the end; run the backtest on bars of it too")
    ends = {symbol: _amount(price, f"mark of {symbol}") for symbol, price in marks.items()}
    rows = [_parts(pair, ends) for pair in matched(live, simulated, within)]
    exact = {name: sum((row[name] for row in rows), Decimal(0)) for name in COMPONENTS}
    profits = {
        side: sum((order.profit(ends[order.symbol]) for order in orders), Decimal(0))
        for side, orders in (("live", live), ("simulated", simulated))
    }
    gap = _cents(profits["live"]) - _cents(profits["simulated"])
    notional = (sum((o.notional for o in live), Decimal(0)) + sum((o.notional for o in simulated), Decimal(0))) / 2
    bp = {name: float(value / notional * _BP) for name, value in exact.items()}
    table = pd.DataFrame(rows).astype(dict.fromkeys(COMPONENTS, float))
    return Validation(
        gap,
        dict(zip(exact, apportioned(list(exact.values()), gap), strict=True)),
        bp,
        limits,
        notional,
        table,
        {k: _cents(v) for k, v in profits.items()},
    )


def _parts(pair: tuple[Order | None, Order | None], marks: Mapping[str, Decimal]) -> dict[str, Any]:
    live, simulated = pair
    order = live or simulated
    assert order is not None  # noqa: S101  a pair has one side at least
    row: dict[str, Any] = {
        "symbol": order.symbol, "side": order.side,
        "live_id": live.id if live else "", "simulated_id": simulated.id if simulated else "",
        "live_ts": live.ts if live else pd.NaT, "simulated_ts": simulated.ts if simulated else pd.NaT,
        **dict.fromkeys(COMPONENTS, Decimal(0)),
    }  # fmt: skip
    mark = marks[order.symbol]
    if live is None and simulated is not None:
        row["missed"] = -simulated.profit(mark)
    elif simulated is None and live is not None:
        row["extra"] = live.profit(mark)
    elif live is not None and simulated is not None:
        sign, units = live.sign, simulated.quantity
        row["fee"] = simulated.commission - live.commission
        row["quantity"] = sign * (live.quantity - units) * (mark - live.price)
        moved = Decimal(0)
        if live.reference is not None and simulated.reference is not None:
            moved = live.reference - simulated.reference
        row["timing"] = -sign * units * moved
        row["price"] = -sign * units * (live.price - simulated.price - moved)
    return row


def _cents(value: Decimal) -> Decimal:
    return value.quantize(CENT)
