"""The software bill of materials: what is in the environment, by syft, as CycloneDX JSON."""

import json
import os
import shutil
import subprocess
import sysconfig
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from tradepulse.errors import ToolMissing

_SECONDS = 300


def syft_binary() -> Path:
    """Return the syft program: the one beside this Python, or the one on the path.

    Raises
    ------
    ToolMissing
        If there is neither.
    """
    beside = Path(sysconfig.get_path("scripts")) / "syft"
    found = str(beside) if beside.exists() else shutil.which("syft")
    if not found:
        raise ToolMissing(
            "syft is not installed: pip install 'tradepulse[release]', or put the syft program on the path"
        )
    return Path(found)


def write_sbom(path: Path, version: str) -> dict[str, Any]:
    """Scan the installed Python packages with syft, run as a program, and write what it finds.

    Parameters
    ----------
    path : CycloneDX JSON file; its folder is made
    version : of TradePulse, named as the subject

    Returns
    -------
    dict : the document

    Raises
    ------
    ToolMissing
        If syft is not installed or fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    command = [
        str(syft_binary()), "scan", f"dir:{sysconfig.get_path('purelib')}", "--quiet", "--select-catalogers", "python",
        "--source-name", "tradepulse", "--source-version", version, "--output", f"cyclonedx-json={fresh}",
    ]  # fmt: skip
    # syft would otherwise ask the network whether there is a newer one.
    environment = {**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false"}
    try:
        subprocess.run(command, check=True, env=environment, capture_output=True, timeout=_SECONDS)
        document: dict[str, Any] = json.loads(fresh.read_text())
        os.replace(fresh, path)
    except subprocess.CalledProcessError as exc:
        raise ToolMissing(f"syft failed: {exc.stderr.decode().strip().splitlines()[-1:]}") from exc
    finally:
        fresh.unlink(missing_ok=True)
    return document


def unlisted(document: dict[str, Any]) -> list[str]:
    """Return installed packages that a bill of materials does not name, sorted."""
    listed = {_normal(component["name"]) for component in document.get("components", [])}
    return sorted({_normal(d.metadata["Name"]) for d in distributions()} - listed)


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
