"""What holds for an account at a venue: grid, fees, and the limits of risk."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from tradepulse.core.orders import UNIT

#: One unit of a fee rate: a millionth of a basis point. Cash is held in units of price times quantity times this rate,
#: so that a fee on any fill is a whole number.
FEE: Final = 10**6
#: What the fee on a price times a quantity is counted in parts of, as cash is.
WHOLE_BP: Final = 10_000 * FEE
#: Once the equity, as leverage is limited.
LEVERAGE: Final = 10**6
#: One unit of currency as cash is held.
MONEY: Final = UNIT * UNIT * WHOLE_BP


@dataclass(frozen=True, slots=True)
class Limits:
    """What risk allows; a limit that is None does not exist. Quantities and money in units, a collar in units of bp.

    Parameters
    ----------
    max_price_age_ms : how long ago the price that risk goes by may have been seen; no price at all is too old
    max_clock_skew_ms : how far the venue's clock and ours may lie apart when a price is seen
    max_short : how much may be short after all open orders on that side fill; 0 for an account that borrows nothing
    max_leverage : how much all that is held may be worth, after whichever side of the open orders makes it more, for
        one of equity, both at the mid; in units of :data:`LEVERAGE`
    """

    max_order_quantity: int | None = None
    max_order_notional: int | None = None
    max_position: int | None = None
    price_collar_bp: int | None = None
    max_open_orders: int | None = None
    max_orders_per_second: int | None = None
    max_daily_loss: int | None = None
    max_price_age_ms: int | None = None
    max_clock_skew_ms: int | None = None
    max_short: int | None = None
    max_leverage: int | None = None


class Place(NamedTuple):
    """One of several venues.

    Parameters
    ----------
    name : of it
    tick, lot : steps of price and quantity there, in units
    maker_fee, taker_fee : in units of :data:`FEE`; below zero is a rebate
    latency_us : until an order of ours is there
    half_life_us : after which half of what it displays is gone; 0 if it waits for us
    instrument : number of the instrument that is traded there, where there are several
    """

    name: str
    tick: int
    lot: int
    maker_fee: int = 0
    taker_fee: int = 0
    latency_us: float = 0.0
    half_life_us: float = 0.0
    instrument: int = 0


class Instrument(NamedTuple):
    """One of several instruments that an account trades, all for the same money.

    Parameters
    ----------
    symbol : of it
    limits : of risk that count its units or go by its price, those in :data:`OF_INSTRUMENT`
    position : at the start, in units
    """

    symbol: str
    limits: Limits = Limits()
    position: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for an account at a venue.

    Parameters
    ----------
    tick, lot : steps of price and quantity, in units
    maker_fee, taker_fee : in units of :data:`FEE`; below zero is a rebate
    limits : of risk
    cash, position : at the start, in units
    venues : all of them where there are several, by the number that tickets have; the first is the one said above
    instruments : all of them where there are several, by the number that venues have, each with a venue; the first is
        the one said above, whose limits are the account's too
    strategies : of each, where there are several, by the number that tickets have, what risk allows of the account;
        of the limits those in :data:`OF_STRATEGY`
    """

    tick: int
    lot: int
    maker_fee: int = 0
    taker_fee: int = 0
    limits: Limits = Limits()
    cash: int = 0
    position: int = 0
    venues: tuple[Place, ...] = ()
    strategies: tuple[Limits, ...] = ()
    instruments: tuple[Instrument, ...] = ()

    @property
    def traded(self) -> tuple[int, ...]:
        """Number of the instrument that is traded at each venue."""
        if self.instruments:
            return tuple(place.instrument for place in self.venues)
        return (0,) * max(1, len(self.venues))

    def instrument_of(self, venue: int) -> int:
        """Return the number of the instrument that is traded at a venue."""
        return self.venues[venue].instrument if self.instruments else 0

    def home_of(self, instrument: int) -> int:
        """Return the first venue of an instrument."""
        return next((n for n, place in enumerate(self.venues) if place.instrument == instrument), 0)

    def symbol_of(self, venue: int) -> str:
        """Return what is traded at a venue, where there are several instruments, else nothing."""
        return self.instruments[self.venues[venue].instrument].symbol if self.instruments else ""


#: Limits that there may be on what a strategy has of the account, of each instrument its units; a refusal names them
#: with ``strategy_`` before.
OF_STRATEGY = ("max_order_quantity", "max_order_notional", "max_position", "max_open_orders")
#: Limits that each of several instruments has of its own; the others are the account's.
OF_INSTRUMENT = ("max_order_quantity", "max_order_notional", "max_position", "price_collar_bp", "max_short")
