"""The conformance kit: what a plug-in must be true to, for its author to run and for us to run on a wheel.

:func:`examine` looks at one plug-in in this process; authors call it in their own tests. :func:`verify` takes a wheel,
unpacks it beside everything else, and puts each of its plug-ins through probation, examination and two runs under
different hash seeds, each in a process of its own.
"""

import inspect
import json
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.parser import Parser
from functools import partial
from hashlib import sha256
from importlib.metadata import Distribution, PackageNotFoundError, PathDistribution, version
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tradepulse.core.causality import leaks
from tradepulse.core.indicators.base import BAR_COLUMNS, Indicator
from tradepulse.core.orders import Side
from tradepulse.core.plugins import GROUP, SECONDS, Plugin, declared, on_paper, probation, run_apart, shipped_names
from tradepulse.core.probation import Refused, bars, imported
from tradepulse.core.quoting.base import QuotingStrategy
from tradepulse.core.quoting.rehearsal import once_more, rehearsed
from tradepulse.core.strategies.base import Strategy
from tradepulse.core.strategies.paths import as_compute
from tradepulse.errors import ConfigError, DataError, UnreadableFile

_QUOTES = ("bid", "bid_size", "ask", "ask_size")
#: Bars after the warm-up that a plug-in is examined on, and the most that a warm-up may take of an examination.
_MORE, _MOST = 90, 2_000
#: An examination computes hundreds of times; a probation once.
EXAMINATION_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise and whether it is kept.

    Parameters
    ----------
    check : what is promised
    passed : whether it is kept
    code : reason code where it is not
    detail : what exactly
    """

    check: str
    passed: bool
    code: str = ""
    detail: str = ""


def examine(kind: str, name: str, found: Any) -> list[Finding]:
    """Examine a plug-in that is imported already.

    Parameters
    ----------
    kind, name : as its entry point has them
    found : what the entry point points to

    Returns
    -------
    list of :class:`Finding`, one per promise, in the order in which they are asked
    """
    promises: Mapping[str, tuple[str, Callable[[str, Any], str]]] = {
        "strategy": {
            "schema": ("bad_schema", _strategy_schema),
            "lifecycle": ("bad_lifecycle", _lifecycle),
            "decisions": ("unproven", _decides),
            "causality": ("looks_ahead", _strategy_leaks),
            "docs": ("no_docs", _class_docs),
        },
        "quoting": {
            "schema": ("bad_schema", _quoting_schema),
            "orders": ("bad_order", _orders),
            "lifecycle": ("bad_lifecycle", _alone),
            "loop": ("loop_differs", _loop),
            "docs": ("no_docs", _class_docs),
        },
        "indicator": {
            "schema": ("bad_schema", _indicator_schema),
            "warm-up": ("bad_warmup", _warmup),
            "causality": ("looks_ahead", _indicator_leaks),
            "stream": ("stream_differs", _stream),
            "docs": ("no_docs", _indicator_docs),
        },
    }.get(kind, {"docs": ("no_docs", _class_docs)})
    findings = []
    for check, (code, asks) in promises.items():
        try:
            problem = asks(name, found)
        except Exception as exc:  # a plug-in may raise anything
            problem = f"{type(exc).__name__}: {(str(exc).splitlines() or [''])[0][:200]}"
        findings.append(Finding(check, not problem, code if problem else "", problem))
    return findings


def _strategy_schema(name: str, found: type[Strategy]) -> str:
    unknown = sorted(set(found.needs) - set(BAR_COLUMNS))
    if unknown:
        return f"needs names {unknown[0]!r}; a bar has {', '.join(BAR_COLUMNS)}"
    return _declared(found, partial(found, quantity=1))


def _quoting_schema(name: str, found: type[QuotingStrategy]) -> str:
    if lacking := sorted(set(found.params) - set(found.ranges)):
        return f"{lacking[0]!r} has no range"
    return _declared(found, found)


def _declared(found: Any, make: Callable[..., Any]) -> str:
    """Return what is wrong with the version, the parameters and the ranges of a strategy."""
    if not isinstance(found.version, str) or not found.version or "@" in found.version:
        return f"version must be a text without @, not {found.version!r}"
    for key, value in found.params.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return f"default of {key} must be a number, not {value!r}"
    strange = sorted(set(found.ranges) - set(found.params))
    if strange:
        return f"ranges names {strange[0]!r}, which is no parameter"
    for key, limits in found.ranges.items():
        for value in limits:
            if np.isfinite(value):
                try:
                    make(**{key: value})
                except ConfigError:
                    continue  # it may not go with the other defaults; it must say so
    return ""


def _orders(name: str, found: type[QuotingStrategy]) -> str:
    asked = [one for one in rehearsed(found()) if one.what == "submit"]
    if not asked:
        return "it orders nothing in the made market, so that there is nothing to prove"
    for number, one in enumerate(asked):
        side, quantity, price, tif, _, *more = one.rest
        numbers = (value for name, value in more if name not in {"if_touched", "reduce_only", "trigger"})
        whole = all(
            isinstance(value, int) and not isinstance(value, bool) for value in (quantity, price or 0, *numbers)
        )
        if not isinstance(side, Side) or not whole or quantity <= 0 or (price is not None and price <= 0):
            return f"order {number}: {side!r} {quantity!r} at {price!r}; a side, and whole units above zero"
        if tif not in {"gtc", "day", "gtd", "ioc", "fok"}:
            return f"order {number}: {tif!r} is no time in force"
    return ""


def _alone(name: str, found: type[QuotingStrategy]) -> str:
    first, other = rehearsed(found()), rehearsed(found())
    return "" if first == other else "two instances that see the same ask for something else"


def _loop(name: str, found: type[QuotingStrategy]) -> str:
    looped = once_more(found)
    if looped is None:
        return ""
    asked = rehearsed(found())
    for number, (plain, compiled) in enumerate(zip_longest(asked, looped)):
        if plain != compiled:
            return f"ask {number} is {plain}, and of its loop {compiled}"
    return ""


def _bars_for(warmup: int, panel: bool) -> dict[str, Any]:
    if warmup > _MOST:
        raise DataError(f"a warm-up of {warmup:,} bars is more than the {_MOST:,} that can be examined")
    return bars(warmup + _MORE, symbols=3 if panel else 1)


def _path(found: type[Strategy], columns: Mapping[str, Any], raised: list[BaseException]) -> dict[str, Any]:
    return as_compute(lambda: found(quantity=100), 3 if found.panel else 1, raised)(columns)


def _lifecycle(name: str, found: type[Strategy]) -> str:
    idle = found(quantity=1)
    idle.initialize()
    idle.finalize()
    columns = _bars_for(found(quantity=1).run_in, found.panel)
    raised: list[BaseException] = []
    first = _path(found, columns, raised)
    if raised:
        return f"it raises on ordinary bars: {raised[0]}"
    # Instances must not know of each other, nor of those before them.
    other = {key: np.flip(values, axis=0).copy() if key != "session" else values for key, values in columns.items()}
    alone = _path(found, other, [])
    _path(found, columns, [])
    again = _path(found, other, [])
    for symbol in alone:
        if not np.array_equal(alone[symbol], again[symbol], equal_nan=True):
            return "what it does depends on what an earlier instance has seen"
    if any((np.abs(path) > 1e12).any() for path in first.values()):
        return "it wants more than a million million units"
    return ""


def _decides(name: str, found: type[Strategy]) -> str:
    columns = _bars_for(found(quantity=1).run_in, found.panel)
    if any(np.nan_to_num(path).any() for path in _path(found, columns, []).values()):
        return ""
    return (
        f"it wants nothing in {len(columns['session'])} bars, and a proof on no decision is none; choose other defaults"
    )


def _strategy_leaks(name: str, found: type[Strategy]) -> str:
    start = found(quantity=1).run_in
    columns = {key: values for key, values in _bars_for(start, found.panel).items() if key in BAR_COLUMNS}
    raised: list[BaseException] = []
    found_out = leaks(
        as_compute(lambda: found(quantity=100), 3 if found.panel else 1, raised), columns,
        bars=range(max(start - 2, 0), start + _MORE, 3),
    )  # fmt: skip
    return "; ".join(map(str, found_out))


def _class_docs(name: str, found: Any) -> str:
    text = (found.__doc__ or "").strip()
    return "" if len(text.split()) >= 8 else "its class says in less than eight words what it does"


def _inputs(declared: Indicator, count: int) -> dict[str, Any]:
    made = bars(count, symbols=3 if declared.panel else 1)
    return {name: made[name] for name in declared.inputs}


def _indicator_schema(name: str, found: Indicator) -> str:
    if not found.outputs or len(set(found.outputs)) != len(found.outputs):
        return f"outputs must be different names, not {found.outputs}"
    if len(found.outputs) == 1 and found.outputs[0] != found.name:
        return f"a single output is named like the indicator, not {found.outputs[0]!r}"
    unknown = sorted(set(found.inputs) - {*BAR_COLUMNS, *_QUOTES})
    if unknown:
        return f"reads {unknown[0]!r}, which neither bars nor quotes have"
    for extra in (set(found.minimum) - set(found.params), set(found.ranges) - set(found.outputs)):
        if extra:
            return f"{sorted(extra)[0]!r} is neither a parameter nor an output"
    for count in (0, 1, 2, found.warmup(**found.settings()) + _MORE):
        for output, values in found(_inputs(found, count)).items():
            if not isinstance(values, np.ndarray) or values.shape != (count,) or values.dtype != np.float64:
                return f"{output} of {count} bars is {type(values).__name__} of {np.shape(values)}, not float64 of (n,)"
            low, high = found.ranges.get(output, (-np.inf, np.inf))
            with np.errstate(invalid="ignore"):
                if ((values < low) | (values > high)).any():
                    return f"{output} leaves its range of {low} to {high}"
    return ""


def _warmup(name: str, found: Indicator) -> str:
    declared_bars = found.warmup(**found.settings())
    if declared_bars > _MOST:
        return f"a warm-up of {declared_bars:,} bars is more than the {_MOST:,} that can be examined"
    firsts = []
    for output, values in found(_inputs(found, declared_bars + _MORE)).items():
        there = ~np.isnan(values)
        if not there.any():
            return f"{output} has no value in {declared_bars + _MORE} bars"
        firsts.append(int(np.argmax(there)))
        if not found.partial and not there[firsts[-1] :].all():
            return f"{output} has holes on ordinary bars; declare it partial, or fill them"
    return "" if max(firsts) == declared_bars else f"declares {declared_bars} bars, and takes {max(firsts)}"


def _stream(name: str, found: Indicator) -> str:
    columns = _inputs(found, found.warmup(**found.settings()) + _MORE)
    whole = found(columns)
    stream = found.stream()
    state = [stream.take(*row) for row in zip(*(values.tolist() for values in columns.values()), strict=True)]
    for place, output in enumerate(found.outputs):
        values = np.array([row[place] if isinstance(row, tuple) else row for row in state], dtype=float)
        scale = np.nanmax(np.abs(whole[output]), initial=0.0)
        if not np.allclose(values, whole[output], rtol=1e-12, atol=1e-12 * scale, equal_nan=True):
            at = int(np.argmin(np.isclose(values, whole[output], rtol=1e-12, atol=1e-12 * scale, equal_nan=True)))
            return f"{output} of bar {at} is {values[at]:.10g} bar by bar, and {whole[output][at]:.10g} in the array"
    return ""


def _indicator_leaks(name: str, found: Indicator) -> str:
    start = found.warmup(**found.settings())
    rows = range(max(start - 2, 0), start + _MORE, 2)
    return "; ".join(map(str, leaks(found, _inputs(found, start + _MORE), bars=rows)))


def _indicator_docs(name: str, found: Indicator) -> str:
    text = inspect.getdoc(found.compute) or ""
    lacking = [part for part in ("Parameters", "Returns", "shape", "NaN") if part not in text]
    return f"the docstring of its function lacks {lacking[0]!r}" if lacking else ""


def fingerprint(kind: str, found: Any) -> str:
    """Return a digest of what a plug-in computes with its defaults; empty of a kind that computes nothing by itself."""
    if kind == "strategy":
        outputs = _path(found, _bars_for(found(quantity=1).run_in, found.panel), [])
    elif kind == "quoting":
        return sha256(repr(rehearsed(found())).encode()).hexdigest()
    elif kind == "indicator":
        outputs = found(_inputs(found, found.warmup(**found.settings()) + _MORE))
    elif kind == "friction":
        made = found()
        outputs = {str(sign): np.array([made.price(100.0, sign), made.commission(1e4)]) for sign in (1, -1)}
    else:
        return ""
    return sha256(b"".join(np.asarray(values).tobytes() for values in outputs.values())).hexdigest()


def verify(wheel: Path) -> list[tuple[Plugin, Finding]]:
    """Put the plug-ins of a wheel through everything, without installing it.

    Parameters
    ----------
    wheel : a ``.whl`` file

    Returns
    -------
    list of a plug-in and a finding, in the order in which they were made; what fails on paper or on probation is not
    examined

    Raises
    ------
    UnreadableFile
        If it is no wheel.
    ConfigError
        If it declares no plug-in.
    """
    with TemporaryDirectory(prefix="tradepulse-wheel-") as folder:
        package = _unpacked(wheel, Path(folder))
        points = [point for point in package.entry_points if point.group == GROUP]
        if not points:
            raise ConfigError(f"{wheel.name}: declares nothing under the entry-point group {GROUP}")
        mine = declared(points)
        installed = [plugin for plugin in declared() if plugin.package != mine[0].package]
        verdicts = [verdict for verdict in on_paper([*installed, *mine], shipped_names()) if verdict.plugin in mine]
        lacking = _lacking(package)
        findings = []
        for verdict in verdicts:
            findings += [(verdict.plugin, finding) for finding in _stages(verdict, lacking, folder)]
        return findings


def _stages(verdict: Any, lacking: str, folder: str) -> Iterator[Finding]:
    plugin = verdict.plugin
    yield Finding("paper", not verdict.code, verdict.code, verdict.detail)
    if verdict.code:
        return
    yield Finding("requirements", not lacking, "requirement" if lacking else "", lacking)
    if lacking:
        return
    tried = probation(plugin, path=(folder,))
    yield Finding("probation", not tried.code, tried.code, tried.detail)
    if tried.code:
        return
    answer, problem = _apart(plugin, folder, "examine")
    if problem:
        yield Finding("examination", False, *problem)
        return
    for found in answer["findings"]:
        yield Finding(**found)
    prints = []
    for seed in ("0", "1"):
        answer, problem = _apart(plugin, folder, "fingerprint", {"PYTHONHASHSEED": seed})
        prints.append(problem[1] if problem else answer["fingerprint"])
    same = prints[0] == prints[1]
    detail = "" if same else "it gives another result under another PYTHONHASHSEED"
    yield Finding("determinism", same, "" if same else "not_deterministic", detail)


def _apart(
    plugin: Plugin, folder: str, mode: str, environment: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], tuple[str, str] | None]:
    asked = {"kind": plugin.kind, "name": plugin.name, "target": plugin.target, "mode": mode}
    command = [sys.executable, "-m", "tradepulse.quality.conformance", json.dumps(asked)]
    limit = EXAMINATION_SECONDS if mode == "examine" else SECONDS
    return run_apart(command, limit, (folder,), environment)


def _unpacked(wheel: Path, folder: Path) -> Distribution:
    """Unpack a wheel as an installer would, less its scripts, and return the distribution."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            broken = archive.testzip()
            members = archive.namelist()
            if broken or any(name.startswith("/") or ".." in Path(name).parts for name in members):
                raise UnreadableFile(f"{wheel}: {broken or 'a file in it'} is damaged or would leave its folder")
            archive.extractall(folder)
    except (OSError, zipfile.BadZipFile, NotImplementedError) as exc:
        raise UnreadableFile(f"{wheel}: no readable wheel ({exc}); build one with: python -m build --wheel") from exc
    for inner in folder.glob("*.data/*lib"):
        for path in inner.iterdir():
            path.rename(folder / path.name)
    infos = sorted(folder.glob("*.dist-info"))
    if len(infos) != 1 or not (infos[0] / "METADATA").is_file():
        raise UnreadableFile(f"{wheel}: a wheel has one .dist-info folder with METADATA; build it with a build backend")
    name = Parser().parsestr((infos[0] / "METADATA").read_text(errors="replace")).get("Name")
    if not name:
        raise UnreadableFile(f"{wheel}: its METADATA has no Name")
    return PathDistribution(infos[0])


def _lacking(package: Distribution) -> str:
    """Return the first requirement that is not installed here; empty if all are."""
    from packaging.requirements import InvalidRequirement, Requirement

    for text in package.requires or []:
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            return f"{text!r} is no requirement"
        if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            here = version(wanted.name)
        except PackageNotFoundError:
            return f"{text} is not installed here"
        if not wanted.specifier.contains(here, prereleases=True):
            return f"{text} is needed, and {here} is installed here"
    return ""


def _answer(asked: Mapping[str, str]) -> dict[str, Any]:
    import contextlib
    import io
    from dataclasses import asdict

    with contextlib.redirect_stdout(io.StringIO()):
        try:
            found = imported(asked["kind"], asked["name"], asked["target"])
        except Refused as exc:
            return {"findings": [asdict(Finding("probation", False, exc.code, exc.detail))], "fingerprint": exc.detail}
        if asked["mode"] == "fingerprint":
            return {"fingerprint": fingerprint(asked["kind"], found)}
        return {"findings": [asdict(finding) for finding in examine(asked["kind"], asked["name"], found)]}


if __name__ == "__main__":
    print(json.dumps(_answer(json.loads(sys.argv[1]))), flush=True)  # noqa: T201  read by the process that asked
