"""Reference data that every other context points at."""
