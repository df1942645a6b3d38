"""Time-weighted execution."""

from tradepulse.core.quoting.slicing import Slicer


class Twap(Slicer):
    """The same in every second: the part that is done is the part of the time that has passed."""

    name = "twap"

    def share(self, elapsed: float, traded: int) -> float:
        """Return the part of the time that has passed."""
        return elapsed


STRATEGY = Twap
