"""What services need of Git, and how its refusals are told to users."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from providers.errors import ProviderRejected, ProviderUnavailable
from providers.git.commits import GitCommits
from providers.git.errors import (
    EmptyChange,
    FileTooLarge,
    InvalidBranchName,
    InvalidChange,
    InvalidPath,
    InvalidSha,
    PathMissing,
    RefMoved,
    RevisionMissing,
)
from providers.git.reading import GitReading
from providers.git.repositories import GitRepositories
from providers.git.values import RepositoryKey
from services.errors import Conflict, InvalidInput, NotFound, ProviderDown, ProviderRefused
from storage.tables.source_control import RefIntentRow, RepositoryRow


class Git(GitRepositories, GitCommits, GitReading, Protocol):
    """All of Git in one."""


def key_of(row: RepositoryRow | RefIntentRow) -> RepositoryKey:
    """Where the repository of a row lies."""
    repository_id = row.id if isinstance(row, RepositoryRow) else row.repository_id
    return RepositoryKey(tenant_id=row.tenant_id, repository_id=repository_id)


@contextmanager
def told(field: str = "branch") -> Iterator[None]:
    """Turns Git's refusals into the errors that users see; ``field`` is the input that names the branch or sha."""
    try:
        yield
    except (InvalidChange, EmptyChange) as error:
        raise InvalidInput(str(error), field="changes") from error
    except (InvalidBranchName, InvalidSha) as error:
        raise InvalidInput(str(error), field=field) from error
    except (InvalidPath, FileTooLarge) as error:
        raise InvalidInput(str(error), field="path") from error
    except RefMoved as error:
        raise Conflict(f"{error}: refetch and retry", field=field) from error
    except RevisionMissing as error:
        raise NotFound(str(error), field=field) from error
    except PathMissing as error:
        raise NotFound(str(error), field="path") from error
    except ProviderUnavailable as error:
        raise ProviderDown(str(error)) from error
    except ProviderRejected as error:
        raise ProviderRefused(str(error)) from error
