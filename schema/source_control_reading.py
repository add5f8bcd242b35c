"""Fields that read Git: a folder, a file, history, a diff, a tried merge, of a repository or of a row at a sha."""

import base64
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import strawberry
from strawberry.types import Info
from strawberry.types.nodes import SelectedField, Selection

from schema.connections import Connection
from schema.git_objects import Diff, File, MergePreview, TreeEntry
from schema.pages import forward_page, page_size
from schema.scalars import GitSha
from services.errors import InvalidInput
from storage.tables.source_control import RepositoryRow

if TYPE_CHECKING:
    from schema.source_control import Commit

LazyCommit = Annotated["Commit", strawberry.lazy("schema.source_control")]
FOLDER = 100_000


@strawberry.type(description="A folder at a commit.")
class Tree:
    """Its entries are read page by page, all at the same commit."""

    commit_sha: GitSha = strawberry.field(description="The commit it is read at.")
    path: str = strawberry.field(description="From the root of the repository; empty for the root.")
    repository: strawberry.Private[RepositoryRow]

    @strawberry.field(description="Its files and folders in Git's order.")
    async def entries(self, info: Info, first: int | None = None, after: str | None = None) -> Connection[TreeEntry]:
        """A cursor is the name that the page goes on after."""
        git, size = info.context.git, page_size(first)
        last = None if after is None else _name(after)
        where = (self.repository, self.commit_sha, self.path)
        found = await git.ask(git.reading.tree, *where, limit=size + 1, after=last)

        async def count() -> int:
            return len(await git.ask(git.reading.tree, *where, limit=FOLDER))

        return forward_page(
            found,
            size,
            continued=after is not None,
            cursor=lambda one: _cursor(one.name),
            wrap=TreeEntry.of,
            count=count,
        )


@strawberry.type
class RepositoryReading:
    """What a repository reads at a ref: a branch or a full sha, the default branch when it is left out."""

    row: strawberry.Private[Any]

    @strawberry.field(description="A folder at a branch or sha; NOT_FOUND says what of ref and path is absent.")
    async def tree(self, info: Info, ref: str | None = None, path: str = "") -> Tree | None:
        """The root without a path."""
        git = info.context.git
        return Tree(commit_sha=await git.ask(git.reading.resolve, self.row, ref), path=path, repository=self.row)

    @strawberry.field(description="A file at a branch or sha; NOT_FOUND says what of ref and path is absent.")
    async def file(self, info: Info, path: str, ref: str | None = None) -> File | None:
        """At most 1 MiB."""
        git = info.context.git
        return File.of(await git.ask(git.reading.file, self.row, ref, path))

    @strawberry.field(description="The commits that a branch or sha reaches, newest first, as Git tells them.")
    async def commits(
        self, info: Info, ref: str | None = None, first: int | None = None, after: str | None = None
    ) -> Connection[LazyCommit]:
        """A cursor stays at the sha that its first page began at, whatever is committed meanwhile."""
        page: Connection[Any] = await info.context.git.history(self.row, ref, first, after)
        return page

    @strawberry.field(description="A commit by its full sha; null when no branch reaches it.")
    async def commit(self, info: Info, sha: GitSha) -> LazyCommit | None:
        """Natural key."""
        found: Commit | None = await info.context.git.commit(self.row, sha)
        return found

    @strawberry.field(description="What head changed since base, both branches or shas; at most 300 files.")
    async def diff(self, info: Info, base: str, head: str, from_merge_base: bool = False) -> Diff | None:
        """With fromMergeBase: since where the two parted."""
        git, patches = info.context.git, _selects(info.selected_fields, "patch")
        options = {"patches": patches, "from_merge_base": from_merge_base}
        return Diff.of(await git.ask(git.reading.diff, self.row, base, head, **options))

    @strawberry.field(description="Whether source would merge into target (the default branch), and what conflicts.")
    async def merge_preview(self, info: Info, source: str, target: str | None = None) -> MergePreview | None:
        """Both are branches or shas."""
        git = info.context.git
        return MergePreview.of(await git.ask(git.reading.merge, self.row, source, target))


@strawberry.type
class RevisionReading:
    """What a branch or a commit reads at its own sha."""

    row: strawberry.Private[Any]

    def revision(self) -> str:
        """The sha that is read."""
        return str(self.row.head_sha)

    @strawberry.field(description="A folder as it stands here.")
    async def tree(self, info: Info, path: str = "") -> Tree | None:
        """The root without a path."""
        repository = await info.context.git.repository(self.row.repository_id)
        return Tree(commit_sha=GitSha(self.revision()), path=path, repository=repository)

    @strawberry.field(description="A file as it stands here, at most 1 MiB.")
    async def file(self, info: Info, path: str) -> File | None:
        """NOT_FOUND when it is absent."""
        git = info.context.git
        repository = await git.repository(self.row.repository_id)
        return File.of(await git.ask(git.reading.file, repository, self.revision(), path))

    @strawberry.field(description="The commits that are reached from here, newest first.")
    async def commits(self, info: Info, first: int | None = None, after: str | None = None) -> Connection[LazyCommit]:
        """As Git tells them."""
        git = info.context.git
        repository = await git.repository(self.row.repository_id)
        page: Connection[Any] = await git.history(repository, self.revision(), first, after)
        return page


async def diff_of(info: Info, repository_id: UUID, base: str | None, head: str, *, from_merge_base: bool) -> Diff:
    """A row's own diff; patches are made only when they are asked for."""
    git = info.context.git
    repository = await git.repository(repository_id)
    options = {"patches": _selects(info.selected_fields, "patch"), "from_merge_base": from_merge_base}
    return Diff.of(await git.ask(git.reading.diff, repository, base, head, **options))


def _selects(selections: list[Any] | list[Selection], name: str) -> bool:
    return any(
        (isinstance(one, SelectedField) and one.name == name) or _selects(one.selections, name) for one in selections
    )


def _cursor(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def _name(cursor: str) -> str:
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode()
    except ValueError as error:
        raise InvalidInput(f"cursor {cursor[:60]!r} is not of a folder: leave it out", field="after") from error
