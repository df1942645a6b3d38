"""The price book: dated prices per meter. Changing a price from a day on leaves what came before as it was."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from pathlib import Path
from typing import Any

from tradepulse.errors import ConfigError

SHIPPED = Path(__file__).with_name("prices.yaml")
NANO = 1_000_000_000

#: Meter, its key in the price book, and how many of its own units that price buys.
METERS = {
    "cpu": ("cpu_usd_per_hour", 3_600_000),  # CPU ms
    "memory": ("memory_usd_per_gib_hour", 1024 * 3_600_000),  # MiB ms
    "written": ("written_usd_per_gib", 1024**3),  # bytes
    "read": ("read_usd_per_gib", 1024**3),  # bytes
    "gpu": ("gpu_usd_per_hour", 3_600_000),  # GPU ms
    "held": ("held_usd_per_gib_month", 730 * 1024**3),  # byte hours; a month has 730 of them
}
#: Meters that every step has a line of, and every entry of a price book a price.
ALWAYS = ("cpu", "memory", "written")


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Prices by day.

    Parameters
    ----------
    since : first day of each entry, ascending
    prices : nano-dollars per priced quantity, by meter, one mapping per entry
    version : hash of the file
    """

    since: tuple[date, ...]
    prices: tuple[dict[str, int], ...]
    version: str

    def price_nano_usd(self, meter: str, day: date) -> int:
        """Return a meter's price on a day, in nano-dollars per priced quantity."""
        place = bisect_right(self.since, day) - 1
        if place < 0:
            raise ConfigError(f"the price book begins on {self.since[0]}, after {day}; add an entry for that time")
        if meter not in self.prices[place]:
            raise ConfigError(f"the price book has no price of {meter} on {day}; add {METERS[meter][0]} to its entry")
        return self.prices[place][meter]


def load_prices(path: Path = SHIPPED) -> PriceBook:
    """Return the price book in a YAML file.

    Raises
    ------
    ConfigError
        Naming the entry and key that is missing, unknown, negative or no number.
    """
    import yaml

    try:
        text = path.read_text()
        entries: Any = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise ConfigError(f"{path}: no readable price book ({str(exc).splitlines()[0]})") from exc
    if not isinstance(entries, list) or not entries:
        raise ConfigError(f"{path}: a price book is a list of entries with 'from' and a price per meter")
    keys, needed = {key for key, _ in METERS.values()}, {METERS[meter][0] for meter in ALWAYS}
    since, prices = [], []
    for number, entry in enumerate(entries, start=1):
        have = set(entry) if isinstance(entry, dict) else set()
        if not needed | {"from"} <= have <= keys | {"from"} or not isinstance(entry["from"], date):
            raise ConfigError(
                f"{path}: entry {number} must have 'from' (a date), {', '.join(sorted(needed))}, and may have "
                f"{', '.join(sorted(keys - needed))}"
            )
        since.append(entry["from"])
        prices.append(
            {meter: _nano(entry[key], path, number, key) for meter, (key, _) in METERS.items() if key in have}
        )
    if sorted(set(since)) != since:
        raise ConfigError(f"{path}: entries must be in order of 'from', each day once")
    return PriceBook(tuple(since), tuple(prices), sha256(text.encode()).hexdigest()[:16])


def _nano(value: object, path: Path, number: int, key: str) -> int:
    try:
        amount = Decimal(str(value)) * NANO
    except InvalidOperation as exc:
        raise ConfigError(f"{path}: entry {number}: {key} is no number: {value!r}") from exc
    if not amount.is_finite() or amount < 0 or amount != amount.to_integral_value():
        raise ConfigError(f"{path}: entry {number}: {key} must be a price of at most nine decimals, not {value!r}")
    return int(amount)
