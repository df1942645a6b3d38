"""Incidents to those who have to know: pagers and chats, by severity, through apprise.

A channel is a URL of apprise: ``pagerduty://INTEGRATION_KEY@API_KEY``, ``slack://TOKEN_A/TOKEN_B/TOKEN_C``, or one of a
hundred others. It holds secrets, so it is never written down: an incident's file says which service was told, and when.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tradepulse.errors import ConfigError
from tradepulse.finops.incidents import Incidents
from tradepulse.finops.prices import NANO

if TYPE_CHECKING:
    from apprise import Apprise


@dataclass(frozen=True, slots=True)
class Channels:
    """Who is told what; a channel's URL is a secret and in no representation.

    Parameters
    ----------
    page : told of every page, and of a warning that became one
    warning : told of warnings
    """

    page: Sequence[str] = ()
    warning: Sequence[str] = ()

    def __repr__(self) -> str:
        return f"Channels(page={len(self.page)}, warning={len(self.warning)})"

    def of(self, severity: str) -> Sequence[str]:
        """Return the channels of a severity."""
        return self.page if severity == "page" else self.warning


def channels() -> Channels:
    """Return the channels that ``TRADEPULSE_PAGE_TO`` and ``TRADEPULSE_WARN_TO`` name, separated by spaces.

    They are read here and nowhere passed on: an option would stand in the list of processes, a resource's configuration
    in Dagster's event log.
    """
    page, warning = (os.environ.get(f"TRADEPULSE_{name}_TO", "").split() for name in ("PAGE", "WARN"))
    return Channels(page, warning)


def post(incidents: Incidents, told: Channels, now: datetime) -> list[str]:
    """Tell of every incident that waits and was not told of at its severity; return what could not be posted.

    What was posted is an event of the incident; what was not is tried again the next time.

    Parameters
    ----------
    incidents : of the instance
    told : who is told
    now : UTC

    Raises
    ------
    ConfigError
        If a channel is none; nothing has been posted then.
    """
    for severity in ("page", "warning"):
        _clients(told, severity)  # a channel that is none is said before anything is posted
    failed = []
    for record in incidents.all():
        severity = record["severity"]
        before = {event["note"].partition(" ")[0] for event in record["events"] if event["what"] == "posted"}
        if record["state"] != "open" or severity in before or not told.of(severity):
            continue
        reached, missed = send(told, severity, *message(record))
        failed += [f"incident {record['id']}: {service} did not take it" for service in missed]
        if reached:
            incidents.note(record["id"], "posted", f"{severity} to {', '.join(reached)}", now)
    return failed


def send(told: Channels, severity: str, title: str, body: str) -> tuple[list[str], list[str]]:
    """Send a message to the channels of a severity; return the services that took it, and those that did not.

    Raises
    ------
    ConfigError
        If a channel is none; nothing has been sent then.
    """
    from apprise import NotifyType

    kind = NotifyType.FAILURE if severity == "page" else NotifyType.WARNING
    reached: list[str] = []
    missed: list[str] = []
    for service, client in _clients(told, severity):
        (reached if client.notify(title=title, body=body, notify_type=kind) else missed).append(service)
    return reached, missed


def _clients(told: Channels, severity: str) -> "list[tuple[str, Apprise]]":
    from apprise import Apprise

    clients = []
    for number, url in enumerate(told.of(severity), start=1):
        client = Apprise()
        if not client.add(url):
            raise ConfigError(
                f"channel {number} for a {severity} is no URL that apprise knows; "
                "write it as slack://TOKEN_A/TOKEN_B/TOKEN_C or pagerduty://INTEGRATION_KEY@API_KEY"
            )
        clients.append((url.partition(":")[0], client))
    return clients


def message(record: dict[str, Any]) -> tuple[str, str]:
    """Return the title and the text of an incident's message."""
    actual, wanted = record["actual_nano_usd"] / NANO, record["forecast_nano_usd"] / NANO
    title = f"[{record['severity']}] {record['team']} cost USD {actual:,.2f} on {record['day']}, forecast {wanted:,.2f}"
    causes = [
        f"- {strategy}, {step}, run {str(run)[:8]}: USD {amount / NANO:+,.2f}"
        for strategy, step, run, amount in record["causes"][:5]
    ]
    lines = [
        "What caused it, against the same weekday a week before:" if causes else "No single cause was found.", *causes,
        "", "What to do:", *(f"{n}. {step}" for n, step in enumerate(record["playbook"], start=1)),
        "", f"Acknowledge: tradepulse_cli finops ack {record['id']} --by NAME",
    ]  # fmt: skip
    return title, "\n".join(lines)
