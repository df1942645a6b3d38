"""Long in the first sessions of each month."""

from tradepulse.core.market import Bar
from tradepulse.core.strategies.base import Desk, Strategy

TRADEPULSE_API = 1


class EarlyMonth(Strategy):
    """Long from the close of a month's first session to the close of its session number ``sessions + 1``.

    Only the dates of bars that have come are looked at: that a session is a month's first is known when it is there.

    References
    ----------
    Ariel, R. A. (1987). A monthly effect in stock returns. Journal of Financial Economics 18(1), 161-174.
    """

    name = "early_month"
    version = "1"
    params = {"sessions": 5}
    ranges = {"sessions": (1, 22)}
    needs = ("session",)

    @property
    def warmup(self) -> int:
        """A month's first session is one that is not in the month of the one before."""
        return 2

    def initialize(self) -> None:
        """Start before any month."""
        self._month: tuple[int, int] | None = None
        self._count: int | None = None  # unknown in a month that we came into

    def handle_tick(self, bar: Bar, desk: Desk) -> None:
        """Count the sessions of the month."""
        month = (bar.session.year, bar.session.month)
        if self._month is not None and month != self._month:
            self._count = 0
        self._month = month
        if self._count is None:
            return
        self._count += 1
        if self._count == 1:
            desk.target(bar.symbol, self.quantity)
        elif self._count == self.settings["sessions"] + 1:
            desk.target(bar.symbol, 0)
