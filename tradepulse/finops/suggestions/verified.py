"""What re-runs have shown of suggestions: one file each, kept beside the recommendations."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tradepulse.core.files import replace_text
from tradepulse.errors import DataError
from tradepulse.finops.suggestions.base import Suggestion


@dataclass(frozen=True, slots=True)
class Rerun:
    """The same work done twice, as it was and as it is suggested.

    Parameters
    ----------
    id : of the suggestion
    at : when, ISO 8601
    as_was_nano_usd, as_suggested_nano_usd : what each cost
    compared : results that were held against each other
    differing : those of them that came out differently: as long as there is one, nothing is saved
    """

    id: str
    at: str
    as_was_nano_usd: int
    as_suggested_nano_usd: int
    compared: int
    differing: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Part of the cost that is saved, from 0 to 1; 0 where a result changed or nothing was compared."""
        if self.differing or not self.compared or self.as_was_nano_usd <= 0:
            return 0.0
        return max(0.0, 1 - self.as_suggested_nano_usd / self.as_was_nano_usd)


def keep(rerun: Rerun, folder: Path) -> Path:
    """Write what a re-run has shown in place of what one before it had; return its file."""
    return replace_text(folder / f"{rerun.id}.json", json.dumps(asdict(rerun), indent=1) + "\n")


def verified(found: Sequence[Suggestion], folder: Path) -> list[Suggestion]:
    """Return suggestions with the saving that their re-run has measured, where there was one.

    Parameters
    ----------
    found : suggestions
    folder : of :func:`keep`

    Returns
    -------
    the same, in their order. A re-run is of one occasion, the last: what it saved there, times the occasions that the
    suggestion stands on, and never more than is expected of it.

    Raises
    ------
    DataError
        If a file of the folder is none of ours.
    """
    return [replace(one, verified_nano_usd=_saved(one, folder / f"{one.id}.json")) for one in found]


def _saved(one: Suggestion, path: Path) -> int | None:
    if not path.exists():
        return None
    try:
        said = json.loads(path.read_text())
        rerun = Rerun(**{**said, "differing": tuple(said["differing"])})
        saved = round(rerun.share * rerun.as_was_nano_usd) * max(1, len(one.evidence))
    except (ValueError, TypeError, KeyError) as exc:
        raise DataError(f"{path}: no record of a re-run ({exc}); remove it, and run finops verify again") from exc
    return min(one.expected_nano_usd, saved)
