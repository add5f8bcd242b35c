"""What a Git provider refuses, each with what, where and what would pass."""

from providers.errors import ProviderRejected, ProviderUnavailable


class RepositoryMissing(ProviderRejected):
    """There is no such repository."""


class RevisionMissing(ProviderRejected):
    """The repository has no such commit."""

    def __init__(self, sha: str) -> None:
        super().__init__(f"there is no commit {sha[:64]!r} here")
        self.sha = sha


class PathMissing(ProviderRejected):
    """The commit has no such path."""

    def __init__(self, path: str) -> None:
        super().__init__(f"there is no {path[:200]!r} at that commit")
        self.path = path


class FileTooLarge(ProviderRejected):
    """The file is larger than one answer may be."""

    def __init__(self, path: str, size: int, most: int) -> None:
        super().__init__(f"{path[:200]!r} has {size:,} bytes, over the {most:,} of one answer: clone the repository")
        self.path, self.size = path, size


class RefMoved(ProviderRejected):
    """The branch is not where the caller believed; read it again."""

    def __init__(self, branch: str, expected: str | None, actual: str | None) -> None:
        super().__init__(f"branch {branch!r} is at {actual or 'nothing'}, not at {expected or 'nothing'}")
        self.branch, self.expected, self.actual = branch, expected, actual


class MaintenanceUnderWay(ProviderUnavailable):
    """Another process is at it, or one that was killed less than eleven minutes ago; git itself would say nothing."""


class MergeConflict(ProviderRejected):
    """Both sides changed these paths differently."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        super().__init__(f"both sides changed {', '.join(paths[:20])}: merge the target into the source first")
        self.paths = paths


class NotFastForward(ProviderRejected):
    """The target has commits that the source lacks."""


class EmptyChange(ProviderRejected):
    """The changes leave every file as it is."""


class InvalidChange(ProviderRejected):
    """A path or content that no commit may hold."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path[:200]!r}: {reason}")
        self.path, self.reason = path, reason


class InvalidPath(ProviderRejected):
    """A path that no tree can hold."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path[:200]!r}: {reason}")
        self.path, self.reason = path, reason


class InvalidBranchName(ProviderRejected):
    """A name that Git would refuse."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name[:200]!r} is not a branch name: {reason}")
        self.name, self.reason = name, reason


class InvalidSha(ProviderRejected):
    """A sha that is not written in full."""

    def __init__(self, sha: str) -> None:
        super().__init__(f"{sha[:80]!r} is not a sha: 40 lower-case hex digits would pass")
        self.sha = sha


class RequestMalformed(ProviderRejected):
    """The body is not what Git's protocol sends."""


class PushCorrupt(ProviderRejected):
    """Objects that Git finds fault with, or that miss what they name; the message is Git's own."""


class RefRefused(ProviderRejected):
    """A ref that Git will not make or move, in Git's own words, or a tag that moved meanwhile."""

    def __init__(self, ref: str, reason: str) -> None:
        super().__init__(reason)
        self.ref = ref
