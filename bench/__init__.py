"""Measures over a served installation: one file each; ``make bench`` runs them and writes what they found."""
