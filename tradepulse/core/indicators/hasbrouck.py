"""Hasbrouck's price impact."""

import numpy as np
from numpy.typing import NDArray

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.rolling import rolling_sum, shifted


def hasbrouck(close: Values, volume: Values, *, window: int = 100) -> tuple[Values, Values]:
    """Return what a trade that comes as a surprise moves the price by at once, and what of it stays.

    Parameters
    ----------
    close, volume : of trades or short bars, shape (n,) each, in time order, above zero
    window : values regressed over

    Returns
    -------
    two float64 arrays of shape (n,), log return per square root of a unit of money: immediate and permanent. A flow is
        the root of price times volume with the sign of the price change; a bar that leaves the price where it was has
        none. The least-squares fit over the window is

            r = a r[-1] + b x + c x[-1],    x = d r[-1] + e x[-1]

        with r returns and x flows; immediate is b, permanent the sum of all returns after a flow of 1 that nothing led
        one to expect. The first ``window + 1`` values are NaN, and so is each window with a NaN in it, one whose fit
        is not determined, and the permanent impact of a system that does not come to rest.

    References
    ----------
    Hasbrouck, J. (1991). Measuring the information content of stock trades. Journal of Finance 46(1), 179-207.
    Hasbrouck, J. (2009). Trading costs and returns for U.S. equities. Journal of Finance 64(3), 1445-1477 (the flow).
    """
    with np.errstate(all="ignore"):
        r = np.log(close / shifted(close, 1))
        x = np.sqrt(close * volume) * np.sign(r)
    # A flow is about a million times a return: in their own root mean squares the fit is not all rounding.
    unit_r, unit_x = (np.sqrt(rolling_sum(values * values, window)) for values in (r, x))
    r1, x1 = shifted(r, 1), shifted(x, 1)

    def product(left: Values, right: Values, unit: Values) -> Values:
        return rolling_sum(left * right, window) / unit

    with np.errstate(all="ignore"):
        rr, both, xx = unit_r * unit_r, unit_r * unit_x, unit_x * unit_x
        past = [product(r1, r1, rr), product(r1, x1, both), product(x1, x1, xx)]
        led = [product(x, r1, both), product(x, x1, xx)]
        a, b, c = _solved(
            [[past[0], led[0], past[1]], [led[0], product(x, x, xx), led[1]], [past[1], led[1], past[2]]],
            [product(r, r1, rr), product(r, x, both), product(r, x1, both)],
        )
        d, e = _solved([[past[0], past[1]], [past[1], past[2]]], led)
        # All returns and flows after the shock: s = a s + b f + c f and f = 1 + d s + e f.
        rest = (1 - a) * (1 - e) - (b + c) * d
        permanent = np.where(_at_rest(a + b * d, c + b * e, d, e), (b + c) / rest, np.nan)
        return b * unit_r / unit_x, permanent * unit_r / unit_x


def _solved(matrix: list[list[Values]], right: list[Values]) -> list[Values]:
    """Return the solutions of one system per bar; NaN where it is not determined."""
    stacked = np.stack([np.stack(row, axis=-1) for row in matrix], axis=-2)
    wanted = np.stack(right, axis=-1)
    out = np.full(wanted.shape, np.nan)
    rows = np.flatnonzero(np.isfinite(stacked).all(axis=(1, 2)) & np.isfinite(wanted).all(axis=1))
    rows = rows[np.linalg.cond(stacked[rows]) < 1e12]
    out[rows] = _eliminated(stacked[rows], wanted[rows])
    return list(out.T)


def _eliminated(matrix: Values, right: Values) -> Values:
    """Return the solutions by elimination, the larger pivot first.

    The same bars have given other last bits in another process, which a fit that is barely determined shows in its
    eighth digit. A solver of a library may round as it likes; single operations on whole arrays may not.
    """
    k = right.shape[1]
    rows = [[*(matrix[:, at, column] for column in range(k)), right[:, at]] for at in range(k)]
    for at in range(k):
        for other in range(at + 1, k):
            swap = np.abs(rows[other][at]) > np.abs(rows[at][at])
            upper, lower = rows[at], rows[other]
            rows[at] = [np.where(swap, low, up) for up, low in zip(upper, lower, strict=True)]
            rows[other] = [np.where(swap, up, low) for up, low in zip(upper, lower, strict=True)]
        for other in range(at + 1, k):
            factor = rows[other][at] / rows[at][at]
            rows[other] = [low - factor * up for up, low in zip(rows[at], rows[other], strict=True)]
    found: list[Values] = [right[:, 0]] * k
    for at in reversed(range(k)):
        rest = rows[at][k]
        for column in range(at + 1, k):
            rest = rest - rows[at][column] * found[column]
        found[at] = rest / rows[at][at]
    return np.stack(found, axis=-1)


def _at_rest(a: Values, b: Values, c: Values, d: Values) -> NDArray[np.bool_]:
    """Say where both eigenvalues of ((a, b), (c, d)) are inside the unit circle (Jury's conditions)."""
    trace, determinant = a + d, a * d - b * c
    return np.asarray((np.abs(trace) < 1 + determinant) & (determinant < 1))


INDICATOR = Indicator(
    "hasbrouck",
    hasbrouck,
    inputs=("close", "volume"),
    outputs=("immediate", "permanent"),
    params={"window": 100},
    minimum={"window": 10},
    warmup=lambda window: window + 1,
    partial=True,
)
