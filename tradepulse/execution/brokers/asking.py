"""Asking a broker over a line that fails: again where that is safe, and never twice where it is not."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple, TypeVar

from tradepulse.core.orders import OrderStatus
from tradepulse.errors import BrokerRejected, Unanswered

Answer = TypeVar("Answer")
#: How often what may safely be asked again is asked, and the most seconds that we wait because we are told to.
TRIES, LONGEST = 4, 60.0
#: Seconds between looks at an order whose end was asked for.
_LOOKS = (0.2, 0.5, 1.0, 2.0)


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


def proven(
    cancel: Callable[[], object], look: Callable[[], OrderStatus], sleep: Callable[[float], None]
) -> OrderStatus | None:
    """Ask for the end of an order, and return how it ended; None if that is not proven in a few seconds.

    Parameters
    ----------
    cancel : asks for it
    look : how the order stands, ``unknown`` where there is none; of that it may still be on its way
    sleep : waits
    """
    asked = False
    for wait in _LOOKS:
        if (found := look()) in {OrderStatus.FILLED, OrderStatus.CANCELED}:
            return found
        if found is OrderStatus.WORKING and not asked:
            asked = True
            with suppress(BrokerRejected):  # it has ended meanwhile, which the next look tells
                cancel()
        sleep(wait)
    found = look()
    return None if found is OrderStatus.WORKING else OrderStatus.CANCELED if found is OrderStatus.UNKNOWN else found


def seconds_of(header: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header, if it says some."""
    return float(header) if header and header.replace(".", "", 1).isdigit() else None
