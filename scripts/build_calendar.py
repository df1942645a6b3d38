"""Write the trading days of an exchange as plain data, from the exchange_calendars package.

The order path and the Dagster definitions need trading days without importing pandas (2 s); this file is how they get
them. ``python -m scripts.build_calendar`` rewrites it; a test compares it with the package.
"""

from collections import defaultdict
from pathlib import Path

FIRST, LAST = "1960-01-01", "2027-10-31"
TARGET = Path(__file__).parents[1] / "tradepulse" / "core" / "calendars" / "xnys.py"


def main() -> None:
    """Write ``tradepulse/core/calendars/xnys.py``."""
    import exchange_calendars
    import pandas as pd

    calendar = exchange_calendars.get_calendar("XNYS", start=FIRST, end=LAST)
    sessions = calendar.sessions
    weekdays = pd.date_range(FIRST, LAST, freq="B")
    opens = calendar.opens.dt.tz_convert("America/New_York")
    closes = calendar.closes.dt.tz_convert("America/New_York")
    odd_opens = opens[opens.dt.strftime("%H:%M") != "09:30"]
    odd_closes = closes[closes.dt.strftime("%H:%M") != "16:00"]

    lines = [
        '"""Trading days of the New York Stock Exchange; written by scripts/build_calendar.py, not by hand."""',
        "",
        f'FIRST = "{FIRST}"',
        f'LAST = "{LAST}"',
        'ZONE = "America/New_York"',
        'OPEN = "09:30"',
        'CLOSE = "16:00"',
        "",
        "# Weekdays without trading, month and day, by year.",
        "HOLIDAYS = {",
    ]
    by_year: dict[int, list[str]] = defaultdict(list)
    for day in weekdays.difference(sessions):
        by_year[day.year].append(day.strftime("%m-%d"))
    lines += [f'    {year}: "{" ".join(days)}",' for year, days in sorted(by_year.items())]
    lines += ["}", "", "# Sessions that open or close at another time than usual, New York time."]
    for name, odd in (("ODD_OPENS", odd_opens), ("ODD_CLOSES", odd_closes)):
        lines.append(f"{name}: dict[str, str] = {{")
        lines += [f'    "{day:%Y-%m-%d}": "{at:%H:%M}",' for day, at in odd.items()]
        lines.append("}")
    TARGET.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
