"""``python -m tradepulse.core.probation JSON``: try one plug-in, print the verdict as JSON. Run by ``core.plugins``."""

import contextlib
import decimal
import io
import json
import os
import random
import resource
import sys
from collections.abc import Mapping
from importlib import import_module
from math import isfinite
from pathlib import Path
from typing import Any

from tradepulse.core.plugins import API, KINDS

#: Bars that a plug-in is given.
BARS = 64


class Refused(Exception):
    """A plug-in did not pass.

    Parameters
    ----------
    code : reason code
    detail : what exactly
    """

    def __init__(self, code: str, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(detail)


def imported(kind: str, name: str, target: str) -> Any:
    """Return a plug-in, refused if it cannot be imported, is of another interface version, or not of its kind."""
    module, _, attribute = target.partition(":")
    try:
        loaded = import_module(module)
        found = getattr(loaded, attribute)
    except MemoryError:
        raise
    except BaseException as exc:  # a plug-in may raise anything, SystemExit included
        raise Refused("import_failed", f"{type(exc).__name__}: {_words(exc)}") from exc
    version = getattr(loaded, "TRADEPULSE_API", None)
    if version != API:
        said = "says nothing" if version is None else f"says {version!r}"
        raise Refused("api_version", f"{module} {said} of TRADEPULSE_API; this is version {API}")
    if problem := misfit(kind, name, found):
        raise Refused("wrong_kind", f"{problem}; it must be {KINDS[kind]}")
    return found


def misfit(kind: str, name: str, found: Any) -> str:
    """Return why something is not what its entry point says; empty if it is."""
    if kind == "strategy":
        from tradepulse.core.strategies.base import Strategy

        if not (isinstance(found, type) and issubclass(found, Strategy)):
            return f"{found!r} is no strategy"
        lacking = [key for key in ("name", "version", "params") if not hasattr(found, key)]
        if lacking:
            return f"it has no {lacking[0]}"
    elif kind == "quoting":
        from tradepulse.core.quoting.base import QuotingStrategy

        if not (isinstance(found, type) and issubclass(found, QuotingStrategy)):
            return f"{found!r} is no quoting strategy"
        lacking = [key for key in ("name", "version", "params", "ranges") if not hasattr(found, key)]
        if lacking:
            return f"it has no {lacking[0]}"
    elif kind == "indicator":
        from tradepulse.core.indicators.base import Indicator

        if not isinstance(found, Indicator):
            return f"{found!r} is no declared indicator"
    else:
        wanted = {
            "source": ("name", "options", "tables", "identity", "parts", "fetch"),
            "cost_source": ("name", "options", "tables", "identity", "parts", "fetch"),
            "broker": ("name", "submit", "knows", "fills"),
            "friction": ("name", "version", "price", "commission"),
        }[kind]
        if not isinstance(found, type):
            return f"{found!r} is no class"
        lacking = [key for key in wanted if not hasattr(found, key)]
        if lacking:
            return f"it has no {lacking[0]}"
    if found.name != name:
        return f"it is named {found.name!r} and declared as {name!r}"
    return ""


def bars(count: int = BARS, symbols: int = 1) -> dict[str, Any]:
    """Return bars of a made random walk as columns, shape (n,), or (n, symbols)."""
    import numpy as np

    rng = np.random.default_rng(20_240_102)
    shape = (count, symbols) if symbols > 1 else (count,)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, shape), axis=0))
    opens = close * np.exp(rng.normal(0, 0.005, shape))
    return {
        "session": np.arange(19_700.0, 19_700.0 + count),
        "open": opens,
        "high": np.maximum(opens, close) * (1 + np.abs(rng.normal(0, 0.005, shape))),
        "low": np.minimum(opens, close) * (1 - np.abs(rng.normal(0, 0.005, shape))),
        "close": close,
        "volume": rng.integers(1_000, 100_000, shape).astype(float),
        "bid": np.floor(close * 100) / 100,
        "ask": np.floor(close * 100) / 100 + 0.01,
        "bid_size": rng.integers(1, 500, shape).astype(float),
        "ask_size": rng.integers(1, 500, shape).astype(float),
    }


def tried(kind: str, found: Any) -> None:
    """Start a plug-in with its own defaults and give it a few bars; refused if that raises."""
    try:
        if kind == "strategy":
            from tradepulse.core.strategies.paths import as_compute

            made = found(quantity=1)
            int(made.warmup), int(made.run_in)
            symbols = 3 if found.panel else 1
            raised: list[BaseException] = []
            as_compute(lambda: found(quantity=1), symbols, raised)(bars(symbols=symbols))
            if raised:
                raise raised[0]
        elif kind == "quoting":
            from tradepulse.core.quoting.rehearsal import rehearsed

            rehearsed(found())
        elif kind == "indicator":
            columns = bars(symbols=3 if found.panel else 1)
            found({name: columns[name] for name in found.inputs})
            found.stream()
        elif kind == "friction":
            made = found()
            price, fee = made.price(100.0, 1), made.commission(1_000.0)
            if not (isfinite(price) and isfinite(fee) and price > 0):
                raise ValueError(f"a price of {price} and a commission of {fee}")
        elif kind == "cost_source" and "bills" not in _tables(found):
            raise ValueError(f"it fills {_tables(found)}, and not bills")
    except MemoryError:
        raise
    except BaseException as exc:  # a plug-in may raise anything, SystemExit included
        raise Refused("fails", f"{type(exc).__name__}: {_words(exc)}") from exc


def _tables(found: Any) -> tuple[str, ...]:
    tables = found.tables
    return tuple(tables) if isinstance(tables, (tuple, list)) else ("bills",)


def _words(exc: BaseException) -> str:
    return (str(exc).splitlines() or [""])[0][:200]


def _surroundings() -> Mapping[str, Any]:
    """Return what other code sees and a plug-in must leave as it is."""
    import numpy as np

    from tradepulse.core.indicators.base import Indicator
    from tradepulse.core.series import kernels, rolling
    from tradepulse.core.strategies.base import Strategy

    ours = [*vars(Indicator).items(), *vars(Strategy).items(), *vars(kernels).items(), *vars(rolling).items()]
    return {
        "the environment": dict(os.environ),
        "the working folder": str(Path.cwd()),
        "Python's random numbers": random.getstate(),
        "numpy's random numbers": str(np.random.get_state()),  # noqa: NPY002  the global one is what is guarded
        "numpy's handling of errors": np.geterr(),
        "the precision of decimals": str(decimal.getcontext()),
        "code of TradePulse": {(key, id(value)) for key, value in ours if callable(value)},
        "how floats are written by numpy": str(np.get_printoptions()),
    }


def verdict(asked: Mapping[str, Any]) -> dict[str, str]:
    """Return the verdict on one plug-in: empty, or with a reason code."""
    import numpy as np  # before the limit: its own memory is not the plug-in's

    np.linalg.eigvals(np.eye(2))
    before = _surroundings()
    limit = int(asked["megabytes"]) * 2**20 + _data_in_use()
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            found = imported(asked["kind"], asked["name"], asked["target"])
            tried(asked["kind"], found)
        after = _surroundings()
    except Refused as exc:
        return {"code": exc.code, "detail": exc.detail}
    except MemoryError:
        return {"code": "too_much_memory", "detail": f"more than {asked['megabytes']} MiB"}
    changed = [what for what in before if before[what] != after[what]]
    if changed:
        return {"code": "meddles", "detail": f"it changes {', '.join(changed)}"}
    return {}


def _data_in_use() -> int:
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []  # Linux alone has it
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:"))


if __name__ == "__main__":
    print(json.dumps(verdict(json.loads(sys.argv[1]))), flush=True)  # noqa: T201  read by the process that asked
    os._exit(0)  # threads that a plug-in has left running do not keep us
