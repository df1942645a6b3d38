"""Finds opens that are not opens."""

from collections import Counter, deque

import numpy as np
from numpy.typing import NDArray

#: Sessions looked back over: one year.
WINDOW = 252
#: How many more repeats than chance explains make the vendor, not the market, the likely cause. Of six US equities and
#: funds with twenty years of daily bars none exceeds ``2 * ties + 6`` in any year, in sixteenths or in cents.
SURPLUS = 6


def stale_opens(
    opens: NDArray[np.float64], closes: NDArray[np.float64], sessions: NDArray[np.datetime64]
) -> NDArray[np.bool_]:
    """Return where the open repeats the previous session's close in a stretch where it does so too often.

    Some vendors fill an open that they do not have with the previous close. Opens also repeat by chance, the more often
    the coarser the prices are; but then the move from close to open is as often one tick up, or one tick down, as it is
    none. So a year's repeats are compared with the most frequent other move: what exceeds twice that and
    :data:`SURPLUS` is flagged. Only the past is looked at, so that a session has the same flag whether it is ingested
    alone or with twenty years. Only the first bar of a session is asked: within a session trading goes on, and in a
    market that never closes (one with sessions on weekends) it always does.

    Parameters
    ----------
    opens, closes : one symbol in time order, shape (n,); the unit does not matter
    sessions : trading date of each bar, shape (n,)

    Returns
    -------
    boolean array of shape (n,)
    """
    days = sessions.astype("datetime64[D]")
    flagged = np.zeros(len(opens), dtype=bool)
    if (np.is_busday(days, weekmask="Sat Sun")).any():
        return flagged
    first = np.flatnonzero(days[1:] != days[:-1]) + 1
    # Rounded, because 10.1 - 10.0 and 20.1 - 20.0 are the same move and not the same float.
    moves = np.round(np.abs(opens[first] - closes[first - 1]), 6).tolist()
    ties = _MostFrequent()
    recent: deque[float] = deque()
    repeats = 0
    for row, move in zip(first.tolist(), moves, strict=True):
        recent.append(move)
        repeats += move == 0
        if move != 0:
            ties.add(move)
        if len(recent) > WINDOW:
            gone = recent.popleft()
            repeats -= gone == 0
            if gone != 0:
                ties.remove(gone)
        flagged[row] = move == 0 and repeats > 2 * ties.count + SURPLUS
    return flagged


class _MostFrequent:
    """How often the most frequent of some values occurs, as values come and go, without counting anew."""

    def __init__(self) -> None:
        self.count = 0
        self._of: Counter[float] = Counter()
        self._with: Counter[int] = Counter()  # how many values occur so often

    def add(self, value: float) -> None:
        times = self._of[value] = self._of[value] + 1
        self._with[times - 1] -= 1
        self._with[times] += 1
        self.count = max(self.count, times)

    def remove(self, value: float) -> None:
        times = self._of[value] = self._of[value] - 1
        self._with[times + 1] -= 1
        self._with[times] += 1
        if self._with[self.count] == 0:
            self.count -= 1
