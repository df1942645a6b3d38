"""What every result cost: measured, priced, attributed."""
