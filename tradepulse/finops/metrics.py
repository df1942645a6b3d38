"""Metrics of what everything costs, in the text format of Prometheus: the same numbers as the CLI and the page."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from tradepulse.finops.burn import Burn
from tradepulse.finops.prices import NANO
from tradepulse.finops.suggestions.base import Suggestion
from tradepulse.finops.units import Unit

#: Metric, its type, what it says.
METRICS = {
    "tradepulse_cost_usd_total": ("counter", "Cost of everything measured, by who pays and what for."),
    "tradepulse_cost_day_usd": ("gauge", "Cost of the newest days, by day (0 is the newest) and team."),
    "tradepulse_cost_month_usd": ("gauge", "Cost of a month."),
    "tradepulse_cost_forecast_usd": ("gauge", "What the next day should cost."),
    "tradepulse_cost_forecast_error_ratio": ("gauge", "Mean absolute error of a model's forecasts, a day ahead."),
    "tradepulse_cost_unit_usd": ("gauge", "What one of something has cost."),
    "tradepulse_cost_incidents": ("gauge", "Incidents that nobody has acknowledged, by severity."),
    "tradepulse_cost_saving_usd": (
        "gauge",
        "What a suggestion would have saved: expected, proven by records, and verified by a re-run.",
    ),
}


def metrics(
    costs: pd.DataFrame, burn: Burn, units: Iterable[Unit], suggestions: Sequence[Suggestion], *, newest: int = 35
) -> str:
    """Return the exposition.

    Parameters
    ----------
    costs : rows of ``costs``
    burn : of the same
    units, suggestions : of the same
    newest : days that have a metric of their own
    """
    keys = ["team", "strategy", "environment", "meter"]
    total = costs.groupby(keys, as_index=False)["cost_nano_usd"].sum().itertuples(index=False)
    by_day = costs.groupby(["date", "team"], as_index=False)["cost_nano_usd"].sum().itertuples(index=False)
    last = burn.days.index.max()
    found: dict[str, list[tuple[dict[str, str], float]]] = {
        "tradepulse_cost_usd_total": [
            (dict(zip(keys, map(str, key), strict=True)), int(amount) / NANO) for *key, amount in total
        ],
        "tradepulse_cost_day_usd": [
            ({"ago": str(ago), "team": str(team)}, int(amount) / NANO)
            for day, team, amount in by_day
            if (ago := (last - day).days) < newest
        ],
        "tradepulse_cost_month_usd": [({"month": str(m)}, int(amount) / NANO) for m, amount in burn.months.items()],
        "tradepulse_cost_forecast_usd": [],
        "tradepulse_cost_forecast_error_ratio": [],
        "tradepulse_cost_unit_usd": [
            ({"one": unit.name}, each / NANO) for unit in units if (each := unit.each_nano_usd) is not None
        ],
        "tradepulse_cost_incidents": [
            ({"severity": name}, sum(one["severity"] == name for one in burn.waiting)) for name in ("page", "warning")
        ],
        "tradepulse_cost_saving_usd": [
            ({"kind": one.kind, "subject": one.subject, "part": part}, nano / NANO)
            for one in suggestions
            for part, nano in (
                ("expected", one.expected_nano_usd),
                ("proven", one.proven_nano_usd),
                ("verified", one.verified_nano_usd),
            )
            if nano is not None
        ],
    }
    if burn.ahead is not None:
        found["tradepulse_cost_forecast_usd"] = [({"model": burn.ahead.model}, burn.ahead.nano_usd / NANO)]
        found["tradepulse_cost_forecast_error_ratio"] = [({"model": m}, e) for m, e in burn.ahead.mape.items()]
    lines = []
    for name, (kind, says) in METRICS.items():
        lines += [f"# HELP {name} {says}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{_labels(labels)} {value!r}" for labels, value in found[name]]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    escaped = {k: v.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"') for k, v in labels.items()}
    return "{" + ",".join(f'{key}="{value}"' for key, value in escaped.items()) + "}"
