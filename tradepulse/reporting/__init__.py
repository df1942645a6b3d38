"""How every page TradePulse writes looks."""
