"""Scenarios: slices of history and costs, one YAML file each in ``configs/``."""

from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path

from tradepulse.backtest.frictions import Costs
from tradepulse.backtest.settings import load_settings, shipped
from tradepulse.errors import ConfigError

CONFIGS = Path(__file__).parent / "configs"


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
    """

    name: str
    description: str
    expected: str = ""
    start: date | None = None
    end: date | None = None
    commission_bp: float | None = None
    slippage_bp: float | None = None
    drawdown_of_holding: float | None = None

    def __post_init__(self) -> None:
        if self.start and self.end and self.start >= self.end:
            raise ConfigError(f"scenario {self.name}: start {self.start} is not before end {self.end}")
        share = self.drawdown_of_holding
        if share is not None and not 0 < share <= 1:
            raise ConfigError(f"scenario {self.name}: drawdown_of_holding must lie above 0 and up to 1, not {share}")
        self.costs(Costs())

    def costs(self, base: Costs) -> Costs:
        """Return ``base`` with what the scenario says otherwise."""
        said = {"commission_bp": self.commission_bp, "slippage_bp": self.slippage_bp}
        return replace(base, **{name: value for name, value in said.items() if value is not None})


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
    label, content = load_settings(name, CONFIGS, "scenario", known)
    if "description" not in content:
        raise ConfigError(f"{label}.yaml: lacks the key 'description'")
    for key in ("start", "end"):
        if key in content and not isinstance(content[key], date):
            raise ConfigError(f"{label}.yaml: {key} must be a date like 2008-09-02, not {content[key]!r}")
    for key in ("commission_bp", "slippage_bp", "drawdown_of_holding"):
        if key in content and (isinstance(content[key], bool) or not isinstance(content[key], int | float)):
            raise ConfigError(f"{label}.yaml: {key} must be a number, not {content[key]!r}")
    return Scenario(label, **content)
