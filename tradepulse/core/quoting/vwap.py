"""Volume-weighted execution, by an expected curve of volume."""

from typing import ClassVar

from tradepulse.core.quoting.slicing import Slicer


class Vwap(Slicer):
    """More where more is expected to trade: volume as ``1 + curvature (2 x - 1)^2`` over the time x from 0 to 1.

    Intraday volume is U-shaped (Jain and Joh, 1988, Journal of Financial and Quantitative Analysis 23(3), 269-283): a
    curvature of 2 expects three times as much at the open and the close as at noon. At 0 it is :class:`Twap`.
    """

    name = "vwap"
    params: ClassVar = {**Slicer.params, "curvature": 2.0}
    ranges: ClassVar = {**Slicer.ranges, "curvature": (0.0, 100.0)}

    def share(self, elapsed: float, traded: int) -> float:
        """Return the part of the expected volume that has passed: the integral of the curve."""
        bend = self.settings["curvature"]
        return float((elapsed + bend * ((2 * elapsed - 1) ** 3 + 1) / 6) / (1 + bend / 3))


STRATEGY = Vwap
