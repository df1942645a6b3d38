"""The week's page of suggestions, for those who pay and those who can act."""

import json
from collections.abc import Sequence
from datetime import date
from html import escape
from pathlib import Path

from tradepulse.core.files import replace_text
from tradepulse.finops.suggestions.base import Suggestion
from tradepulse.reporting.page import document, tiles


def write_recommendations(found: Sequence[Suggestion], total_nano_usd: int, folder: Path, day: date) -> Path:
    """Write a page and a JSON file named by the ISO week of a day; return the page's path.

    Parameters
    ----------
    found : suggestions, the largest saving first
    total_nano_usd : cost of everything measured so far
    folder : made if it is not there
    day : of the week that the page is named by
    """
    year, week, _ = day.isocalendar()
    page = folder / f"{year}-W{week:02}.html"
    rows = [one.row() for one in found]
    texts = {
        page: document(f"What could cost less, week {week} of {year}", _body(found, total_nano_usd)),
        page.with_suffix(".json"): json.dumps({"suggestions": rows, "total_nano_usd": total_nano_usd}, indent=1) + "\n",
    }
    for path, text in texts.items():
        replace_text(path, text)
    return page


def _verified(one: Suggestion) -> str:
    return f"USD {one.verified_nano_usd / 1e9:,.6f}" if one.verified_nano_usd is not None else "not yet"


def _body(found: Sequence[Suggestion], total: int) -> str:
    proven = sum(one.proven_nano_usd for one in found)
    cards = {
        "measured": f"USD {total / 1e9:,.6f}",
        "could have been saved, proven": f"USD {proven / 1e9:,.6f}",
        "share": f"{proven / total:.0%}" if total else "none",
    }
    if not found:
        return f"{tiles(cards)}<p>Nothing was found that could cost less.</p>"
    parts = [
        f"<h2>{escape(one.subject)} <span class='quiet'>{one.id}, {escape(one.team)}</span></h2>"
        f"<p>{escape(one.finding)}.</p><table>"
        f"<tr><th>would have saved</th><td class='n'>USD {one.expected_nano_usd / 1e9:,.6f}</td></tr>"
        f"<tr><th>of which proven</th><td class='n'>USD {one.proven_nano_usd / 1e9:,.6f}</td></tr>"
        f"<tr><th>verified by a re-run</th><td class='n'>{_verified(one)}</td></tr></table>"
        f"<p><b>What to do:</b> {escape(one.how)}.</p><p class='quiet'>{escape(one.counterfactual)}. "
        f"Runs: {', '.join(f'<code>{escape(run[:8])}</code>' for run in one.evidence[:12])}"
        f"{' and more' if len(one.evidence) > 12 else ''}.</p>"
        for one in found
    ]
    return tiles(cards) + "".join(parts)
