import pytest

from tradepulse.backtest.frictions import Costs
from tradepulse.errors import ConfigError


def test_slippage_is_adverse_on_both_sides_and_commission_is_on_the_notional():
    costs = Costs(commission_bp=2.0, slippage_bp=50.0)

    assert costs.price(200.0, +1) == pytest.approx(201.0)
    assert costs.price(200.0, -1) == pytest.approx(199.0)
    assert costs.commission(10_000.0) == pytest.approx(2.0)  # 2 bp of the notional, not 2 per unit


@pytest.mark.parametrize("name", ["commission_bp", "slippage_bp"])
@pytest.mark.parametrize("bad", [-0.1, 10_000.1, float("nan"), float("inf")])
def test_costs_out_of_range_are_refused(name, bad):
    with pytest.raises(ConfigError, match=f"{name} must lie between 0 and 10000"):
        Costs(**{name: bad})
