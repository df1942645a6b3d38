"""Charts as SVG text that stands inside a page."""

from io import BytesIO, StringIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours of every chart: ink, an accent, a quiet line, a warning.
INK, ACCENT, QUIET, WARNING = "#134", "#2a7de1", "#8aa0b0", "#c22"


def figure(width: float = 9.0, height: float = 3.6) -> "Figure":
    """Return an empty figure, in inches, that no window system knows of."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def bare(*axes: "Axes") -> None:
    """Take the frame's upper and right side off axes."""
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)


def svg(drawn: "Figure") -> str:
    """Return a figure as SVG text, the same bytes for the same figure."""
    import matplotlib

    buffer = StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "tradepulse"}):
        drawn.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue().split("?>", 1)[1]


def png(drawn: "Figure") -> bytes:
    """Return a figure as a small PNG, for the metadata of an event log."""
    buffer = BytesIO()
    drawn.savefig(buffer, format="png", dpi=70)
    return buffer.getvalue()
