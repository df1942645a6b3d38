"""Wheels written by hand: one that conforms, and some that do not, each in its own way."""

import zipfile
from textwrap import dedent

INDICATOR = '''
"""An indicator."""
import numpy as np
from tradepulse.core.indicators.base import Indicator
TRADEPULSE_API = 1

def {name}(close, *, window=5):
    """Return the close of some bars ago.

    Parameters
    ----------
    close : shape (n,)
    window : bars

    Returns
    -------
    float64 array of shape (n,); the first ``window`` are NaN
    """
    out = np.full(len(close), np.nan)
    {body}
    return out

THING = Indicator(
    "{name}", {name}, inputs=("close",), outputs=("{name}",), params={{"window": 5}}, warmup=lambda window: window
)
'''
STRATEGY = '''
"""A strategy."""
from tradepulse.core.strategies.base import Strategy
TRADEPULSE_API = 1
{above}

class Thing(Strategy):
    """Long after a rise and flat after a fall, bar by bar, for a test."""

    name = "{name}"
    version = "1"
    params = {{"window": 5}}
    warmup = 2

    def initialize(self):
        self.before = None
        {initialize}

    def handle_tick(self, bar, desk):
        if self.before is not None:
            {decide}
        self.before = bar.close
'''
QUOTING = '''
"""A quoting strategy."""
from tradepulse.core.orders import UNIT, Side
from tradepulse.core.quoting.base import Compiled, QuotingStrategy
TRADEPULSE_API = 1
{above}

class Thing(QuotingStrategy):
    """Bid at the best price of others, one order at a time, for a test."""

    name = "{name}"
    version = "1"
    params = {{"size": 0.01}}
    ranges = {{"size": (0.001, 10.0)}}

    def on_market(self, market, desk):
        if not desk.open_orders() and market.bid is not None:
            {act}
{more}
'''
HONEST = "out[window:] = close[:-window] if len(close) > window else []"
FOLLOW = "desk.target(bar.symbol, self.quantity if bar.close > self.before else 0)"


def indicator(name="mine", body=HONEST):
    return INDICATOR.format(name=name, body=body)


def strategy(name="mine", above="", initialize="pass", decide=FOLLOW):
    return STRATEGY.format(name=name, above=above, initialize=initialize, decide=decide)


BID = "desk.submit(Side.BUY, round(self.settings['size'] * UNIT), market.bid)"


def quoting(name="mine", above="", act=BID, more=""):
    return QUOTING.format(name=name, above=above, act=act, more=more)


def wheel(folder, code, *, point="strategy.mine", target="odd.thing:Thing", package="odd", licence="MIT", requires=()):
    """Write a wheel with one module and one plug-in and return its path."""
    path = folder / f"{package}-1.0-py3-none-any.whl"
    about = [f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0"]
    about += [f"License: {licence}"] if licence else []
    about += [f"Requires-Dist: {requirement}" for requirement in requires]
    info = f"{package}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("odd/__init__.py", "")
        archive.writestr("odd/thing.py", dedent(code))
        archive.writestr(f"{info}/METADATA", "\n".join(about) + "\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
        archive.writestr(f"{info}/entry_points.txt", f"[tradepulse.plugins]\n{point} = {target}\n")
    return path
