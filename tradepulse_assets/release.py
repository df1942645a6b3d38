"""Release: what ships with a version."""

import json
from typing import TYPE_CHECKING

import dagster as dg

from tradepulse_assets.home import Home
from tradepulse_assets.table_asset import table_check

if TYPE_CHECKING:
    from tradepulse.quality.check import Check

_TAGS = {"team": "platform", "strategy": "shared"}


@dg.asset(group_name="release", owners=["team:platform"], tags=_TAGS, kinds={"json"}, code_version="1")
def sbom(context: dg.AssetExecutionContext, home: Home) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The software bill of materials of the installed environment, by syft, in CycloneDX JSON."""
    from tradepulse import __version__
    from tradepulse.release.sbom import write_sbom

    with home.metered(context, "sbom", _TAGS):
        path = home.reports / "release" / "sbom.cdx.json"
        document = write_sbom(path, __version__)
        return dg.MaterializeResult(
            metadata={"file": dg.MetadataValue.path(str(path)), "components": len(document["components"])}
        )


@table_check(asset="sbom", team="platform")
def sbom_names_every_package(context: dg.AssetCheckExecutionContext, home: Home) -> "Check":
    """Each installed package is in the bill of materials."""
    from tradepulse.quality.check import Check
    from tradepulse.release.sbom import unlisted

    document = json.loads((home.reports / "release" / "sbom.cdx.json").read_text())
    missing = unlisted(document)
    return Check("sbom_names_every_package", len(document["components"]), len(missing), ", ".join(missing[:5]))
