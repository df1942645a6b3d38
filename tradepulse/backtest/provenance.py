"""Which code and which packages a decision was made with."""

from functools import cache
from hashlib import sha256
from importlib.metadata import distributions
from pathlib import Path


@cache
def code_version() -> str:
    """Return a hash of every source file and setting of the package that runs, first 16 digits."""
    root = Path(__file__).parents[1]
    digest = sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix in {".py", ".yaml", ".json"} and path.is_file():
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@cache
def environment() -> str:
    """Return a hash of the name and version of every installed package, first 16 digits."""
    found = {f"{one.metadata['Name'].lower()}=={one.version}" for one in distributions() if one.metadata["Name"]}
    return sha256("\n".join(sorted(found)).encode()).hexdigest()[:16]
