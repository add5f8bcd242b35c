"""Inputs and payloads of the source-control context."""

import base64
import binascii
from enum import Enum

import strawberry

from providers.git.values import FileChange, FileMode
from schema.commands import Command, Payload, given
from schema.inputs import of_leaves
from schema.mapping import id_of
from schema.scalars import GitSha, Sha256Digest
from schema.source_control import Branch, Commit, Repository
from services.errors import InvalidInput
from services.source_control import branches, commits, protection, repositories

strawberry.enum(FileMode, description="What a file is; a SYMLINK's content is its target.")


@strawberry.input(description="Ask for a module's repository.")
class ProvisionRepositoryInput(Command):
    """Watch its events: RepositoryProvisioned or RepositoryProvisioningFailed follows."""

    module_id: strawberry.ID
    name: str | None = None
    description: str = ""
    default_branch: str = "main"
    required_reviews: int = 1

    def to_command(self) -> repositories.ProvisionRepository:
        """Frozen."""
        return repositories.ProvisionRepository(
            module_id=id_of(self.module_id, "Module", "moduleId"),
            name=self.name,
            description=self.description,
            default_branch=self.default_branch,
            required_reviews=self.required_reviews,
        )


@strawberry.input(description="Make a repository read-only.")
class ArchiveRepositoryInput(Command):
    """Archiving it again changes nothing."""

    repository_id: strawberry.ID

    def to_command(self) -> repositories.ArchiveRepository:
        """Frozen."""
        return repositories.ArchiveRepository(repository_id=id_of(self.repository_id, "Repository", "repositoryId"))


@strawberry.type(description="The repository.")
class RepositoryPayload(Payload):
    """Null when refused."""

    repository: Repository | None = strawberry.field(default=None, description="The repository as it is now.")


@strawberry.enum(description="How content is written in JSON.")
class Encoding(Enum):
    """Text, or bytes."""

    UTF8 = "UTF8"
    BASE64 = "BASE64"


@of_leaves
@strawberry.input(description="One file as it shall be, or gone.")
class FileChangeInput:
    """Give one of content, uploadDigest (of POST /uploads) and delete."""

    path: str
    content: str | None = None
    encoding: Encoding = Encoding.UTF8
    upload_digest: Sha256Digest | None = None
    mode: FileMode = FileMode.REGULAR
    delete: bool = False

    def to_change(self) -> FileChange | commits.UploadedFile:
        """Bytes, or the digest of what was uploaded."""
        if (self.content is not None) + (self.upload_digest is not None) + self.delete != 1:
            raise InvalidInput(f"{self.path[:200]!r}: give one of content, uploadDigest and delete", field="changes")
        if self.upload_digest is not None:
            return commits.UploadedFile(path=self.path, digest=self.upload_digest, mode=self.mode)
        return FileChange(path=self.path, content=self._bytes(), mode=self.mode, delete=self.delete)

    def _bytes(self) -> bytes | None:
        if self.content is None:
            return None
        try:
            if self.encoding is Encoding.BASE64:
                return base64.b64decode(self.content, validate=True)
            return self.content.encode()
        except (binascii.Error, ValueError) as error:
            raise InvalidInput(
                f"{self.path[:200]!r}: the content is not {self.encoding.value}", field="changes"
            ) from error


@strawberry.input(description="Make a branch.")
class CreateBranchInput(Command):
    """From a branch or a sha; from the default branch without either."""

    repository_id: strawberry.ID
    name: str
    from_branch: str | None = None
    from_sha: GitSha | None = None

    def to_command(self) -> branches.CreateBranch:
        """Frozen."""
        if self.from_branch is not None and self.from_sha is not None:
            raise InvalidInput("fromBranch and fromSha exclude each other", field="fromSha")
        return branches.CreateBranch(
            repository_id=id_of(self.repository_id, "Repository", "repositoryId"),
            name=self.name,
            from_branch=self.from_branch,
            from_sha=self.from_sha,
        )


@strawberry.type(description="The branch.")
class CreateBranchPayload(Payload):
    """Null when refused."""

    branch: Branch | None = strawberry.field(default=None, description="The new branch.")


@strawberry.input(description="Delete a branch; its commits stay.")
class DeleteBranchInput(Command):
    """Refused for the default branch, protected ones and those with open pull requests."""

    repository_id: strawberry.ID
    name: str
    expected_head_sha: GitSha | None = None

    def to_command(self) -> branches.DeleteBranch:
        """Frozen."""
        return branches.DeleteBranch(
            repository_id=id_of(self.repository_id, "Repository", "repositoryId"),
            name=self.name,
            expected_head_sha=self.expected_head_sha,
        )


@strawberry.type(description="The repository without the branch.")
class DeleteBranchPayload(Payload):
    """Null when refused."""

    repository: Repository | None = strawberry.field(default=None, description="The repository as it is now.")


@strawberry.input(description="Protect a branch, or loosen its protection, which needs devops.admin.")
class ProtectBranchInput(Command):
    """It then moves by merged pull requests only; requiredReviews null is what the repository asks for."""

    repository_id: strawberry.ID
    name: str
    is_protected: bool = True
    required_reviews: int | None = strawberry.UNSET

    def to_command(self) -> protection.ProtectBranch:
        """Frozen."""
        return protection.ProtectBranch(
            repository_id=id_of(self.repository_id, "Repository", "repositoryId"),
            name=self.name,
            is_protected=self.is_protected,
            required_reviews=given(self.required_reviews),
        )


@strawberry.type(description="The branch.")
class ProtectBranchPayload(Payload):
    """Null when refused."""

    branch: Branch | None = strawberry.field(default=None, description="The branch as it is now.")


@strawberry.input(description="Commit changes onto a branch.")
class CreateCommitInput(Command):
    """With expectedHeadSha it is CONFLICT when the branch has moved; without, it follows whatever is there."""

    repository_id: strawberry.ID
    branch: str
    message: str
    changes: list[FileChangeInput]
    artifact_id: strawberry.ID | None = None
    expected_head_sha: GitSha | None = None

    def to_command(self) -> commits.CreateCommit:
        """Frozen."""
        artifact = self.artifact_id
        return commits.CreateCommit(
            repository_id=id_of(self.repository_id, "Repository", "repositoryId"),
            branch=self.branch,
            message=self.message,
            changes=tuple(change.to_change() for change in self.changes),
            artifact_id=None if artifact is None else id_of(artifact, "Artifact", "artifactId"),
            expected_head_sha=self.expected_head_sha,
        )


@strawberry.type(description="The commit.")
class CreateCommitPayload(Payload):
    """The branch's head when it is the same artifact and tree."""

    commit: Commit | None = strawberry.field(default=None, description="The commit.")
