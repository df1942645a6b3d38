"""Scenarios: slices of history and costs, one YAML file each in ``configs/``."""

from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.settings import load_settings, shipped
from tradepulse.backtest.shocks import Shock
from tradepulse.backtest.venue import Liquidity, Venue
from tradepulse.errors import ConfigError

CONFIGS = Path(__file__).parent / "configs"
CARDS = CONFIGS / "cards"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A slice of history, or other costs, or both, and what must hold in it.

    Parameters
    ----------
    name : file name without ending
    description : what happened, for the reader
    expected : what a strategy fit to trade does in it, for the reader
    start, end : first and last session of the slice; the whole history where absent
    commission_bp, slippage_bp : costs in the slice; those of the run where absent
    drawdown_of_holding : largest drawdown that passes, as a fraction of that of holding the same quantity throughout
    shocks : what is done to the slice, one after another
    seed : of what the shocks draw
    participation : largest share of a bar's volume that an order may be; all of it where absent
    refused : what the one line says with which such bars must be refused
    cards : file of cards in ``configs/cards`` that the order path must pass
    """

    name: str
    description: str
    expected: str = ""
    start: date | None = None
    end: date | None = None
    commission_bp: float | None = None
    slippage_bp: float | None = None
    drawdown_of_holding: float | None = None
    shocks: tuple[Shock, ...] = ()
    seed: int = 0
    participation: float | None = None
    refused: str | None = None
    cards: str | None = None

    @property
    def judges(self) -> bool:
        """Whether it can be passed or failed, rather than only set dates and costs."""
        return self.drawdown_of_holding is not None or self.refused is not None or self.cards is not None

    def __post_init__(self) -> None:
        if self.start and self.end and self.start >= self.end:
            raise ConfigError(f"scenario {self.name}: start {self.start} is not before end {self.end}")
        share = self.drawdown_of_holding
        if share is not None and not 0 < share <= 10:
            raise ConfigError(f"scenario {self.name}: drawdown_of_holding must lie above 0 and up to 10, not {share}")
        if not isinstance(self.seed, int) or self.seed < 0:
            raise ConfigError(f"scenario {self.name}: seed must be a whole number of at least 0, not {self.seed!r}")
        try:
            self.costs(Costs())
        except ConfigError as exc:
            raise ConfigError(f"scenario {self.name}: {exc}") from exc

    def costs(self, base: Costs) -> Costs:
        """Return ``base`` with what the scenario says otherwise."""
        said = {"commission_bp": self.commission_bp, "slippage_bp": self.slippage_bp}
        costs = replace(base, **{name: value for name, value in said.items() if value is not None})
        if self.participation is None:
            return costs
        depth = Liquidity(participation=self.participation)
        if isinstance(costs, Venue):
            return replace(costs, depth=depth)
        return Venue(costs.commission_bp, costs.slippage_bp, label=self.name, depth=depth)

    def slice(self, bars: pd.DataFrame) -> pd.DataFrame:
        """Return bars of one symbol up to the end of the slice, with the shocks in it.

        Parameters
        ----------
        bars : rows of ``bars`` of one symbol, from before the slice on
        """
        if self.end is not None:
            bars = bars[bars["session"] <= pd.Timestamp(self.end)]
        begin = 0 if self.start is None else int((bars["session"] < pd.Timestamp(self.start)).sum())
        before, inside = bars.iloc[:begin], bars.iloc[begin:]
        random = np.random.default_rng(self.seed)
        for shock in self.shocks:
            inside = shock.strike(inside, random)
        return pd.concat([before, inside]).reset_index(drop=True)


def scenarios() -> list[str]:
    """Return the names of the shipped scenarios."""
    return shipped(CONFIGS)


def load_scenario(name: str) -> Scenario:
    """Return a shipped scenario by name, or one from a YAML file by path.

    Raises
    ------
    UnknownName
        If it is neither.
    ConfigError
        If the file has an unknown key or a value out of range.
    """
    known = {field.name for field in fields(Scenario)} - {"name"}
    numbers = ("commission_bp", "slippage_bp", "drawdown_of_holding", "participation", "seed")
    label, content = load_settings(name, CONFIGS, "scenario", known)
    if "description" not in content:
        raise ConfigError(f"{label}.yaml: lacks the key 'description'")
    for key in ("start", "end"):
        if key in content and not isinstance(content[key], date):
            raise ConfigError(f"{label}.yaml: {key} must be a date like 2008-09-02, not {content[key]!r}")
    for key in numbers:
        if key in content and (isinstance(content[key], bool) or not isinstance(content[key], int | float)):
            raise ConfigError(f"{label}.yaml: {key} must be a number, not {content[key]!r}")
    if "shocks" in content:
        content["shocks"] = tuple(_shock(label, given) for given in content["shocks"] or [{}])
    return Scenario(label, **content)


def _shock(label: str, given: object) -> Shock:
    known = [field.name for field in fields(Shock)]
    if not isinstance(given, dict) or "kind" not in given or (unknown := sorted(set(map(str, given)) - set(known))):
        said = f"unknown keys {unknown}" if isinstance(given, dict) and "kind" in given else repr(given)
        raise ConfigError(f"{label}.yaml: a shock is a mapping with kind and {', '.join(known[1:])}, not {said}")
    try:
        return Shock(**given)
    except ConfigError as exc:
        raise ConfigError(f"{label}.yaml: {exc}") from exc
