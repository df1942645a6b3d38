"""The parameters of a strategy: what was asked for, checked against what it takes."""

from collections.abc import Mapping
from typing import Any

from tradepulse.errors import ConfigError


def settings_of(
    name: str, defaults: Mapping[str, float], ranges: Mapping[str, tuple[float, float]], given: Mapping[str, float]
) -> dict[str, Any]:
    """Return every parameter of a strategy, as given or by default, whole where the default is.

    Parameters
    ----------
    name : of the strategy, for messages
    defaults : of each parameter
    ranges : smallest and largest value; at least 1 where nothing is said
    given : what replaces the defaults

    Raises
    ------
    ConfigError
        If one is unknown, out of its range, or should be whole and is not.
    """
    if unknown := sorted(set(given) - set(defaults)):
        raise ConfigError(f"{name}: unknown parameter {unknown[0]!r}; it takes {', '.join(defaults)}")
    settings: dict[str, Any] = {}
    for key, value in {**defaults, **given}.items():
        least, most = ranges.get(key, (1, float("inf")))
        whole = isinstance(defaults[key], int)
        if not least <= value <= most or (whole and value != int(value)):
            kind = "a whole number" if whole else "a number"
            limit = f"of at least {least}" if most == float("inf") else f"from {least} to {most}"
            raise ConfigError(f"{name}: {key} must be {kind} {limit}, not {value}")
        settings[key] = int(value) if whole else float(value)
    return settings
