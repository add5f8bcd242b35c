"""``python -m reservations``."""

import os

from reservations.server import serve

serve(int(os.environ.get("PORT", "8080")))
