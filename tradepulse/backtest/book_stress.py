"""Stress of quoting strategies: a recording as it was, and as each shock makes it at several moments.

A desk is bounded by the positions that it may have. Whatever strikes, it may cost no more, over what the recording cost
as it was, than holding that bound on the wrong side would have: long through the largest fall and short through the
largest rise. What is lost beyond is the strategy's doing.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tradepulse.backtest.book import BookResult
from tradepulse.backtest.book_shocks import SHOCKS, Strike
from tradepulse.core.orders import UNIT
from tradepulse.core.tables.base import records
from tradepulse.errors import ConfigError, DataError
from tradepulse.execution.terms import Terms

#: Where in a recording each shock strikes.
PLACES = (0.25, 0.5, 0.75)


class Bound(NamedTuple):
    """The largest position of an instrument: its name, units, and what its columns have behind their names."""

    symbol: str
    most: float
    suffix: str


class Seen(NamedTuple):
    """What a run came to, in money.

    Parameters
    ----------
    worth : of the bounds, at the begin
    earned, fallen : of the account: at the end, and the most that it fell
    held : what holding the bounds on the wrong side of the largest fall and of the largest rise lost
    beyond : the first instrument that was held beyond its bound, empty if none was
    """

    worth: float
    earned: float
    fallen: float
    held: float
    beyond: str


def bounds_of(terms: Terms, symbols: Sequence[str]) -> list[Bound]:
    """Return the largest position of each instrument of an account, which are called ``symbols``.

    Raises
    ------
    ConfigError
        If one has none, or there are more or fewer of them.
    """
    others = terms.instruments[1:]
    if len(symbols) != 1 + len(others):
        raise ConfigError(f"{len(symbols)} names for {1 + len(others)} instruments; join them with +, the first first")
    most = [terms.limits.max_position, *(one.limits.max_position for one in others)]
    suffixes = ["", *(f" {one.symbol}" for one in others)]
    bounds = [Bound(name, (units or 0) / UNIT, end) for name, units, end in zip(symbols, most, suffixes, strict=True)]
    if missing := [bound.symbol for bound in bounds if not bound.most]:
        raise ConfigError(f"under stress a desk has a bound; say max_position= of {missing[0]}, in units of it")
    return bounds


def seen_in(result: BookResult, bounds: Sequence[Bound]) -> Seen:
    """Return what a run came to."""
    equity = result.equity["equity"].to_numpy()
    worth = held = 0.0
    beyond = ""
    for symbol, most, suffix in bounds:
        mid = result.equity[f"mid{suffix}"].to_numpy()
        mid = mid[mid > 0]  # it is 0 before its book was seen
        if not len(mid):
            raise DataError(f"nobody displays or trades {symbol}, so that nobody knows what its bound is worth")
        worth += most * mid[0]
        held += most * ((np.maximum.accumulate(mid) - mid).max() + (mid - np.minimum.accumulate(mid)).max())
        if not beyond and np.abs(result.equity[f"position{suffix}"].to_numpy()).max() > most * (1 + 1e-12):
            beyond = symbol
    fallen = float((np.maximum.accumulate(equity) - equity).max())
    return Seen(float(worth), float(equity[-1] - equity[0]), fallen, float(held), beyond)


class Verdict(NamedTuple):
    """How a shock was borne where it was worst: the columns of ``book_stress``, and the run, if it did not break."""

    row: dict[str, Any]
    result: BookResult | None


def stressed(
    run: Callable[[Strike | None], BookResult], bounds: Sequence[Bound]
) -> tuple[BookResult, list[Verdict]]:  # fmt: skip
    """Put a desk through every shock; return the run on the recording as it was, and the verdict on each shock.

    Parameters
    ----------
    run : makes a run of fresh strategies on the recording as a strike makes it, or as it was; it raises where one of
        its fills could not have happened
    bounds : of :func:`bounds_of`

    Raises
    ------
    DataError
        If nothing is held in any of the runs: what does not trade bears everything, and shows nothing.
    """
    quiet = run(None)
    calm, held = seen_in(quiet, bounds), _holds(quiet, bounds)
    said = json.dumps({bound.symbol: bound.most for bound in bounds}, sort_keys=True)
    verdicts = []
    for name in SHOCKS:
        ran = [(strike, _ran(run, strike)) for strike in (Strike(name, at) for at in PLACES)]
        held |= any(isinstance(one, str) or _holds(one, bounds) for _, one in ran)
        row, result = _worst(ran, calm, bounds)
        verdicts.append(Verdict({"scenario": name, "bounds": said, **row}, result))
    if not held:
        raise DataError(
            "nothing is ever held, on the recording as it was or under any shock, which shows nothing; name a "
            "recording on which it trades, or parameters with which it does"
        )
    return quiet, verdicts


def _holds(result: BookResult, bounds: Sequence[Bound]) -> bool:
    return any(bool(result.equity[f"position{bound.suffix}"].any()) for bound in bounds)


def _ran(run: Callable[[Strike | None], BookResult], strike: Strike) -> BookResult | str:
    try:
        return run(strike)
    except Exception as exc:  # a strategy may raise anything: to find that out is what this is for
        return f"{type(exc).__name__}: {str(exc).splitlines()[0] if str(exc) else ''}"


def _worst(
    runs: Sequence[tuple[Strike, BookResult | str]], calm: Seen, bounds: Sequence[Bound]
) -> tuple[dict[str, Any], BookResult | None]:
    """Return the verdict on the runs of a shock: that of the worst of them."""
    for strike, said in runs:
        if isinstance(said, str):
            empty = dict.fromkeys(("total_return", "max_drawdown", "holding_drawdown", "limit"), float("nan"))
            return {**empty, "passed": False, "detail": f"struck at {strike.at:g} of its time: {said}"}, None
    strike, result, seen = max(
        ((strike, result, seen_in(result, bounds)) for strike, result in runs if isinstance(result, BookResult)),
        key=lambda one: (bool(one[2].beyond), one[2].fallen - calm.fallen - one[2].held),
    )
    limit = calm.fallen + seen.held
    detail = (
        f"struck at {strike.at:g} of its time it fell by {seen.fallen:,.2f}, at most {limit:,.2f} asked: "
        f"{calm.fallen:,.2f} as it was, and {seen.held:,.2f} of holding"
    )
    if seen.beyond:
        detail = f"struck at {strike.at:g} of its time more of {seen.beyond} was held than its bound"
    row = {
        "total_return": seen.earned / seen.worth, "max_drawdown": seen.fallen / seen.worth,
        "holding_drawdown": seen.held / seen.worth, "limit": limit / seen.worth,
        "passed": not seen.beyond and seen.fallen <= limit, "detail": detail,
    }  # fmt: skip
    return row, result


def objection(
    made: pd.DataFrame, strategy: str, params: str, symbol: str, bounds: Mapping[str, float], code: str
) -> str:  # fmt: skip
    """Return why strategies may not trade for money yet; empty where they bore every recording they were put to.

    Parameters
    ----------
    made : rows of ``book_stress``
    strategy, params, symbol : as its rows have them
    bounds : largest position of each instrument; one that was put through more may have less
    code : version of the code that is to trade; what another one found counts only where this one was not asked
    """
    same = made[(made["strategy"] == strategy) & (made["params"] == params) & (made["symbol"] == symbol)]
    if (ours := same["code_version"] == code).any():
        same = same[ours]
    reason = f"{strategy} with these parameters has not been put through shocks on {symbol}"
    borne: set[str] = set()
    broke: dict[str, str] = {}
    for run_id, rows in same.groupby("run_id", sort=False):
        trial, tried = rows["trial_id"].iloc[0], json.loads(rows["bounds"].iloc[0])
        passed = {row["scenario"] for row in records(rows) if row["passed"]}
        if missing := [name for name in SHOCKS if name not in passed]:
            reason = f"{strategy} has not passed the shock {missing[0]} on {symbol} (run {run_id})"
            # What breaks with more may bear it with less.
            if all(tried.get(name, 0.0) <= most for name, most in bounds.items()):
                broke[trial] = reason
        elif larger := [name for name, most in bounds.items() if most > tried.get(name, 0.0)]:
            reason = (
                f"{strategy} was put through shocks with at most {tried.get(larger[0], 0.0):g} of {larger[0]}, and may "
                f"hold {bounds[larger[0]]:g} here (run {run_id})"
            )
        else:
            borne.add(trial)
    # That it bears one recording does not make up for another that it does not.
    stands = [why for trial, why in broke.items() if trial not in borne]
    return stands[0] if stands else "" if borne else reason
