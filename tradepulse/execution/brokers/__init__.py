"""Brokers and venues, one file each."""
