"""Ichimoku: one glance at balance."""

from tradepulse.core.indicators.base import Indicator, Values
from tradepulse.core.series.rolling import rolling_max, rolling_min, shifted


def ichimoku(
    high: Values, low: Values, *, conversion: int = 9, base: int = 26, span: int = 52, displacement: int = 26
) -> tuple[Values, Values, Values, Values]:
    """Return the middles of three ranges, two of them as the cloud that was drawn ahead of its time.

    Parameters
    ----------
    high, low : shape (n,) each, in time order
    conversion, base, span : bars of the three ranges
    displacement : bars that the cloud is drawn ahead

    Returns
    -------
    four float64 arrays of shape (n,), in the unit of the prices: conversion (NaN for ``conversion - 1`` values), base
        (``base - 1``), and the edges of the cloud over this very bar: span_a, the mean of the two before, and span_b,
        both as they were ``displacement`` bars ago. The lagging line, which is the close drawn ``displacement`` bars
        back, is left out: at its place on the chart nobody knew it.

    References
    ----------
    Hosoda, G. (1969). Ichimoku Kinko Hyo. Tokyo.
    """
    quick, slow, wide = (
        (rolling_max(high, window) + rolling_min(low, window)) / 2 for window in (conversion, base, span)
    )
    return quick, slow, shifted((quick + slow) / 2, displacement), shifted(wide, displacement)


INDICATOR = Indicator(
    "ichimoku",
    ichimoku,
    inputs=("high", "low"),
    outputs=("conversion", "base", "span_a", "span_b"),
    params={"conversion": 9, "base": 26, "span": 52, "displacement": 26},
    warmup=lambda conversion, base, span, displacement: max(conversion, base, span) - 1 + displacement,
)
