"""Trading days of exchanges as plain data, one module per exchange."""
