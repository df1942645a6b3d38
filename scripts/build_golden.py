"""Write version 1 of a golden set for each indicator that has none: real Nasdaq bars, values from TA-Lib.

``python -m scripts.build_golden "Name of who approves"``. Existing sets are left alone; a new version of one is
written by ``tradepulse_cli golden update NAME --reason TEXT``.
"""

import sys
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1] / "data" / "golden"


def main() -> None:
    """Write the missing sets."""
    from tradepulse.core.indicators import indicator, names
    from tradepulse.ingestion.arch import ArchSource
    from tradepulse.quality.golden import write_golden

    bars = ArchSource().bars(date(2015, 1, 2), date(2016, 12, 30)).accepted
    bars = bars[bars["symbol"] == "NASDAQ"].reset_index(drop=True)
    for name in names():
        if (ROOT / name).exists():
            continue
        declared = indicator(name)
        about = {
            "params": dict(declared.params),
            "source": "Nasdaq Composite, daily, 2015-01-02 to 2016-12-30, from the data of the arch package 8.0.0",
            "licence": "NCSA (arch)",
        }
        reason = "first version of the set"
        write_golden(
            ROOT / name / "v1", name, bars[list(declared.inputs)], about, reason, sys.argv[1], datetime.now(UTC).date()
        )
        print(f"wrote {ROOT / name / 'v1'}")


if __name__ == "__main__":
    main()
