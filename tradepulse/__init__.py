"""TradePulse: market data to settled orders as one chain of evidence."""

__version__ = "0.1.0"
