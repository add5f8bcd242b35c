"""What is wrong with an expression, and where."""


class ExpressionError(Exception):
    """An expression that cannot be read or evaluated; ``offset`` counts characters from its start."""

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset
