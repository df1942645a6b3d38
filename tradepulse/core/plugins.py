"""What installed packages add, by one mechanism: strategies of bars and on books, indicators, sources, brokers, costs.

A package declares each under the entry-point group ``tradepulse.plugins`` as ``KIND.NAME = "package.module:thing"``,
says ``TRADEPULSE_API = 1`` in that module, and has a licence. Nothing of it is imported before it is asked for by name.
Then it is put on probation in a process of its own: imported, started and given a few bars, with a limit on time and
memory. What fails there is quarantined with a reason code and stays out of this process; everything else goes on.

Looking for what is installed is the one thing in ``core`` that looks at the machine. It stands here because the loaders
of strategies and indicators do.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tradepulse.errors import PluginQuarantined, UnknownName

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, PackageMetadata

GROUP = "tradepulse.plugins"
#: Version of what plug-ins are promised. It is raised when one that kept the old promise would not keep the new one.
API = 1
KINDS: Mapping[str, str] = {
    "strategy": "a subclass of tradepulse.core.strategies.base.Strategy",
    "quoting": "a subclass of tradepulse.core.quoting.base.QuotingStrategy",
    "indicator": "an instance of tradepulse.core.indicators.base.Indicator",
    "source": "a class that keeps the protocol tradepulse.ingestion.source.Source",
    "broker": "a class that keeps the protocol tradepulse.execution.broker.Broker",
    "friction": "a subclass of tradepulse.backtest.frictions.Costs",
    "cost_source": "a source that fills the table bills",
}
#: Kinds that are named side by side, where a book is traded, and share no name.
_TOGETHER: Mapping[str, frozenset[str]] = dict.fromkeys(("strategy", "quoting"), frozenset({"strategy", "quoting"}))
#: Why a plug-in is kept out.
CODES: Mapping[str, str] = {
    "bad_name": "its entry point is not KIND.NAME with a kind that there is and a name in lower case",
    "name_clash": "its name is taken, by us or by another package",
    "no_licence": "its package declares no licence",
    "import_failed": "it cannot be imported, or ends the process",
    "api_version": "it was written for another version of the plug-in interface, or does not say for which",
    "wrong_kind": "it is not what its entry point says",
    "fails": "it raises with its own defaults on ordinary bars",
    "too_slow": "it gives no answer in time",
    "too_much_memory": "it takes more memory than it may",
    "meddles": "it changes what other code sees: environment, folder, random numbers, numeric settings, ours",
}
#: Limits of a probation.
SECONDS, MEGABYTES = 20.0, 1_024


@dataclass(frozen=True, slots=True)
class Plugin:
    """Something that a package declares.

    Parameters
    ----------
    kind, name : the two parts of its entry point
    target : ``package.module:attribute``
    package, version, licence : of the distribution; empty where it declares none
    """

    kind: str
    name: str
    target: str
    package: str = ""
    version: str = ""
    licence: str = ""

    @property
    def ours(self) -> bool:
        """Whether it is shipped with TradePulse itself."""
        return self.package == "tradepulse"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A plug-in and, where it is kept out, why: a reason code and its details."""

    plugin: Plugin
    code: str = ""
    detail: str = ""


def licence_of(metadata: "PackageMetadata") -> str:
    """Return the licence that a distribution declares, as an expression, a text or a classifier; empty if none."""
    for key in ("License-Expression", "License"):
        for value in metadata.get_all(key) or []:
            if value.strip() and value.strip().upper() != "UNKNOWN":
                return str(value.strip().splitlines()[0])
    classifiers = [value for value in metadata.get_all("Classifier") or [] if value.startswith("License ::")]
    return str(classifiers[0].rsplit("::", 1)[-1].strip()) if classifiers else ""


def declared(points: "list[EntryPoint] | None" = None) -> list[Plugin]:
    """Return every plug-in that is declared, sorted; nothing is imported."""
    from importlib.metadata import entry_points

    found = []
    for point in entry_points(group=GROUP) if points is None else points:
        kind, _, name = point.name.partition(".")
        about = point.dist.metadata if point.dist else None
        found.append(
            Plugin(
                kind, name, point.value,
                (about["Name"] if about else "").lower().replace("_", "-"),
                about["Version"] if about else "",
                licence_of(about) if about else "",
            )
        )  # fmt: skip
    return sorted(set(found), key=lambda plugin: (plugin.kind, plugin.name, plugin.package, plugin.target))


def on_paper(plugins: list[Plugin], taken: Mapping[str, set[str]]) -> list[Verdict]:
    """Return what can be said of plug-ins without importing them.

    Parameters
    ----------
    plugins : from :func:`declared`
    taken : names of what we ship that is no entry point, by kind
    """
    verdicts = []
    for plugin in plugins:
        kinds = _TOGETHER.get(plugin.kind, {plugin.kind})
        others = [p for p in plugins if p.kind in kinds and p.name == plugin.name and p is not plugin]
        code, detail = "", ""
        if plugin.kind not in KINDS or not plugin.name.isidentifier() or plugin.name != plugin.name.lower():
            code, detail = "bad_name", f"{plugin.kind}.{plugin.name}; a kind is one of {', '.join(KINDS)}"
        elif not plugin.ours and (held := [kind for kind in sorted(kinds) if plugin.name in taken.get(kind, set())]):
            code, detail = "name_clash", f"TradePulse ships a {held[0]} of this name"
        elif not plugin.ours and others:
            code, detail = "name_clash", f"declared by {others[0].package or others[0].target} too; uninstall one"
        elif not plugin.ours and not plugin.licence:
            code, detail = "no_licence", f"package {plugin.package or '?'} names none in its metadata"
        verdicts.append(Verdict(plugin, code, detail))
    return verdicts


def shipped_names() -> dict[str, set[str]]:
    """Return the names of the strategies and indicators that are found by their file."""
    from tradepulse.core import indicators
    from tradepulse.core.quoting.loader import quoting_strategies
    from tradepulse.core.strategies import loader

    return {
        "strategy": set(loader.shipped()), "quoting": set(quoting_strategies()), "indicator": set(indicators.shipped())
    }  # fmt: skip


def usable(kind: str) -> dict[str, Plugin]:
    """Return the plug-ins of a kind against which nothing speaks on paper, by name."""
    verdicts = on_paper(declared(), shipped_names())
    return {v.plugin.name: v.plugin for v in verdicts if v.plugin.kind == kind and not v.code}


def load(kind: str, name: str) -> Any:
    """Return a plug-in, imported; one that is not ours only after its probation.

    Raises
    ------
    UnknownName
        If none of that name is declared.
    PluginQuarantined
        If it is kept out, with the reason code.
    """
    verdicts = [
        v for v in on_paper(declared(), shipped_names()) if (v.plugin.kind, v.plugin.name) == (kind, name)
    ]  # fmt: skip
    if not verdicts:
        raise UnknownName(kind, name, sorted(usable(kind)))
    verdict = next((v for v in verdicts if not v.code), verdicts[0])
    if not verdict.code and not verdict.plugin.ours:
        verdict = probation(verdict.plugin)
    if verdict.code:
        raise PluginQuarantined(kind, name, verdict.code, verdict.detail)
    module, _, attribute = verdict.plugin.target.partition(":")
    return getattr(import_module(module), attribute)


@cache
def probation(
    plugin: Plugin, *, seconds: float = SECONDS, megabytes: int = MEGABYTES, path: tuple[str, ...] = ()
) -> Verdict:
    """Import a plug-in in a process of its own, start it, give it a few bars, and return the verdict.

    Parameters
    ----------
    plugin : what to try
    seconds, megabytes : what it may take
    path : folders to look for it in before all others
    """
    asked = json.dumps({"kind": plugin.kind, "name": plugin.name, "target": plugin.target, "megabytes": megabytes})
    command = [sys.executable, "-m", "tradepulse.core.probation", asked]
    answer, problem = run_apart(command, seconds, path)
    if problem:
        return Verdict(plugin, *problem)
    return Verdict(plugin, answer.get("code", ""), answer.get("detail", ""))


def run_apart(
    command: list[str], seconds: float, path: tuple[str, ...], environment: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], tuple[str, str] | None]:
    """Run a program of ours that speaks of a plug-in; return its last line as JSON, or the code and why it has none.

    Whatever the plug-in starts is ended with it.
    """
    paths = [*path, *(p for p in sys.path if p)]
    settings = {
        **os.environ, "PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
        **(environment or {}),
    }  # fmt: skip
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=settings,
        start_new_session=True, text=True, errors="replace",
    ) as child:  # fmt: skip
        try:
            out, err = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            return {}, ("too_slow", f"no answer in {seconds:g} s")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    lines = out.strip().splitlines()
    try:
        answer = json.loads(lines[-1]) if lines else None
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        return answer, None
    words = err.strip().splitlines()
    return {}, ("import_failed", f"it ended the process with {child.returncode}" + (f": {words[-1]}" if words else ""))
