"""Compile the order path with mypyc: the same source, somewhat faster. Nothing needs it, and nothing else changes.

``make build-native`` puts the extension modules into ``tradepulse/execution/_native``, where they are used as long as
the sources are those that they were made from. Without a C compiler it says so, and all stays as it is.
"""

import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from tradepulse.execution import NATIVE, SOURCES, sources_hash

PACKAGE = Path(__file__).parents[1] / "tradepulse"


def build(package: Path = PACKAGE) -> int:
    """Compile the modules of a package, this one by default; return the exit code."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        print(f"no C compiler ({compiler}): the order path runs as Python, as before")
        return 0
    folder = package / "execution"
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / package.name
        shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__", NATIVE))
        files = [str(Path(package.name) / "execution" / f"{name}.py") for name in SOURCES]
        command = [str(Path(sys.executable).with_name("mypyc")), "--strict", "--follow-imports=silent", *files]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
        if done.returncode:
            said = done.stdout[-2000:] + done.stderr[-2000:]
            print(f"mypyc failed, and the order path runs as Python, as before:\n{said}")
            return 1
        made = [*Path(place).glob("*__mypyc*.so"), *(copy / "execution").glob("*.so")]
        fresh = folder / f"{NATIVE}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        for file in made:
            shutil.copy(file, fresh)
        (fresh / "sources").write_text(sources_hash(folder))
        shutil.rmtree(folder / NATIVE, ignore_errors=True)
        fresh.rename(folder / NATIVE)
    print(f"{len(made)} extension modules in {folder / NATIVE}; remove the folder to run as Python again")
    return 0


if __name__ == "__main__":
    sys.exit(build())
