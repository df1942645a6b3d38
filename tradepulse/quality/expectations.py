"""Great Expectations suites: what should be true of a whole table, one JSON file per table in ``expectations/``."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tradepulse.errors import ConfigError
from tradepulse.quality.check import Check
from tradepulse.quality.shipped import shipped


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a suite found.

    Parameters
    ----------
    suite : its name
    rows : rows looked at
    checks : one per expectation
    """

    suite: str
    rows: int
    checks: list[Check]

    @property
    def passed(self) -> bool:
        """Whether there were rows and expectations, and every expectation held."""
        return self.rows > 0 and bool(self.checks) and all(check.passed for check in self.checks)


def load_suite(name: str) -> dict[str, Any]:
    """Return a suite's file as it stands.

    Raises
    ------
    ConfigError
        If the file is absent, no JSON, or holds no expectation: a suite that asks nothing would pass everything.
    """
    path: Path = shipped("expectations") / f"{name}.json"
    try:
        suite: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{path}: no readable suite ({exc})") from exc
    if not suite.get("expectations"):
        raise ConfigError(f"{path}: holds no expectation; a suite that asks nothing passes everything")
    promises = [item["promise"] for item in suite["expectations"]]
    if len(set(promises)) < len(promises):
        raise ConfigError(f"{path}: two expectations make the same promise; word one of them otherwise")
    return suite


def validate(name: str, frame: pd.DataFrame) -> Verdict:
    """Return what a suite finds in a frame.

    Parameters
    ----------
    name : of the suite
    frame : any rows with the columns that the suite speaks of; an empty frame does not pass
    """
    suite = load_suite(name)
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("lake").add_dataframe_asset(name)
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch(batch_parameters={"dataframe": frame})
    # The promise travels with each expectation and comes back with its answer, whatever defaults GX adds to the rest.
    expectations = [
        ExpectationConfiguration(
            type=item["type"], kwargs=item["kwargs"], meta={"promise": item["promise"]}
        ).to_domain_obj()
        for item in suite["expectations"]
    ]
    outcome = batch.validate(gx.ExpectationSuite(name=name, expectations=expectations))
    answers = {answer.expectation_config.meta["promise"]: answer for answer in outcome.results}
    checks = []
    for item in suite["expectations"]:
        answer = answers.get(item["promise"])  # one that GX did not answer has not passed
        held = bool(answer is not None and answer.success)
        checks.append(Check(item["promise"], len(frame), 0 if held else 1, _observed(answer)))
    return Verdict(name, len(frame), checks)


def _observed(answer: Any) -> str:
    if answer is None:
        return "not evaluated"
    # What was raised stands at the top when the expectation raised, and one level down when a metric of it did.
    raised = answer.exception_info or {}
    for info in (raised, *(value for value in raised.values() if isinstance(value, dict))):
        if info.get("raised_exception"):
            return str(info.get("exception_message", "raised")).splitlines()[0][:200]
    result = answer.result
    if "observed_value" in result:
        return f"observed {result['observed_value']}"
    share = result.get("unexpected_percent")
    return f"{result.get('unexpected_count', 0)} unexpected" + (f" ({share:.2f} %)" if share is not None else "")
