"""Shocks: what is done to real bars so that they become a day that has not happened yet.

Each is a function of bars of one symbol, the place where it strikes and its size; what a seed decides comes from one
random generator, so that the same scenario is the same bars on every machine.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tradepulse.errors import ConfigError

_PRICES = ["open", "high", "low", "close"]
#: A frame of bars; what stands in its cells is known to the table of bars, not to a type checker.
Frame = Any


def _scaled(bars: Frame, rows: slice, factor: Any) -> Frame:
    made = bars.copy()
    made.iloc[rows, [made.columns.get_loc(name) for name in _PRICES]] *= factor
    return made


def flash_crash(bars: Frame, at: int, size: float, bars_long: int, random: np.random.Generator) -> Frame:
    """Let the low of one bar fall by ``size`` below its open, and close where it would have."""
    made = bars.copy()
    column = made.columns.get_loc("low")
    made.iloc[at, column] = min(float(made["low"].iloc[at]), float(made["open"].iloc[at]) * (1 - size))
    return made


def gap_open(bars: Frame, at: int, size: float, bars_long: int, random: np.random.Generator) -> Frame:
    """Open ``size`` lower than the close before, and stay there."""
    return _scaled(bars, slice(at, None), 1 - size)


def halt(bars: Frame, at: int, size: float, bars_long: int, random: np.random.Generator) -> Frame:
    """Trade nothing for some bars, and open ``size`` lower."""
    return _scaled(bars, slice(at + bars_long, None), 1 - size).drop(bars.index[at : at + bars_long])


def limit_bands(bars: Frame, at: int, size: float, bars_long: int, random: np.random.Generator) -> Frame:
    """Fall by the limit of ``size`` a bar for some bars, locked there without a trade at any better price."""
    made = bars.copy()
    level = float(made["close"].iloc[at - 1])
    place = [made.columns.get_loc(name) for name in _PRICES]
    for row in range(at, min(at + bars_long, len(made))):
        level *= 1 - size
        made.iloc[row, place] = level
        made.iloc[row, made.columns.get_loc("volume")] = 0.0
    after = at + bars_long
    if after < len(made):
        made = _scaled(made, slice(after, None), level / float(bars["close"].iloc[after - 1]))
    return made


def volatility_shift(bars: Frame, at: int, size: float, bars_long: int, random: np.random.Generator) -> Frame:
    """Multiply every move from a bar on by ``size``, about the price where it begins."""
    made = bars.copy()
    base = float(made["close"].iloc[at - 1])
    place = [made.columns.get_loc(name) for name in _PRICES]
    moved = base * np.exp(size * np.log(made.iloc[at:, place].to_numpy(dtype=float) / base))
    made.iloc[at:, place] = moved
    return made


def drought(bars: Frame, at: int, size: float, bars_long: int, random: np.random.Generator) -> Frame:
    """Leave only ``1 - size`` of the volume for some bars."""
    made = bars.copy()
    made.iloc[at : at + bars_long, made.columns.get_loc("volume")] *= 1 - size
    return made


def silence(bars: Frame, at: int, size: float, bars_long: int, random: np.random.Generator) -> Frame:
    """Repeat the last close without volume for some bars: a feed that is up and says nothing."""
    made = bars.copy()
    last = float(made["close"].iloc[at - 1])
    made.iloc[at : at + bars_long, [made.columns.get_loc(name) for name in _PRICES]] = last
    made.iloc[at : at + bars_long, made.columns.get_loc("volume")] = 0.0
    return made


def duplicated(bars: Frame, at: int, size: float, bars_long: int, random: np.random.Generator) -> Frame:
    """Deliver some bars twice."""
    again = bars.iloc[at : at + bars_long]
    return pd.concat([bars.iloc[: at + bars_long], again, bars.iloc[at + bars_long :]])


def negative_price(bars: Frame, at: int, size: float, bars_long: int, random: np.random.Generator) -> Frame:
    """Trade below zero for one bar, as crude oil for May 2020 did."""
    made = bars.copy()
    made.iloc[at, [made.columns.get_loc("low"), made.columns.get_loc("close")]] = -float(made["close"].iloc[at]) * size
    return made


def mirrored(bars: Frame, at: int, size: float, bars_long: int, random: np.random.Generator) -> Frame:
    """Turn every move from a bar on round: what went together goes apart."""
    made = volatility_shift(bars, at, -1.0, bars_long, random)
    high, low = made["high"].copy(), made["low"].copy()
    after = np.arange(len(made)) >= at
    return made.assign(high=high.where(~after, low), low=low.where(~after, high))


def forked(bars: Frame, at: int, size: float, bars_long: int, random: np.random.Generator) -> Frame:
    """Let some bars, drawn one by one, come from a feed whose prices are ``size`` lower."""
    made = bars.copy()
    place = [made.columns.get_loc(name) for name in _PRICES]
    for row in range(at, min(at + bars_long, len(made))):
        if random.random() < 0.5:
            made.iloc[row, place] = made.iloc[row, place].to_numpy(dtype=float) * (1 - size)
    return made


SHOCKS: Mapping[str, Callable[[Frame, int, float, int, np.random.Generator], Frame]] = {
    function.__name__: function
    for function in (
        flash_crash, gap_open, halt, limit_bands, volatility_shift, drought, silence, duplicated, negative_price,
        mirrored, forked,
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shock:
    """One shock of a scenario.

    Parameters
    ----------
    kind : a name in :data:`SHOCKS`
    at : where in the slice it strikes, as a fraction of its bars; drawn from its middle half by the seed if absent
    size : as each kind says; a fraction of the price for most
    bars : how long it lasts
    """

    kind: str
    at: float | None = None
    size: float = 0.1
    bars: int = 1

    def __post_init__(self) -> None:
        if self.kind not in SHOCKS:
            raise ConfigError(f"shock: no kind {self.kind!r}; there are {', '.join(SHOCKS)}")
        for name, least, most in (("at", 0.0, 0.99), ("size", 0.0, 100.0), ("bars", 1, 10_000)):
            value = getattr(self, name)
            if name == "at" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
                raise ConfigError(f"shock {self.kind}: {name} must be a number from {least} to {most}, not {value!r}")

    def strike(self, bars: Frame, random: np.random.Generator) -> Frame:
        """Return bars of one symbol with the shock in them; two bars at least come before it."""
        share = self.at if self.at is not None else float(random.uniform(0.25, 0.75))
        return SHOCKS[self.kind](bars, max(2, int(share * len(bars))), self.size, int(self.bars), random)
