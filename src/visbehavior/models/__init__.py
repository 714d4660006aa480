"""Models of behavior, fitted to tables of flashes."""
