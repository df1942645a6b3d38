import pytest

from tests.execution.orders import order
from tradepulse.core.orders import Approved, Side
from tradepulse.errors import ConfigError
from tradepulse.execution.brokers.simulated import Fees, SimulatedVenue


@pytest.fixture
def venue(tmp_path):
    venue = SimulatedVenue(tmp_path / "venue.journal", Fees(commission_bp=1.5, slippage_bp=2.0))
    yield venue
    venue.close()


def test_an_order_fills_at_the_next_open_moved_by_the_slippage(venue):
    venue.submit(Approved(order(quantity=100)))
    venue.auction("2018-10-02", {"AAA": 50_000_000})

    # 50 + 2 bp = 50.01; 100 units = 5,001; 1.5 bp of that = 0.75015.
    (filled,) = venue.fills()
    assert (filled.price_micros, filled.slippage_micros, filled.commission_micros) == (50_010_000, 10_000, 750_150)
    assert (filled.session, filled.quantity, filled.side) == ("2018-10-02", 100, Side.BUY)
    assert filled.evidence == "opening auction of 2018-10-02 at 50000000 micros"


def test_a_sale_is_moved_the_other_way(venue):
    venue.submit(Approved(order(side=Side.SELL)))
    venue.auction("2018-10-02", {"AAA": 50_000_000})

    assert venue.fills()[0].price_micros == 49_990_000


def test_an_order_does_not_fill_in_the_session_it_was_decided_in(venue):
    venue.submit(Approved(order(session="2018-10-02")))
    venue.auction("2018-10-02", {"AAA": 50_000_000})

    assert venue.fills() == ()


def test_an_order_rests_until_its_symbol_trades(venue):
    venue.submit(Approved(order()))
    venue.auction("2018-10-02", {"BBB": 50_000_000})
    venue.auction("2018-10-03", {"AAA": 60_000_000})

    assert [f.session for f in venue.fills()] == ["2018-10-03"]


def test_the_same_id_is_placed_once_and_an_auction_held_twice_fills_once(venue):
    venue.submit(Approved(order()))
    venue.submit(Approved(order()))
    venue.auction("2018-10-02", {"AAA": 50_000_000})
    venue.auction("2018-10-02", {"AAA": 50_000_000})

    assert len(venue.fills()) == 1


def test_the_venue_remembers_when_we_have_died(venue, tmp_path):
    venue.submit(Approved(order("o1")))
    venue.submit(Approved(order("o2")))
    venue.auction("2018-10-02", {"AAA": 50_000_000})
    before = venue.fills()

    again = SimulatedVenue(tmp_path / "venue.journal", Fees(1.5, 2.0))

    assert again.fills() == before
    assert again.knows(order("o2"))
    assert not again.knows(order("o3"))
    again.close()


@pytest.mark.parametrize("bad", [-1.0, 10_001.0, 0.001, float("nan"), float("inf")])
def test_fees_out_of_range_are_refused(bad):
    with pytest.raises(ConfigError, match=r"slippage_bp must lie between 0 and 10000 in steps of 0.01"):
        Fees(0.0, bad)
