"""First and last session of each source, for those who must not import pandas to ask."""

from datetime import date

COVERAGE = {"arch": (date(1999, 1, 4), date(2018, 12, 31))}
