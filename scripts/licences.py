"""The licence of every package in the lock, and which of them a user runs."""

import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
#: Packages whose metadata do not say, read from the licence file that they ship.
_READ = {
    "huey": "MIT",
    "peewee": "MIT",
    "skops": "MIT",
    "ta-lib": "BSD-2-Clause",
    "vectorbt": "Apache-2.0 WITH Commons-Clause-1.0",
}


@dataclass(frozen=True, slots=True)
class Package:
    """One line of the lock.

    Parameters
    ----------
    name, version : as locked
    licence : SPDX expression where the package gives one, else its own words
    at_run_time : whether installing TradePulse without extras brings it
    """

    name: str
    version: str
    licence: str
    at_run_time: bool


def packages() -> list[Package]:
    """Return every package of ``requirements.lock``, sorted by name.

    Raises
    ------
    LookupError
        If the licence of one is not known.
    """
    lock = (ROOT / "requirements.lock").read_text()
    locked = dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", lock, re.MULTILINE))
    running = _closure("tradepulse")
    return [Package(name, version, licence(name), name in running) for name, version in sorted(locked.items())]


def licence(name: str) -> str:
    """Return a package's licence from its metadata, or as it was read from its licence file."""
    if name in _READ:
        return _READ[name]
    metadata = distribution(name).metadata
    if expression := metadata.get("License-Expression"):
        return str(expression)
    stated = (metadata.get("License") or "").strip()
    # Some packages put the whole text there; then the classifier is what says it.
    if stated and "\n" not in stated and len(stated) < 40 and stated not in {"UNKNOWN", "Dual License"}:
        return stated
    named = [
        line.rsplit(" :: ", 1)[-1]
        for line in metadata.get_all("Classifier") or []
        if line.startswith("License :: OSI Approved :: ")
    ]
    if not named:
        raise LookupError(
            f"{name}: its metadata name no licence; read its licence file and add it to scripts/licences.py"
        )
    return " or ".join(named)


def _closure(name: str, extras: frozenset[str] = frozenset()) -> set[str]:
    """Return what installing a package brings on this machine."""
    found: set[str] = set()
    left = [(name, extras)]
    seen = set()
    while left:
        item = left.pop()
        if item in seen:
            continue
        seen.add(item)
        try:
            requires = distribution(item[0]).requires or []
        except PackageNotFoundError:
            continue
        for requirement in map(Requirement, requires):
            wanted = item[1] or {""}
            if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in wanted):
                normal = re.sub(r"[-_.]+", "-", requirement.name).lower()
                found.add(normal)
                left.append((normal, frozenset(requirement.extras)))
    return found
