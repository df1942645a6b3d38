"""Vendor files and feeds into tables, one file per vendor."""
