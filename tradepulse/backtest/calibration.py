"""Latency, slippage and commission of a venue, read from an execution log, with intervals; or that it cannot tell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tradepulse.backtest.queue import VALUES, agreement, best
from tradepulse.backtest.venue import BOOK
from tradepulse.errors import DataError, MissingData
from tradepulse.execution.desk import Move

#: Fills below which nothing is said, and resamples of the bootstrap.
LEAST, RESAMPLES = 30, 2_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """One parameter of a venue.

    Parameters
    ----------
    name : with its unit
    value, low, high : estimate and 95 % interval; NaN where the log cannot tell
    fills : fills that it is estimated from
    why_not : why the log cannot tell; empty if it can
    """

    name: str
    value: float
    low: float
    high: float
    fills: int
    why_not: str = ""

    @property
    def identified(self) -> bool:
        """Whether the log can tell."""
        return not self.why_not


def calibrated(
    fills: pd.DataFrame, *, moves: Sequence[Move] | None = None, lot: int = 1, seed: int = 7
) -> list[Estimate]:
    """Return what an execution log says of the venue.

    Parameters
    ----------
    fills : ``price``, ``quantity``, ``side`` and ``commission`` of each fill; ``quoted_price`` is the market that it
        met, ``decided_ts`` and ``ts`` are when it was decided and filled, ``bar_volume`` is what traded in that time.
        Of a book: ``liquidity`` says maker or taker, ``arrived_ts`` when the order was at the venue, and ``heard_ts``
        when its fill was heard
    moves : what others did on the book meanwhile
    lot : step of quantities there, in units
    seed : of the bootstrap

    Returns
    -------
    list of :class:`Estimate`: ``commission_bp``, ``slippage_bp``, ``impact_bp`` (of a fill as large as the bar's
        volume, growing with the root of its share), and ``latency_ms`` and its 95th percentile. Of a book also
        ``maker_bp`` and ``taker_bp``, the median (``order_us``, ``answer_us``) and the deviation of the logarithm of
        each way's latency, and ``cancels_ahead`` of the venue's queue (:mod:`tradepulse.backtest.queue`). Intervals
        are percentile bootstraps over fills.

    Raises
    ------
    MissingData
        If there is no fill.
    DataError
        If a column that is there holds something else than it should.
    """
    if fills.empty:
        raise MissingData("the log holds no fill; there is nothing to calibrate from")
    rng = np.random.default_rng(seed)
    price, units = _column(fills, "price"), _column(fills, "quantity")
    if price is None or units is None or "side" not in fills.columns:
        raise DataError("an execution log has side, quantity and price")
    notional = price * units
    commission = _column(fills, "commission")
    found = [
        _of(rng, "commission_bp", None if commission is None else 1e4 * commission / notional, "commission", units)
    ]
    quoted = _column(fills, "quoted_price")
    sign = np.where(fills["side"].astype("str").str.lower() == "buy", 1.0, -1.0)
    paid = None if quoted is None else 1e4 * sign * (price - quoted) / quoted
    volume = _column(fills, "bar_volume")
    found += _slippage(rng, paid, None if volume is None else np.sqrt(units / volume))
    waited = None
    if {"decided_ts", "ts"} <= set(fills.columns):
        waited = (_instants(fills, "ts") - _instants(fills, "decided_ts")) / 1e6
        if (waited < 0).any():
            raise DataError("a fill is earlier than its decision; the clocks of the log do not agree")
    found.append(_of(rng, "latency_ms", waited, "decided_ts and ts", units))
    found.append(_of(rng, "latency_p95_ms", waited, "decided_ts and ts", units, lambda v: float(np.quantile(v, 0.95))))
    if "liquidity" in fills.columns:
        found += _on_a_book(rng, fills, None if commission is None else 1e4 * commission / notional, units)
        found.append(_queue(rng, fills, moves, lot))
    return found


def _on_a_book(
    rng: np.random.Generator, fills: pd.DataFrame, paid: "NDArray[np.float64] | None", units: "NDArray[np.float64]"
) -> list[Estimate]:
    """Return fees by whether an order rested, and how long orders and answers took."""
    found = []
    liquidity = fills["liquidity"].astype("str").to_numpy()
    for name in ("maker", "taker"):
        mine = None if paid is None else paid[liquidity == name]
        found.append(_of(rng, f"{name}_bp", mine, "commission", units))
    for name, begin, end in (("order", "decided_ts", "arrived_ts"), ("answer", "ts", "heard_ts")):
        took = None
        if {begin, end} <= set(fills.columns):
            took = (_instants(fills, end) - _instants(fills, begin)) / 1e3
            if (took < 0).any():
                raise DataError(f"{end} is earlier than {begin}; the clocks of the log do not agree")
        found.append(_of(rng, f"{name}_us", took, f"{begin} and {end}", units, lambda v: float(np.median(v))))
        logs = None if took is None else np.log(took[took > 0])
        found.append(_of(rng, f"{name}_deviation", logs, f"{begin} and {end}", units, lambda v: float(v.std())))
    return found


def _queue(rng: np.random.Generator, fills: pd.DataFrame, moves: Sequence[Move] | None, lot: int) -> Estimate:
    """Return how much of what others took back stood ahead of orders that rested."""

    def cannot(why: str, n: int = 0) -> Estimate:
        return Estimate("cancels_ahead", float("nan"), float("nan"), float("nan"), n, why)

    if absent := [name for name in ("order_id", "arrived_ts", "ts") if name not in fills.columns]:
        return cannot(f"the log has no {absent[0]}")
    if moves is None:
        return cannot("the log does not say what others did; name the recording, or the quotes and trades")
    stamps = {name: _instants(fills, name) for name in ("ts", "arrived_ts")}
    agrees = agreement(fills.assign(**stamps), moves, lot=lot)
    telling = agrees[~agrees.all(axis=1)]
    if len(telling) < LEAST:
        return cannot(f"{len(telling)} fills that a queue could have moved, at least {LEAST} are needed", len(telling))
    low, high = best(telling)
    value = (low + high) / 2
    explained = telling[:, round(value * (len(VALUES) - 1))].mean()
    if explained < 0.5:
        return cannot(f"the best value explains {explained:.0%} of the fills; the queue is another", len(telling))
    draws = rng.multinomial(len(telling), np.full(len(telling), 1 / len(telling)), RESAMPLES)
    spread = np.array([best(telling, draw) for draw in draws])
    return Estimate(
        "cancels_ahead", value, float(np.quantile(spread[:, 0], 0.025)), float(np.quantile(spread[:, 1], 0.975)),
        len(telling),
    )  # fmt: skip


def venue_of(estimates: Sequence[Estimate], description: str, source: str, as_of: date) -> dict[str, Any]:
    """Return a venue as the calibration found it, for a YAML file: the loop from a live log back to the next backtest.

    Parameters
    ----------
    estimates : of :func:`calibrated`
    description, source, as_of : what the file says of itself

    Returns
    -------
    dict that :func:`tradepulse.backtest.venue.load_venue` takes; what a log of a book shows is its ``book``. Of an
    impact that the log cannot tell nothing is said: the slippage then holds what fills paid on average. What was earned
    against the market is no slippage and counts 0.

    Raises
    ------
    DataError
        If the log cannot tell commission or slippage.
    """
    found = {estimate.name: estimate for estimate in estimates}
    book = {name: round(found[name].value, 4) for name in BOOK if name in found and found[name].identified}
    for name in ("commission_bp", "slippage_bp"):
        if not found[name].identified and not book:
            raise DataError(f"no venue can be made of this log: {name} is not known, {found[name].why_not}")
    if not found["slippage_bp"].identified:
        return {"description": description, "source": source, "as_of": as_of, "book": book}
    slippage = {"bp": round(max(0.0, found["slippage_bp"].value), 4)}
    if found["impact_bp"].identified:
        slippage["impact_bp"] = round(max(0.0, found["impact_bp"].value), 4)
    return {
        "description": description, "source": source, "as_of": as_of,
        "commission": {"bp": round(max(0.0, found["commission_bp"].value), 4)}, "slippage": slippage,
        **({"book": book} if book else {}),
    }  # fmt: skip


def _column(fills: pd.DataFrame, name: str) -> "NDArray[np.float64] | None":
    if name not in fills.columns:
        return None
    values = pd.to_numeric(fills[name], errors="coerce").to_numpy(dtype=float)
    if not np.isfinite(values).all():
        raise DataError(f"row {int(np.argmin(np.isfinite(values)))}: {name} is not a finite number")
    return np.asarray(values)


def _instants(fills: pd.DataFrame, name: str) -> "NDArray[np.int64]":
    stamps = pd.to_datetime(fills[name], utc=True, errors="coerce", format="ISO8601")
    if stamps.isna().any():
        raise DataError(f"row {int(np.argmax(stamps.isna()))}: {name} is no instant")
    return np.asarray(stamps.dt.as_unit("ns").astype("int64"))


def _of(
    rng: np.random.Generator,
    name: str,
    values: "NDArray[np.float64] | None",
    columns: str,
    units: "NDArray[np.float64]",
    statistic: Callable[["NDArray[np.float64]"], float] = lambda values: float(values.mean()),
) -> Estimate:
    nothing = float("nan")
    if values is None:
        return Estimate(name, nothing, nothing, nothing, 0, f"the log has no {columns}")
    if len(values) < LEAST:
        return Estimate(
            name, nothing, nothing, nothing, len(values), f"{len(values)} fills, at least {LEAST} are needed"
        )
    picks = rng.integers(0, len(values), (RESAMPLES, len(values)))
    spread = [statistic(values[pick]) for pick in picks]
    low, high = np.quantile(spread, [0.025, 0.975])
    return Estimate(name, statistic(values), float(low), float(high), len(values))


def _slippage(
    rng: np.random.Generator, paid: "NDArray[np.float64] | None", root: "NDArray[np.float64] | None"
) -> list[Estimate]:
    """Return the fixed part of slippage and that which grows with the share of the volume, by least squares."""
    nothing = float("nan")
    fixed = _of(rng, "slippage_bp", paid, "quoted_price", np.empty(0))
    if not fixed.identified or paid is None:
        return [fixed, Estimate("impact_bp", nothing, nothing, nothing, fixed.fills, fixed.why_not)]
    if root is None:
        return [fixed, Estimate("impact_bp", nothing, nothing, nothing, len(paid), "the log has no bar_volume")]
    if root.std() < 0.1 * root.mean():
        why = "all fills are about the same share of the volume, which cannot tell impact from a fixed cost"
        return [fixed, Estimate("impact_bp", nothing, nothing, nothing, len(paid), why)]

    def fitted(pick: "NDArray[np.int64]") -> "NDArray[np.float64]":
        x, y = root[pick], paid[pick]
        gap = x - x.mean()
        slope = float((gap * y).sum() / (gap * gap).sum())
        return np.array([y.mean() - slope * x.mean(), slope])

    whole = fitted(np.arange(len(paid)))
    drawn = np.array([fitted(rng.integers(0, len(paid), len(paid))) for _ in range(RESAMPLES)])
    lows, highs = np.quantile(drawn, [0.025, 0.975], axis=0)
    return [
        Estimate(name, float(whole[place]), float(lows[place]), float(highs[place]), len(paid))
        for place, name in enumerate(("slippage_bp", "impact_bp"))
    ]
