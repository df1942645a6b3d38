"""When things run, and with what."""
