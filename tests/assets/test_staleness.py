"""What is stale after a vendor has restated a session: what was made of it, and nothing else."""

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from tradepulse_jobs.audit import outdated
from tradepulse_jobs.definitions import defs

SESSIONS = ("2018-10-26", "2018-10-29", "2018-10-30", "2018-10-31")
UNPARTITIONED = ("bars_history", "golden_values", "indicators", "restatements", "trials", "stress", "promotions")


@pytest.mark.slow
def test_a_restated_session_makes_stale_what_was_made_of_it_and_nothing_else(used, vendor):
    home, instance, make = used

    def stale():
        graph = defs.resolve_asset_graph()
        resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
        found = {name: resolver.get_status(dg.AssetKey(name)).value for name in UNPARTITIONED}
        for name in ("bars", "signals", "released_signals"):
            for session in SESSIONS:
                found[f"{name}:{session}"] = resolver.get_status(dg.AssetKey(name), session).value
        assert "MISSING" not in found.values()
        return {name for name, status in found.items() if status == "STALE"}

    assert stale() == set()
    assert outdated(home.lake) == ([], 23)

    vendor("nasdaq", "10/30/2018", lambda row: {**row, "Volume": 1})
    assert make("bars", partition="2018-10-30").success

    assert stale() == {"signals:2018-10-30"}
    # The signal of the day after was decided on that session too: the audit says so, by the bars' hash.
    assert outdated(home.lake) == (["2018-10-30", "2018-10-31"], 23)

    # Made again, one after the other, everything is as it should be; research is not touched by a new table.
    assert make("signals", partition="2018-10-30").success
    assert stale() == {"released_signals:2018-10-30"}
    assert make("restatements", "indicators").success
    for session in SESSIONS[2:]:
        assert make("signals", "released_signals", partition=session).success
    assert stale() == set()
    assert outdated(home.lake) == ([], 23)
