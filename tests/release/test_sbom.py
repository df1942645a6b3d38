import json
from pathlib import Path

import pytest

from tradepulse.errors import ToolMissing
from tradepulse.release import sbom
from tradepulse.release.sbom import syft_binary, unlisted, write_sbom


@pytest.mark.long  # the release job of the end-to-end tests asks the same of what it has written
def test_syft_names_every_installed_package(tmp_path):
    document = write_sbom(tmp_path / "release" / "sbom.cdx.json", "1.2.3")

    assert document["bomFormat"] == "CycloneDX"
    assert document["metadata"]["component"]["version"] == "1.2.3"
    assert unlisted(document) == []
    assert json.loads((tmp_path / "release" / "sbom.cdx.json").read_text()) == document


def test_a_package_that_is_not_listed_is_found():
    listed = {"components": [{"name": "pandas"}]}

    assert "pandas" not in unlisted(listed)
    assert "dagster" in unlisted(listed)


def test_without_syft_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(sbom.sysconfig, "get_path", lambda _: "/nowhere")
    monkeypatch.setattr(sbom.shutil, "which", lambda _: None)

    with pytest.raises(ToolMissing, match=r"pip install 'tradepulse\[release\]'"):
        syft_binary()


def test_syft_that_fails_leaves_nothing(tmp_path, monkeypatch):
    broken = tmp_path / "syft"
    broken.write_text("#!/bin/sh\necho no such catalog >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sbom, "syft_binary", lambda: Path(broken))

    with pytest.raises(ToolMissing, match=r"syft failed: .*no such catalog"):
        write_sbom(tmp_path / "out" / "sbom.json", "1")
    assert list((tmp_path / "out").iterdir()) == []
