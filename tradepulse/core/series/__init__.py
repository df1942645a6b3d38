"""Arithmetic on time series that indicators share: windows, recursions, streams.

Nothing here knows what a price is. Every function is causal: a value depends on its own bar and those before it.
"""
