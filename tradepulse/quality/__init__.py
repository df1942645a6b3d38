"""Whether the data and the numbers computed from them can be believed."""
