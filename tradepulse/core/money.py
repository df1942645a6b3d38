"""Exact amounts that are shown in a coarser unit, and still add up."""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal

CENT = Decimal("0.01")


def apportioned(amounts: Sequence[Decimal], total: Decimal | None = None, unit: Decimal = CENT) -> list[Decimal]:
    """Return amounts in whole units that add up to a total (largest remainders).

    Parameters
    ----------
    amounts : exact, of either sign
    total : in whole units; by default the rounded sum of the amounts
    unit : what they are rounded to

    Returns
    -------
    list in the order of ``amounts``: each is rounded down, and what is missing to the total goes, one unit each, to
        those that lost most by it, of equals to the earlier. A total that was rounded elsewhere may be a unit more than
        that; the order is then gone through again.
    """
    wanted = sum(amounts, Decimal(0)).quantize(unit) if total is None else total
    cut = [amount.quantize(unit, rounding=ROUND_FLOOR) for amount in amounts]
    missing = int((wanted - sum(cut, Decimal(0))) / unit)
    order = sorted(range(len(amounts)), key=lambda place: (-(amounts[place] - cut[place]), place))
    for number in range(abs(missing)):
        cut[order[number % len(order)]] += unit if missing > 0 else -unit
    return cut
