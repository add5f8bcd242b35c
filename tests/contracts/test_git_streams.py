"""Content that comes as a stream is the same commit as content in memory, within the same bounds."""

import io
from pathlib import Path

import pytest

from providers.git.embedded import EmbeddedGit
from providers.git.embedded_commits import COMPARED_BYTES
from providers.git.errors import InvalidChange
from providers.git.paths import MOST_BYTES
from providers.git.values import FileChange, FileMode, Stream
from tests.contracts.test_git import KEY, Repository, repository, write

__all__ = ["repository"]


def streamed(path: str, content: bytes, mode: FileMode = FileMode.REGULAR, size: int | None = None) -> FileChange:
    stream = Stream(size=len(content) if size is None else size, open=lambda: io.BytesIO(content))
    return FileChange(path=path, content=stream, mode=mode)


@pytest.mark.parametrize("content", [b"", b"x\n", b"\x00\xff" * 70_000], ids=["empty", "text", "binary"])
async def test_a_stream_makes_the_same_commit_as_its_bytes(repository: Repository, content: bytes) -> None:
    held = FileChange(path="a/b", content=content, mode=FileMode.EXECUTABLE)
    assert await repository.commit(None, streamed("a/b", content, FileMode.EXECUTABLE)) == await repository.commit(
        None, held
    )


async def test_a_stream_is_opened_once_and_closed(repository: Repository) -> None:
    opened: list[io.BytesIO] = []

    def source() -> io.BytesIO:
        opened.append(io.BytesIO(b"x"))
        return opened[-1]

    await repository.commit(None, FileChange(path="a", content=Stream(size=1, open=source)))
    assert [one.closed for one in opened] == [True]


async def test_what_a_stream_raises_passes_through_and_leaves_no_commit(tmp_path: Path) -> None:
    git = EmbeddedGit(tmp_path)
    await git.create(KEY, default_branch="main")

    def absent() -> io.BytesIO:
        raise LookupError("gone meanwhile")

    with pytest.raises(LookupError, match="gone meanwhile"):
        await Repository(git, tmp_path / "aside").commit(
            None, write("a"), FileChange(path="b", content=Stream(size=1, open=absent))
        )
    assert await git.refs(KEY) == {}


async def test_streams_count_towards_the_bytes_of_a_commit(repository: Repository) -> None:
    with pytest.raises(InvalidChange, match=f"{MOST_BYTES + 1:,} bytes are over the limit"):
        await repository.commit(None, write("a", "x"), streamed("b", b"", size=MOST_BYTES))


async def test_a_symlink_is_no_stream(repository: Repository) -> None:
    with pytest.raises(InvalidChange, match="not as an upload"):
        await repository.commit(None, streamed("a", b"b", FileMode.SYMLINK))


async def test_a_file_too_large_to_compare_counts_as_changed_without_lines(repository: Repository) -> None:
    large = streamed("large", b"x\n" * (COMPARED_BYTES // 2 + 1))
    made = await repository.git.commit(KEY, await repository.commit(None, large, write("small", "1\n2\n")))
    assert (made.files_changed, made.insertions, made.deletions) == (2, 2, 0)
    after = await repository.git.commit(KEY, await repository.commit(made.sha, write("large"), write("small", "1\n")))
    assert (after.files_changed, after.insertions, after.deletions) == (2, 0, 1)
