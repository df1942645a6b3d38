"""Orders into fills: a process of its own, without dagster or pandas.

The modules on the path of an order may be there a second time, compiled (``make build-native``). They are used where
they were made from the sources that stand here, and where ``TRADEPULSE_NATIVE`` is not ``off``.
"""

import os
import sys
import warnings
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

#: Modules that are worth compiling, and the folder that their compiled form is in.
SOURCES = ("journal", "packing", "terms", "account", "risk", "orderpath", "matching", "desk")
NATIVE = "_native"


def sources_hash(folder: Path) -> str:
    """Return the hash of the sources in a folder, and of the interpreter that they are compiled for."""
    parts = [sys.implementation.cache_tag.encode(), *((folder / f"{name}.py").read_bytes() for name in SOURCES)]
    return sha256(b"\0".join(parts)).hexdigest()


def _use_native(folder: Path) -> None:
    native = folder / NATIVE
    if not native.is_dir() or os.environ.get("TRADEPULSE_NATIVE") == "off":
        return
    if (native / "sources").read_text() != sources_hash(folder):
        warnings.warn(f"{native} was made from other sources and is not used; run make build-native", stacklevel=3)
        return
    for library in native.glob("*__mypyc*"):
        # What the modules share; they ask for it by this name.
        name = library.name.partition(".")[0]
        if (spec := spec_from_file_location(name, library)) is not None and spec.loader is not None:
            sys.modules[name] = module_from_spec(spec)
            spec.loader.exec_module(sys.modules[name])
    __path__.insert(0, str(native))


_use_native(Path(__file__).parent)
