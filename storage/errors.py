"""What storage raises: StorageError > (TenantViolation, UniqueViolation, Unavailable > Contended)."""


class StorageError(Exception):
    """Any refusal of the storage layer; services map it to what users see."""


class TenantViolation(StorageError):
    """A statement touched a tenant's table without that tenant's bound parameter: always a defect of ours."""


class UniqueViolation(StorageError):
    """A unique index refused the flush; ``constraint`` is its name where the database tells it."""

    def __init__(self, constraint: str) -> None:
        super().__init__(f"a row with the same values exists already ({constraint})")
        self.constraint = constraint


class Unavailable(StorageError):
    """The database cannot be reached or gives nothing now; of a commit nobody can tell whether it was done."""


class Contended(Unavailable):
    """The database ended the transaction in favour of another and kept nothing: the unit of work may be repeated."""
