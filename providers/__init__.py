"""The outside world behind small Protocols; knows neither storage nor services."""
