"""The same orders against history: engine, frictions, stress, statistics, research and promotion."""
