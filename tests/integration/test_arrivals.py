"""Which commits new heads bring, and that Git measures them as libgit2 does."""

import subprocess
from pathlib import Path

import pytest

from providers.git import arrivals
from providers.git.values import CommitInfo

HISTORY = """blob
mark :1
data 4
\0\1\2\3
commit refs/heads/one
mark :10
committer W <w@example.test> 1700000000 +0000
data 2
a
M 100644 inline text.txt
data 6
1
2
3
M 100644 :1 binary
M 120000 inline link
data 8
text.txt
commit refs/heads/one
mark :11
committer W <w@example.test> 1700000001 +0000
data 2
b
R text.txt moved.txt
M 100755 :1 binary
commit refs/heads/two
mark :12
committer W <w@example.test> 1700000002 +0000
data 2
c
from :10
M 100644 inline text.txt
data 4
1
3
commit refs/heads/one
mark :13
committer W <w@example.test> 1700000003 +0000
data 6
merge
from :11
merge :12
M 100644 inline merged
data 2
x
commit refs/heads/one
mark :14
committer W <w@example.test> 1700000004 +0000
data 6
empty
from :13
commit refs/heads/one
mark :15
committer W <w@example.test> 1700000005 +0000
data 4
all
deleteall
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--bare")
    git(tmp_path, "fast-import", "--quiet", given=HISTORY)
    return tmp_path


def git(folder: Path, *arguments: str, given: str = "") -> str:
    ran = subprocess.run(["git", *arguments], cwd=folder, input=given, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


async def told(folder: Path, *tips: str, known: tuple[str, ...] = (), limit: int = 100) -> list[list[str]]:
    shas, old = ([git(folder, "rev-parse", one) for one in names] for names in (tips, known))
    found = await arrivals.arrived(folder, shas, old, limit)
    return [[one.message.strip() for one in commits] for commits in found]


async def test_git_measures_commits_as_libgit2_does(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tips = [git(folder, "rev-parse", "one")]
    (by_libgit2,) = await arrivals.arrived(folder, tips, [], 100)
    monkeypatch.setattr(arrivals, "FEW", 0)
    (by_git,) = await arrivals.arrived(folder, tips, [], 100)
    assert by_git == by_libgit2
    assert {one.message.strip(): _size(one) for one in by_git} == {
        "a": (3, 4, 0), "b": (3, 3, 3), "c": (1, 0, 1), "merge": (1, 1, 0), "empty": (0, 0, 0), "all": (4, 0, 5),
    }  # fmt: skip


def _size(one: CommitInfo) -> tuple[int, int, int]:
    return one.files_changed, one.insertions, one.deletions


async def test_a_file_too_large_to_compare_counts_no_lines(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "COMPARED_BYTES", 4)
    monkeypatch.setattr(arrivals, "FEW", 0)
    (found,) = await arrivals.arrived(folder, [git(folder, "rev-parse", "two")], [], 100)
    assert [_size(one) for one in found] == [(3, 0, 0), (1, 0, 0)]


async def test_each_tip_brings_what_no_known_head_and_no_tip_before_it_reaches(folder: Path) -> None:
    assert await told(folder, "two", "one") == [["a", "c"], ["b", "merge", "empty", "all"]]
    assert await told(folder, "one", "two") == [["a", "b", "c", "merge", "empty", "all"], []]
    assert await told(folder, "one", known=("two",)) == [["b", "merge", "empty", "all"]]
    assert await told(folder, "one~2", known=("one~2",)) == [[]]


async def test_the_newest_are_told_and_every_tip_itself(folder: Path) -> None:
    assert await told(folder, "one", limit=2) == [["empty", "all"]]
    assert await told(folder, "one", "two", "one~3", limit=2) == [["empty", "all"], ["c"], ["b"]]
    assert await told(folder, "one", "two", limit=0) == [["all"], ["c"]]
