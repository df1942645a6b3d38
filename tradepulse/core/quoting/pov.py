"""Execution as a part of what others trade."""

from typing import ClassVar

from tradepulse.core.quoting.slicing import Slicer


class Pov(Slicer):
    """``rate`` of the volume: of what others and this order trade together, counted since the begin."""

    name = "pov"
    params: ClassVar = {**Slicer.params, "rate": 0.1}
    ranges: ClassVar = {**Slicer.ranges, "rate": (1e-4, 0.5)}

    def share(self, elapsed: float, traded: int) -> float:
        """Return what the others' volume allows: ``rate / (1 - rate)`` of it."""
        rate = self.settings["rate"]
        return float(traded * rate / (1 - rate) / self._whole)


STRATEGY = Pov
