"""True on paper: no files, no clock, no network, no environment."""
