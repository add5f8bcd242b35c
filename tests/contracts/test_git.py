"""What every Git provider must do, tried on the embedded one and its twin in memory, and judged by stock git."""

import asyncio
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pygit2
import pytest

from providers.errors import ProviderUnavailable
from providers.fakes.git import MemoryGit
from providers.git.embedded import EmbeddedGit
from providers.git.errors import (
    EmptyChange,
    FileTooLarge,
    InvalidChange,
    MergeConflict,
    NotFastForward,
    PathMissing,
    RefMoved,
    RepositoryMissing,
    RevisionMissing,
)
from providers.git.values import FileChange, FileMode, MergeMethod, RepositoryKey, Signature

WHO = Signature(name="Ada", email="ada@example.test", when=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
KEY = RepositoryKey(tenant_id=UUID(int=1), repository_id=UUID(int=2))
ABSENT = RepositoryKey(tenant_id=UUID(int=9), repository_id=UUID(int=2))


class Repository:
    """One repository with a shorthand for commits; stock git checks it, or a copy of what is in memory."""

    def __init__(self, git: EmbeddedGit, aside: Path) -> None:
        self.git = git
        self.aside = aside

    async def commit(self, parent: str | None, *changes: FileChange, message: str = "m", empty: bool = False) -> str:
        made = await self.git.write_commit(
            KEY, parent=parent, changes=changes, author=WHO, committer=WHO, message=message, allow_empty=empty
        )
        assert made == await self.git.commit(KEY, made.sha)
        return made.sha

    async def merge(self, target: str, source: str, method: MergeMethod = MergeMethod.MERGE) -> str:
        made = await self.git.write_merge(
            KEY, target=target, source=source, method=method, author=WHO, committer=WHO, message="merge"
        )
        assert made == await self.git.commit(KEY, made.sha)
        return made.sha

    def pipe(self, content: bytes, *arguments: str) -> str:
        command = ["git", "-C", str(self.folder()), *arguments]
        return subprocess.run(command, input=content, capture_output=True, check=True).stdout.decode().strip()

    def run(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.folder()), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def folder(self) -> Path:
        """Where stock git reads it."""
        if not isinstance(self.git, MemoryGit):
            return self.git.path(KEY)
        objects, branches = self.git.held(KEY)
        copy = pygit2.init_repository(str(self.aside), bare=True, initial_head="main")
        for kind, content in objects.values():
            copy.write(kind, content)
        for name, sha in branches.items():
            copy.references.create(f"refs/heads/{name}", sha, force=True)
        return self.aside


@pytest.fixture
async def on_disk(tmp_path: Path) -> Repository:
    git = EmbeddedGit(tmp_path)
    await git.create(KEY, default_branch="main")
    return Repository(git, tmp_path / "aside")


@pytest.fixture(params=["folder", "memory"])
async def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Repository:
    git = EmbeddedGit(tmp_path) if request.param == "folder" else MemoryGit()
    await git.create(KEY, default_branch="main")
    return Repository(git, tmp_path / "aside")


def write(path: str, content: str = "x\n", mode: FileMode = FileMode.REGULAR) -> FileChange:
    return FileChange(path=path, content=content.encode(), mode=mode)


def remove(path: str) -> FileChange:
    return FileChange(path=path, delete=True)


async def test_a_commit_holds_what_was_written_and_git_finds_no_fault(repository: Repository) -> None:
    first = await repository.commit(None, write("a/b.txt"), write("run.sh", "#!/bin/sh\n", FileMode.EXECUTABLE))
    second = await repository.commit(first, write("a/link", "b.txt", FileMode.SYMLINK), write("c.txt", "1\n2\n"))
    await repository.git.swap(KEY, "main", old=None, new=second)
    assert repository.run("ls-tree", "-r", "--format=%(objectmode) %(path)", "main").split("\n") == [
        "100644 a/b.txt", "120000 a/link", "100644 c.txt", "100755 run.sh", "",
    ]  # fmt: skip
    assert repository.run("fsck", "--strict", "--no-dangling") == ""
    told = await repository.git.commit(KEY, second)
    assert (told.parents, told.files_changed, told.insertions, told.deletions) == ((first,), 2, 3, 0)
    assert (told.author, told.message) == (WHO, "m")
    assert (await repository.git.commit(KEY, first)).files_changed == 2


async def test_the_same_input_gives_the_same_sha(repository: Repository) -> None:
    assert await repository.commit(None, write("a")) == await repository.commit(None, write("a"))


async def test_deleting_the_last_file_of_a_folder_removes_the_folder(repository: Repository) -> None:
    first = await repository.commit(None, write("a/b/c"), write("d"))
    second = await repository.commit(first, remove("a/b/c"))
    assert [entry.path for entry in await repository.git.tree(KEY, second)] == ["d"]


async def test_changes_that_change_nothing_are_refused(repository: Repository) -> None:
    first = await repository.commit(None, write("a"))
    with pytest.raises(EmptyChange):
        await repository.commit(first, write("a"))
    assert await repository.commit(first, write("a"), empty=True) != first


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ([write("../up")], "relative"),
        ([write("/abs")], "relative"),
        ([write("a//b")], "relative"),
        ([write("")], "bytes"),
        ([write(".git/config")], "'.git'"),
        ([write("x/.GIT")], "'.git'"),
        ([write("git~1/config")], "'.git'"),
        ([write(".git. /x")], "'.git'"),
        ([write(".g\u200cit/x")], "'.git'"),
        ([write("a\x07b")], "control"),
        ([write("a\\b")], "backslash"),
        ([write("\ud800")], "UTF-8"),
        ([write("a" * 5_000)], "bytes"),
        ([write("A"), write("a")], "case"),
        ([write("dir/File")], "case"),
        ([write("x"), write("x/y")], "file and a folder"),
        ([write("dir")], "folder stands"),
        ([write("dir/file/more")], "file stands"),
        ([write("x", "one"), write("x", "two")], "twice"),
        ([write("l", "/etc/passwd", FileMode.SYMLINK)], "relative"),
        ([write("a/l", "../../out", FileMode.SYMLINK)], "leaves the tree"),
        ([write(".gitmodules", "x", FileMode.SYMLINK)], "symlink"),
        ([remove("absent")], "no such file"),
        ([remove("dir")], "no such file"),
        ([FileChange(path="x")], "content or delete"),
        ([write(f"f{n}") for n in range(10_001)], "10,001 changes"),
    ],
)
async def test_what_no_commit_may_hold_is_refused_with_its_reason(
    repository: Repository, changes: list[FileChange], reason: str
) -> None:
    first = await repository.commit(None, write("dir/file"))
    with pytest.raises(InvalidChange, match=reason):
        await repository.commit(first, *changes)


async def test_a_rename_that_differs_in_case_only_passes(repository: Repository) -> None:
    first = await repository.commit(None, write("Readme"))
    with pytest.raises(InvalidChange, match="case"):
        await repository.commit(first, write("README"))


async def test_merges_join_both_sides(repository: Repository) -> None:
    base = await repository.commit(None, write("a"), write("b"))
    target = await repository.commit(base, write("a", "target\n"))
    source = await repository.commit(base, write("b", "source\n"))
    merged = await repository.merge(target, source)
    assert (await repository.git.commit(KEY, merged)).parents == (target, source)
    squashed = await repository.merge(target, source, MergeMethod.SQUASH)
    assert (await repository.git.commit(KEY, squashed)).parents == (target,)
    assert (await repository.git.file(KEY, squashed, "b", max_bytes=99)).data == b"source\n"
    assert await repository.merge(base, source, MergeMethod.FAST_FORWARD) == source
    with pytest.raises(NotFastForward):
        await repository.merge(target, source, MergeMethod.FAST_FORWARD)
    assert await repository.git.is_ancestor(KEY, base, merged)
    assert not await repository.git.is_ancestor(KEY, merged, base)


async def test_a_conflict_names_its_paths(repository: Repository) -> None:
    base = await repository.commit(None, write("a"), write("b"), write("c"))
    target = await repository.commit(base, write("a", "1\n"), write("b", "1\n"))
    source = await repository.commit(base, write("a", "2\n"), remove("b"), write("c", "2\n"))
    with pytest.raises(MergeConflict) as refused:
        await repository.merge(target, source)
    assert refused.value.paths == ("a", "b")
    preview = await repository.git.preview(KEY, target=target, source=source)
    assert (preview.mergeable, preview.conflicts) == (False, ("a", "b"))


async def test_of_two_racing_swaps_one_wins(repository: Repository) -> None:
    base = await repository.commit(None, write("a"))
    await repository.git.swap(KEY, "main", old=None, new=base)
    rivals = [await repository.commit(base, write("a", f"{n}\n")) for n in range(8)]
    done = await asyncio.gather(
        *(repository.git.swap(KEY, "main", old=base, new=sha) for sha in rivals), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in done) == ["NoneType"] + ["RefMoved"] * 7
    assert await repository.git.head(KEY, "main") == rivals[done.index(None)]


async def test_swaps_compare_also_when_creating_and_deleting(repository: Repository) -> None:
    base = await repository.commit(None, write("a"))
    other = await repository.commit(base, write("b"))
    await repository.git.swap(KEY, "topic/x", old=None, new=base)
    with pytest.raises(RefMoved):
        await repository.git.swap(KEY, "topic/x", old=None, new=other)
    with pytest.raises(RefMoved):
        await repository.git.swap(KEY, "topic/x", old=other, new=None)
    repository.run("pack-refs", "--all")
    await repository.git.swap(KEY, "topic/x", old=base, new=other)
    await repository.git.swap(KEY, "topic/x", old=other, new=None)
    assert await repository.git.refs(KEY) == {}


async def test_diffs_find_renames_and_give_patches(repository: Repository) -> None:
    text = "".join(f"line {n}\n" for n in range(20))
    base = await repository.commit(None, write("old.txt", text), write("gone"), write("kept", "1\n"))
    head = await repository.commit(
        base, remove("old.txt"), write("new.txt", text), remove("gone"), write("kept", "2\n")
    )
    diff = await repository.git.diff(KEY, base, head, patches=True)
    assert (diff.base_sha, diff.head_sha, diff.files_changed, diff.truncated) == (base, head, 3, False)
    found = {one.path: one for one in diff.files}
    assert {path: (one.status, one.old_path) for path, one in found.items()} == {
        "gone": ("DELETED", None), "kept": ("MODIFIED", None), "new.txt": ("RENAMED", "old.txt"),
    }  # fmt: skip
    assert "-1\n+2\n" in (found["kept"].patch or "")
    assert (found["kept"].insertions, found["kept"].deletions) == (1, 1)


async def test_a_diff_is_since_nothing_or_since_where_two_branches_parted(repository: Repository) -> None:
    base = await repository.commit(None, write("a"), write("b"))
    target = await repository.commit(base, write("a", "target\n"))
    source = await repository.commit(base, write("b", "source\n"))
    whole = await repository.git.diff(KEY, None, base, patches=False)
    assert (whole.base_sha, [(one.path, one.status, one.patch) for one in whole.files]) == (
        None, [("a", "ADDED", None), ("b", "ADDED", None)],
    )  # fmt: skip
    between = await repository.git.diff(KEY, target, source, patches=False)
    assert [one.path for one in between.files] == ["a", "b"]
    proposed = await repository.git.diff(KEY, target, source, patches=False, from_merge_base=True)
    assert (proposed.base_sha, [one.path for one in proposed.files]) == (base, ["b"])


async def test_a_diff_stays_within_its_bounds(repository: Repository) -> None:
    base = await repository.commit(None, write("a"))
    lines = "".join(f"{number:07}\n" for number in range(30_000))
    head = await repository.commit(
        base,
        *(write(f"f{number}", str(number)) for number in range(10)),
        write("binary", "\0"),
        write("huge", lines * 20),
        write("long", lines),
        *(write(f"much{number}", lines[:200_000]) for number in range(6)),
    )
    few = await repository.git.diff(KEY, base, head, patches=True, limit=4)
    assert (len(few.files), few.files_changed, few.truncated) == (4, 19, True)
    whole = await repository.git.diff(KEY, base, head, patches=True)
    found = {one.path: one for one in whole.files}
    assert (found["huge"].insertions, found["huge"].patch, found["huge"].truncated) == (None, None, True)
    assert (found["binary"].is_binary, found["binary"].insertions, found["binary"].truncated) == (True, None, False)
    assert (found["long"].insertions, found["long"].patch, found["long"].truncated) == (30_000, None, True)
    assert [found[f"much{number}"].truncated for number in range(6)] == [False] * 4 + [True] * 2
    assert (found["f1"].patch or "").endswith("+1\n\\ No newline at end of file\n")
    bare = await repository.git.diff(KEY, base, head, patches=False)
    assert [one.patch or one.truncated for one in bare.files] == [False] * 19


async def test_history_pages_go_on_after_a_sha(repository: Repository) -> None:
    shas = [await repository.commit(None, write("a", "0"))]
    for number in range(1, 5):
        shas.append(await repository.commit(shas[-1], write("a", str(number))))
    newest_first = shas[::-1]
    page = await repository.git.commits(KEY, shas[-1], limit=2)
    rest = await repository.git.commits(KEY, shas[-1], limit=9, after=page[-1].sha)
    assert [one.sha for one in page + rest] == newest_first
    since = await repository.git.commits(KEY, shas[-1], limit=9, until=shas[2])
    assert [one.sha for one in since] == newest_first[:2]
    assert await repository.git.shas(KEY, shas[-1], limit=3) == newest_first[:3]
    assert await repository.git.shas(KEY, shas[-1], limit=9, after=shas[2], until=shas[0]) == [shas[1]]


@pytest.mark.parametrize(
    ("stamp", "when"),
    [("99999999999999 +0000", "9999-12-30T23:59:59+00:00"), ("0 +9959", "1970-01-01T00:00:00+00:00")],
)
async def test_a_commit_that_is_odd_is_told_as_well_as_it_goes(on_disk: Repository, stamp: str, when: str) -> None:
    repository = on_disk
    first = await repository.commit(None, write("a"))
    tree = (await repository.git.commit(KEY, first)).tree_hash
    raw = f"tree {tree}\nauthor Zo\xeb <z@x> {stamp}\ncommitter Zo\xeb <z@x> {stamp}\n\nGr\xfc\xdfe\n".encode("latin-1")
    sha = repository.pipe(raw, "hash-object", "-w", "-t", "commit", "--literally", "--stdin")
    told = await repository.git.commit(KEY, sha)
    assert (told.message, told.author.name, told.author.when.isoformat()) == ("Gr\ufffd\ufffde\n", "Zo\ufffd", when)


async def test_folders_page_by_name(repository: Repository) -> None:
    first = await repository.commit(None, write("b/x", "12345"), write("a"), write("b.txt"), write("c"))
    names = [entry.name for entry in await repository.git.tree(KEY, first)]
    assert names == ["a", "b.txt", "b", "c"]
    rest = await repository.git.tree(KEY, first, limit=1, after="b.txt")
    assert [(entry.path, entry.kind, entry.size) for entry in rest] == [("b", "TREE", None)]
    assert [(entry.path, entry.size) for entry in await repository.git.tree(KEY, first, "b")] == [("b/x", 5)]
    assert await repository.git.tree(KEY, first, after="absent") == []


async def test_a_file_over_the_bound_is_refused_with_both_sizes(repository: Repository) -> None:
    first = await repository.commit(None, write("a", "12345"))
    with pytest.raises(FileTooLarge, match="has 5 bytes, over the 4"):
        await repository.git.file(KEY, first, "a", max_bytes=4)


async def test_branches_that_reach_a_commit_are_found(repository: Repository) -> None:
    first = await repository.commit(None, write("a"))
    second = await repository.commit(first, write("b"))
    loose = await repository.commit(first, write("c"))
    await repository.git.swap(KEY, "old", old=None, new=first)
    await repository.git.swap(KEY, "new", old=None, new=second)
    assert await repository.git.refs(KEY, containing=first) == {"old": first, "new": second}
    assert await repository.git.refs(KEY, containing=second) == {"new": second}
    for absent in (loose, "0" * 40):
        assert await repository.git.refs(KEY, containing=absent) == {}


async def test_what_is_absent_is_told(repository: Repository) -> None:
    first = await repository.commit(None, write("a/b"))
    with pytest.raises(RevisionMissing):
        await repository.git.commit(KEY, "0" * 40)
    with pytest.raises(RevisionMissing):
        await repository.git.commit(KEY, "nonsense")
    for path in ("x", "a/x", "a/b/c", "a"):
        with pytest.raises(PathMissing):
            await repository.git.file(KEY, first, path, max_bytes=9)
    with pytest.raises(RepositoryMissing):
        await repository.git.refs(RepositoryKey(tenant_id=UUID(int=9), repository_id=UUID(int=2)))


async def test_maintenance_keeps_every_reachable_object(repository: Repository) -> None:
    first = await repository.commit(None, write("a"))
    await repository.git.swap(KEY, "main", old=None, new=first)
    await repository.git.maintain(KEY)
    assert (await repository.git.file(KEY, first, "a", max_bytes=9)).data == b"x\n"
    with pytest.raises(RepositoryMissing):
        await repository.git.maintain(ABSENT)


async def test_every_method_tells_of_an_absent_repository(repository: Repository) -> None:
    git, sha = repository.git, "1" * 40
    changes = [write("a")]
    calls = [
        git.refs(ABSENT),
        git.head(ABSENT, "main"),
        git.swap(ABSENT, "main", old=None, new=sha),
        git.maintain(ABSENT),
        git.write_commit(ABSENT, parent=None, changes=changes, author=WHO, committer=WHO, message="m"),
        git.write_merge(
            ABSENT, target=sha, source=sha, method=MergeMethod.MERGE, author=WHO, committer=WHO, message="m"
        ),
        git.commit(ABSENT, sha),
        git.commits(ABSENT, sha, limit=1),
        git.shas(ABSENT, sha, limit=1),
        git.tree(ABSENT, sha),
        git.file(ABSENT, sha, "a", max_bytes=1),
        git.diff(ABSENT, None, sha, patches=False),
        git.preview(ABSENT, target=sha, source=sha),
        git.is_ancestor(ABSENT, sha, sha),
    ]
    told = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(one) for one in told] == [RepositoryMissing] * len(calls)


async def test_no_branch_stands_where_another_has_its_folder(repository: Repository) -> None:
    first = await repository.commit(None, write("a"))
    await repository.git.swap(KEY, "topic", old=None, new=first)
    with pytest.raises(RefMoved):
        await repository.git.swap(KEY, "topic/x", old=None, new=first)
    await repository.git.swap(KEY, "topic", old=first, new=None)
    await repository.git.swap(KEY, "topic/x", old=None, new=first)
    with pytest.raises(RefMoved):
        await repository.git.swap(KEY, "topic", old=None, new=first)
    with pytest.raises(RefMoved):
        await repository.git.swap(KEY, "other", old=None, new="1" * 40)
    assert await repository.git.refs(KEY) == {"topic/x": first}


def test_what_is_in_memory_has_no_folder() -> None:
    with pytest.raises(ProviderUnavailable, match="is in memory"):
        MemoryGit().path(KEY)


async def test_maintenance_packs_the_folder(on_disk: Repository) -> None:
    repository = on_disk
    first = await repository.commit(None, write("a"))
    await repository.git.swap(KEY, "main", old=None, new=first)
    await repository.git.maintain(KEY)
    assert (await repository.git.file(KEY, first, "a", max_bytes=9)).data == b"x\n"
    assert repository.run("count-objects").startswith("0 objects")


async def test_creating_at_once_makes_one_whole_repository(tmp_path: Path) -> None:
    git = EmbeddedGit(tmp_path)
    await asyncio.gather(*(git.create(KEY, default_branch="trunk") for _ in range(16)))
    repository = Repository(git, tmp_path / "aside")
    assert repository.run("symbolic-ref", "HEAD").strip() == "refs/heads/trunk"
    assert repository.run("config", "receive.denyNonFastForwards").strip() == "true"
    assert [entry.name for entry in git.path(KEY).parent.iterdir()] == [git.path(KEY).name]
