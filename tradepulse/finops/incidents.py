"""Incidents: a file each, from the deviation that opened it to what was done about it."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from tradepulse.core.files import replace_text
from tradepulse.errors import ConfigError, DataError, UnknownName
from tradepulse.finops.forecast import Deviation

#: States in their order; a step back does not exist.
STATES = ("open", "acknowledged", "mitigated", "closed")
#: A deviation of this share or more is a page, a smaller one a warning.
PAGE = 0.5
#: Nobody having acknowledged a warning for so long, it becomes a page.
PATIENCE = timedelta(hours=4)
PLAYBOOK = (
    "Look at the runs named under causes: what did they do that the same day last week did not?",
    "A sweep: stop it, narrow its grid, or wait until the night. A step that ran too often: see finops suggestions.",
    "Something new that is here to stay: say so when closing; the forecast learns it within two weeks.",
)


class Incidents:
    """The incidents of one instance.

    Parameters
    ----------
    folder : a JSON file each; made on first use
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> list[dict[str, Any]]:
        """Return every incident, oldest first.

        Raises
        ------
        DataError
            If a file is none.
        """
        found = []
        for path in sorted(self.folder.glob("[!.]*.json")):
            try:
                found.append(json.loads(path.read_text()))
            except ValueError as exc:
                raise DataError(f"{path}: is no incident; mend it or move it away") from exc
        return sorted(found, key=lambda one: (one["day"], one["team"]))

    def open(self, deviations: Sequence[Deviation], now: datetime) -> list[dict[str, Any]]:
        """Open an incident for each deviation that has none, escalate those that nobody looks at; return the new ones.

        Parameters
        ----------
        deviations : found in the costs
        now : UTC
        """
        known = {one["id"] for one in self.all()}
        fresh = []
        for one in deviations:
            name = sha256(f"{one.team}|{one.day}".encode()).hexdigest()[:8]
            if name in known:
                continue
            record: dict[str, Any] = {
                "id": name, "team": one.team, "day": one.day.isoformat(), "state": "open",
                "severity": "page" if abs(one.share) >= PAGE else "warning",
                "actual_nano_usd": one.actual_nano_usd, "forecast_nano_usd": one.forecast_nano_usd, "model": one.model,
                "causes": [list(cause) for cause in one.causes], "playbook": list(PLAYBOOK),
                "events": [{"at": now.isoformat(), "who": "tradepulse", "what": "opened", "note": ""}],
            }  # fmt: skip
            self._write(record)
            fresh.append(record)
        for record in self.all():
            since = datetime.fromisoformat(record["events"][0]["at"])
            if record["state"] == "open" and record["severity"] == "warning" and now - since > PATIENCE:
                record["severity"] = "page"
                record["events"].append(
                    {"at": now.isoformat(), "who": "tradepulse", "what": "escalated", "note": "nobody acknowledged it"}
                )
                self._write(record)
        return fresh

    def move(self, name: str, state: str, who: str, note: str, now: datetime) -> dict[str, Any]:
        """Record that somebody acknowledged, mitigated or closed an incident; return it.

        Raises
        ------
        UnknownName
            If there is none of that id.
        ConfigError
            If it is that far already, nobody is named, or it is closed without a word about what was done.
        """
        found = {one["id"]: one for one in self.all()}
        if name not in found:
            raise UnknownName("incident", name, sorted(one["id"] for one in found.values() if one["state"] != "closed"))
        record = found[name]
        if STATES.index(state) <= STATES.index(record["state"]):
            raise ConfigError(f"incident {name} is {record['state']} already")
        if not who.strip():
            raise ConfigError("say who: --by NAME")
        if state in ("mitigated", "closed") and not note.strip():
            raise ConfigError(f"say what was done: --note TEXT, or incident {name} teaches nobody")
        record["state"] = state
        record["events"].append({"at": now.isoformat(), "who": who, "what": state, "note": note})
        self._write(record)
        return record

    def note(self, name: str, what: str, note: str, now: datetime) -> None:
        """Record something that tradepulse did about an incident."""
        [record] = [one for one in self.all() if one["id"] == name]
        record["events"].append({"at": now.isoformat(), "who": "tradepulse", "what": what, "note": note})
        self._write(record)

    def _write(self, record: dict[str, Any]) -> None:
        text = json.dumps({**record, **times(record)}, indent=1) + "\n"
        replace_text(self.folder / f"{record['id']}.json", text)


def times(record: dict[str, Any]) -> dict[str, float | None]:
    """Return the hours from an incident's opening to its acknowledgement and its mitigation, None before them.

    What is mitigated without having been acknowledged was acknowledged then; closing counts as mitigation.
    """
    at = {event["what"]: datetime.fromisoformat(event["at"]) for event in reversed(record["events"])}

    def hours(*whats: str) -> float | None:
        reached = [at[what] for what in whats if what in at]
        return (min(reached) - at["opened"]).total_seconds() / 3600 if reached else None

    return {
        "hours_to_acknowledge": hours("acknowledged", "mitigated", "closed"),
        "hours_to_mitigate": hours("mitigated", "closed"),
    }
