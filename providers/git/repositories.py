"""The port to repositories and their refs."""

from pathlib import Path
from typing import Protocol

from providers.git.values import RepositoryKey


class GitRepositories(Protocol):
    """Repositories and where their branches stand.

    Every method may be called from any task at once. Raises RepositoryMissing where the repository is absent.
    """

    async def create(self, key: RepositoryKey, *, default_branch: str) -> None:
        """Makes an empty bare repository; one that exists already is left as it is."""
        ...

    def path(self, key: RepositoryKey) -> Path:
        """Where Git's own programs find it."""
        ...

    async def refs(self, key: RepositoryKey, *, containing: str | None = None) -> dict[str, str]:
        """Every branch with its sha; with ``containing`` those that reach this commit, none when it is absent."""
        ...

    async def head(self, key: RepositoryKey, branch: str) -> str | None:
        """The branch's sha, or None."""
        ...

    async def swap(self, key: RepositoryKey, branch: str, *, old: str | None, new: str | None) -> None:
        """Compares and sets: None as old means absent, None as new deletes. RefMoved when old is not what stands."""
        ...

    async def maintain(self, key: RepositoryKey) -> None:
        """Packs and prunes, as ``git maintenance`` does; takes at most ten minutes.

        MaintenanceUnderWay while another does.
        """
        ...
