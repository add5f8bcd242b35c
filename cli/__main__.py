"""``python -m cli``, which ``slipway`` runs."""

from cli.app import main

main()
