"""How a worker tells the runtime what to do next: Retry, Defer, Stop or Ignore."""


class WorkerSignal(Exception):
    """Read by the runtime alone."""


class Retry(WorkerSignal):
    """Failed in a way that may pass; counts an attempt. ``after`` is in seconds, None for the usual backoff."""

    def __init__(self, reason: str, *, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class Defer(WorkerSignal):
    """Waits for something; counts no attempt."""

    def __init__(self, reason: str, *, after: float) -> None:
        super().__init__(reason)
        self.after = after


class Stop(WorkerSignal):
    """Will never pass: a dead letter at once."""


class Ignore(WorkerSignal):
    """Nothing to do: the delivery is marked processed."""


class Superseded(BaseException):
    """A newer execution carries the delivery, and this one changes nothing more; no ``except Exception`` sees it."""
