"""Translate words, decide nothing."""
