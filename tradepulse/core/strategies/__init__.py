"""Strategies: the protocol, the loader, and those we ship, one file each."""
