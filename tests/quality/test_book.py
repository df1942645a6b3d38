import pytest

from tests.ingestion.recordings import WHOLE, depth, snapshot, ticker, trade, write
from tradepulse.ingestion.recording import load_recording
from tradepulse.quality.book import examine_recording


@pytest.fixture
def verdict(tmp_path):
    def call(lines):
        return {check.name: check for check in examine_recording(load_recording(write(tmp_path / "a.gz", lines)))}

    return call


def failed(checks):
    return [name for name, check in checks.items() if not check.passed]


def test_a_whole_recording_holds(verdict):
    checks = verdict(WHOLE)

    assert failed(checks) == []
    # Three differences end after the snapshot, at updates 12, 14 and 20; a newer top has come after each.
    assert checks["updates_follow_one_another"].seen == 3
    assert checks["the_top_is_the_venue_s"].seen == 3


def test_a_lost_difference_is_one_finding(verdict):
    checks = verdict([*WHOLE[:5], *WHOLE[6:]])

    assert checks["updates_follow_one_another"].failing == 1
    assert checks["updates_follow_one_another"].detail.startswith("updates 13 to 14 are missing before 20")
    # A book that is known to lack something is not compared there: update 12 was, update 20 is not.
    assert checks["the_top_is_the_venue_s"].seen == 1


def test_a_top_that_differs_from_the_venue_s_is_found(verdict):
    lines = [*WHOLE]
    lines[6] = ticker(14, "10.0", "2.0", "10.5", "4.0", at=200)

    checks = verdict(lines)

    assert failed(checks) == ["the_top_is_the_venue_s"]
    assert "update 14: rebuilt (10.0, 2.0, 10.5, 3.0), the venue says (10.0, 2.0, 10.5, 4.0)" in checks[
        "the_top_is_the_venue_s"
    ].detail  # fmt: skip


def test_a_crossed_book_is_found(verdict):
    assert "the_book_is_not_crossed" in failed(verdict([*WHOLE, depth(21, 22, asks=[["8.0", "1.0"]], at=400)]))


def test_a_receiving_clock_that_is_behind_is_found(verdict):
    lines = [depth(11, 12, at=2000, received=1000), *WHOLE[3:5], trade("10.0", "1", at=3000)]

    check = verdict(lines)["nothing_is_received_before_it_happened"]

    assert check.failing == 1
    assert "1.00 s at most: the receiving clock is behind the venue's" in check.detail


def test_receipts_that_run_backwards_are_found(verdict):
    assert "receipts_are_in_order" in failed(verdict([*WHOLE, trade("10.0", "1", at=5)]))


def test_a_trade_without_a_size_is_found(verdict):
    assert "trades_have_price_and_size" in failed(verdict([*WHOLE, trade("10.0", "0", at=500)]))


def test_without_a_snapshot_nothing_can_be_rebuilt_and_nothing_passes(verdict):
    checks = verdict([line for line in WHOLE if "lastUpdateId" not in line])

    assert failed(checks) == ["updates_follow_one_another", "the_book_is_not_crossed", "the_top_is_the_venue_s"]


def test_a_second_snapshot_replaces_the_book_only_when_it_is_newer(verdict):
    old = snapshot(10, [["1.0", "1.0"]], [["2.0", "1.0"]], at=250)
    assert failed(verdict([*WHOLE[:7], old, *WHOLE[7:]])) == []

    newer = snapshot(20, [["9.0", "1.0"]], [["10.5", "3.0"]], at=311)
    assert (
        failed(
            verdict(
                [
                    *WHOLE,
                    newer,
                    depth(21, 21, asks=[["10.5", "2.0"]], at=312),
                    ticker(22, "9.0", "1.0", "10.5", "1.0", at=320),
                ]
            )
        )
        == []
    )


@pytest.mark.parametrize(("market", "compared"), [("spot", 3449), ("usdm", 6545)])
def test_the_book_of_a_real_recording_is_the_venue_s_at_every_update(shared_data, market, compared):
    checks = {
        check.name: check
        for check in examine_recording(load_recording(shared_data / "l2" / f"binance_{market}_btcusdt_20240808.gz"))
    }

    assert failed(checks) == ["nothing_is_received_before_it_happened"]
    assert "received 1.27 s before the event at the median" in checks["nothing_is_received_before_it_happened"].detail
    assert (checks["the_top_is_the_venue_s"].seen, checks["the_top_is_the_venue_s"].failing) == (compared, 0)
