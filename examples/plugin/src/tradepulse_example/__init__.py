"""An example of a TradePulse plug-in."""
