"""Finds opens that are not opens."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: Sessions looked back over: one year.
WINDOW = 252
#: Repeats of the previous close in the window from which the vendor, not the market, is the likely cause. The Nasdaq
#: Composite repeats in 0.16 % of sessions: five in a year have a probability below 1e-4 at that rate.
LEAST_REPEATS = 5


def stale_opens(opens: NDArray[np.float64], closes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where the open repeats the previous close in a stretch where it does so too often.

    Some vendors fill an open that they do not have with the previous close. A single repeat is a coincidence and is
    left alone; from the fifth within :data:`WINDOW` sessions on, this one included, each is flagged. Only the past is
    looked at, so that a session has the same flag whether it is ingested alone or with twenty years.

    Parameters
    ----------
    opens, closes : one symbol in session order, shape (n,); the unit does not matter

    Returns
    -------
    boolean array of shape (n,)
    """
    repeats = np.zeros(len(opens), dtype=bool)
    repeats[1:] = opens[1:] == closes[:-1]
    recent = pd.Series(repeats, dtype=float).rolling(WINDOW, min_periods=1).sum().to_numpy()
    flagged: NDArray[np.bool_] = repeats & (recent >= LEAST_REPEATS)
    return flagged
