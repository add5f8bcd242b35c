"""What happens by itself: the workers, their runtime, the dispatcher that wakes them, the durable engine."""
