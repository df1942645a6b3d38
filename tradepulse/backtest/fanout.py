"""A sweep on many machines: parameter sets split among the workers of a Ray cluster, answers as on one machine."""

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import process_time
from typing import TYPE_CHECKING, Any

from tradepulse.backtest.research import Question, sweep
from tradepulse.errors import ClusterLost, ConfigError, ToolMissing, TradePulseError

if TYPE_CHECKING:
    import pandas as pd

#: Parts for each core of the cluster, so that a slow one does not keep the others waiting.
PARTS_PER_CORE = 4
#: Fewest parameter sets of a part: some 16 ms of work, far above what a task costs by itself.
LEAST = 250
#: Seconds that the head may take to answer.
CONNECT_S = 10


@dataclass(frozen=True, slots=True)
class Cluster:
    """Workers that share nothing but the bars, which each node gets once.

    Parameters
    ----------
    address : of Ray's head, as ``host:6379``
    spent : told of the CPU milliseconds that the workers used, which nobody measures here
    """

    address: str
    spent: Callable[[int], None]

    def sweep(self, bars: "pd.DataFrame", asked: Sequence[Question]) -> "pd.DataFrame":
        """Return what :func:`tradepulse.backtest.research.sweep` returns, asked by the workers.

        A worker that dies is replaced by another, which asks its part again.

        Raises
        ------
        ClusterLost
            If there is no cluster at the address, or it goes away.
        ConfigError
            If a worker has another version of a strategy, or lacks it.
        ToolMissing
            If Ray is not installed.
        """
        import pandas as pd

        with self._joined() as ray:
            cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
            size = max(LEAST, -(-len(asked) // (PARTS_PER_CORE * cores)))
            part = ray.remote(_part)
            shared = ray.put(bars)
            pending = [part.remote(shared, list(asked[begin : begin + size])) for begin in range(0, len(asked), size)]
            try:
                answers = ray.get(pending)
            except ray.exceptions.RayTaskError as exc:
                if isinstance(exc.cause, TradePulseError):
                    raise exc.cause from None
                raise ClusterLost(f"Ray at {self.address}: a worker failed ({_line(exc.cause)})") from exc
            except ray.exceptions.RayError as exc:
                raise ClusterLost(f"Ray at {self.address} has gone in the middle of a sweep ({_line(exc)})") from exc
        self.spent(sum(milliseconds for _, _, milliseconds in answers))
        here = {question.strategy_id for question in asked}
        for _, there, _ in answers:
            if other := sorted(there - here):
                raise ConfigError(
                    f"Ray at {self.address}: a worker has {other[0]}, here is {', '.join(sorted(here))}; "
                    "install the same release on all of them"
                )
        found: pd.DataFrame = pd.concat([rows for rows, _, _ in answers], ignore_index=True)
        return found

    @contextmanager
    def _joined(self) -> Iterator[Any]:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError as exc:
            raise ToolMissing(f"Ray at {self.address} was asked for; install tradepulse[ray]") from exc
        self._reach()
        if ray.is_initialized():
            raise ConfigError("this process is on a Ray cluster already; one sweep at a time")
        try:
            ray.init(address=self.address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError, TimeoutError) as exc:
            raise ClusterLost(f"no Ray cluster answers at {self.address} ({_line(exc)})") from exc
        try:
            yield ray
        finally:
            ray.shutdown()

    def _reach(self) -> None:
        """Refuse an address where nothing listens: Ray itself tries for ten minutes."""
        host, _, port = self.address.rpartition(":")
        if not host or not port.isdigit():
            raise ConfigError(f"Ray's address is host:port, as 10.0.0.5:6379, not {self.address!r}")
        try:
            socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
        except (OSError, OverflowError) as exc:
            raise ClusterLost(
                f"no Ray cluster answers at {self.address} ({_line(exc)}); start its head with ray start --head"
            ) from exc


def _part(bars: "pd.DataFrame", asked: list[Question]) -> "tuple[pd.DataFrame, set[str], int]":
    """Ask some questions, on a worker; return the answers, whose they are, and the CPU milliseconds that they took."""
    started = process_time()
    found = sweep(bars, asked)
    return found, {question.strategy_id for question in asked}, round(1000 * (process_time() - started))


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
