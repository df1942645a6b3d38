"""Asking a broker over a line that fails: again where that is safe, and never twice where it is not."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from tradepulse.errors import Unanswered

Answer = TypeVar("Answer")
#: How often what may safely be asked again is asked, and the most seconds that we wait because we are told to.
TRIES, LONGEST = 4, 60.0


class Failure(NamedTuple):
    """Why there was no answer.

    Parameters
    ----------
    why : in words
    arrived : whether what was asked may have been done all the same
    wait : seconds that the broker asks us to wait, if it does
    """

    why: str
    arrived: bool
    wait: float | None = None


def ask(
    call: Callable[[], Answer], judge: Callable[[Exception], Failure], *, again: bool, sleep: Callable[[float], None]
) -> Answer:
    """Return what a call returns, asking again after what never arrived, and what only reads after anything.

    Parameters
    ----------
    call : asks once
    judge : says what an exception means; raises what is final, such as a no
    again : whether it only reads
    sleep : waits

    Raises
    ------
    Unanswered
        If there is no answer.
    """
    failure = Failure("nothing was asked", arrived=False)
    for number in range(TRIES):
        try:
            return call()
        except Exception as exc:
            failure = judge(exc)
        if failure.arrived and not again:
            break
        if number + 1 < TRIES:
            sleep(min(float(2**number) if failure.wait is None else failure.wait, LONGEST))
    raise Unanswered(f"{failure.why}; whether it arrived is asked at the next run")


def seconds_of(header: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header, if it says some."""
    return float(header) if header and header.replace(".", "", 1).isdigit() else None
