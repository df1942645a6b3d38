"""The look of every page TradePulse writes: one file, no script, no request to anywhere."""

from collections.abc import Mapping, Sequence
from html import escape

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #123; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; margin-bottom: .2rem } h2 { font-size: 1.2rem; margin-top: 2rem; border-bottom: 1px solid #dde }
table { border-collapse: collapse; margin: .8rem 0; font-size: 14px }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #e6e9ee; vertical-align: top }
th { color: #567; font-weight: 600 } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
code { font-size: 13px; background: #f3f5f8; padding: 0 .25rem; border-radius: 3px }
.good { color: #17693b } .bad, .bad td { color: #b3261e } .quiet { color: #678 } svg { max-width: 100%; height: auto }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem; margin: 1rem 0 }
.card { border: 1px solid #dde3ea; border-radius: 8px; padding: .6rem .9rem; overflow-wrap: anywhere }
.card b { display: block; font-size: 1.35rem }
"""


def document(title: str, body: str) -> str:
    """Return a whole HTML page.

    Parameters
    ----------
    title : plain text
    body : HTML
    """
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{escape(title)}</title>"
        f"<style>{_STYLE}</style><h1>{escape(title)}</h1>{body}</html>\n"
    )


def tiles(figures: Mapping[str, str]) -> str:
    """Return figures side by side, each under its name."""
    each = "".join(f"<div class='card'>{escape(name)}<b>{escape(value)}</b></div>" for name, value in figures.items())
    return f"<div class='cards'>{each}</div>"


def chain(ids: Mapping[str, str]) -> str:
    """Return a table of the ids that lead back to where something comes from."""
    rows = "".join(f"<tr><th>{escape(name)}</th><td><code>{escape(id)}</code></td></tr>" for name, id in ids.items())
    return f"<table>{rows}</table>"


def rules(asked: Sequence[tuple[str, int, int]], against: str) -> str:
    """Return a table of the rules that fills were held against: name, how many were asked, how many broke it.

    Parameters
    ----------
    asked : none where nothing was
    against : what they were held against
    """
    if not asked:
        return ""
    rows = "".join(
        f"<tr{' class=bad' if broken else ''}><td>{escape(name)}</td><td class='n'>{seen:,}</td>"
        f"<td class='n'>{broken:,}</td></tr>"
        for name, seen, broken in asked
    )
    return (
        "<h2>Could these fills have happened?</h2><table><tr><th>rule</th><th class='n'>asked of</th>"
        f"<th class='n'>broken by</th></tr>{rows}</table><p class='quiet'>Held against the {escape(against)} by code "
        "that the engine does not share.</p>"
    )
