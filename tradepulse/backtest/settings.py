"""One YAML file of settings: a shipped one by its name, or anybody's by its path."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from tradepulse.errors import ConfigError, UnknownName


def shipped(folder: Path) -> list[str]:
    """Return the names of the files in a folder of shipped ones."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load_settings(name: str, folder: Path, kind: str, takes: Collection[str]) -> tuple[str, dict[str, Any]]:
    """Return the name of a file without its ending, and its keys and values.

    Parameters
    ----------
    name : of a shipped file, or a path
    folder : of the shipped ones
    kind : what such a file holds, for messages: ``scenario``
    takes : keys that it may have

    Raises
    ------
    UnknownName
        If it is neither.
    ConfigError
        If it is not readable, no mapping, or has a key that it does not take.
    """
    path = folder / f"{name}.yaml"
    if not path.is_file():
        path = Path(name)
        if not path.is_file():
            raise UnknownName(kind, name, shipped(folder))
    import yaml

    try:
        content: Any = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise ConfigError(f"{path.name}: not readable as YAML ({str(exc).splitlines()[0]})") from exc
    if not isinstance(content, dict):
        raise ConfigError(f"{path.name}: a {kind} is a mapping of keys to values")
    if unknown := sorted(set(map(str, content)) - set(takes)):
        raise ConfigError(f"{path.name}: unknown keys {unknown}; a {kind} takes {', '.join(sorted(takes))}")
    return path.stem, content
