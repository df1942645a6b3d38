"""Asking a broker over a line that fails: again where that is safe, and never twice where it is not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from tradepulse.errors import BrokerRejected, Unanswered

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
    clock : whether our clock is what was wrong
    """

    why: str
    arrived: bool
    wait: float | None = None
    clock: bool = False


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
    number = 0
    while True:
        try:
            return call()
        except Exception as exc:
            failure = judge(exc)
        sleep(_wait_after(failure, number, again=again))
        number += 1


async def ask_async(
    call: Callable[[], Awaitable[Answer]],
    judge: Callable[[Exception], Failure],
    *,
    again: bool,
    mend: Callable[[], Awaitable[None]],
    wanted: Callable[[], bool] = lambda: True,
) -> Answer:
    """Do what :func:`ask` does in a loop that does other things meanwhile.

    Parameters
    ----------
    call, judge, again : of :func:`ask`
    mend : sets our clock
    wanted : whether what was refused for now is still to be asked for after the wait

    Raises
    ------
    BrokerRejected
        If it is not.
    """
    number = 0
    while True:
        if number and not wanted():
            raise BrokerRejected("no longer wanted")
        try:
            return await call()
        except Exception as exc:
            failure = judge(exc)
        wait = _wait_after(failure, number, again=again)
        if failure.clock:
            await mend()
        await asyncio.sleep(wait)
        number += 1


def _wait_after(failure: Failure, number: int, *, again: bool) -> float:
    """Return the seconds until what failed may be asked again; raise where it may not, or has been asked enough."""
    if (failure.arrived and not again) or number + 1 == TRIES:
        raise Unanswered(f"{failure.why}; whether it arrived is asked later")
    return min(float(2**number) if failure.wait is None else failure.wait, LONGEST)


def seconds_of(header: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header, if it says some."""
    return float(header) if header and header.replace(".", "", 1).isdigit() else None
