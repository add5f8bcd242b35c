"""What tasks and ``##vso`` commands publish: artifacts, results of tests, coverage."""

import asyncio
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Final

from providers.pipelines.local.collection import Found, NotCollected
from providers.pipelines.local.commands import Command
from providers.pipelines.local.files import Files, Outside
from providers.pipelines.local.patterns import Patterns
from providers.pipelines.local.place import JobPlace
from providers.pipelines.results.errors import ResultsInvalid
from providers.pipelines.results.parse import parse_coverage, parse_tests
from providers.pipelines.results.values import Outcome, TestFormat
from providers.pipelines.values import Produced, ProducedKind

FORMATS: Final = {
    "junit": TestFormat.JUNIT,
    "nunit": TestFormat.NUNIT,
    "vstest": TestFormat.TRX,
    "trx": TestFormat.TRX,
    "xunit": TestFormat.XUNIT,
}
COBERTURA: Final = "COBERTURA"
_WILD: Final = frozenset("*?[")


@dataclass(kw_only=True)
class Published:
    """What became of result files; ``problems`` say which were not taken."""

    files: int = 0
    total: int = 0
    failed: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """For one step."""

    place: JobPlace
    step: int

    async def artifact(self, name: str, path: str, *, folder: str = "") -> int:
        """A file, or a folder's files; how many. Outside, NotCollected."""
        files = self.place.files
        source = files.inside(path, self.place.workspace.sources)
        found = await asyncio.to_thread(_files_of, files, source, folder)
        stored = await self.place.collection.store(ProducedKind.ARTIFACT, name, found, step=self.step)
        self.place.collection.keep(stored)
        return len(found)

    async def tests(self, written: TestFormat, found: Sequence[Path], title: str) -> Published:
        """Each file that can be read."""
        published = Published()
        for path in found:
            await self._taken(published, ProducedKind.TEST_RESULTS, written, path, title)
        return published

    async def coverage(self, found: Sequence[Path]) -> Published:
        """Each file that can be read; ``total`` counts the source files."""
        published = Published()
        for path in found:
            await self._taken(published, ProducedKind.COVERAGE, None, path, "coverage")
        return published

    async def _taken(
        self, published: Published, kind: ProducedKind, written: TestFormat | None, path: Path, title: str
    ) -> None:
        files, collection = self.place.files, self.place.collection
        told = files.told(path)
        try:
            stored = await collection.store(
                kind,
                title,
                [Found(path=told, open=partial(files.open, path))],
                step=self.step,
                written=written or COBERTURA,
            )
            total, failed = await asyncio.to_thread(self._counted, stored[0], written)
            collection.count_cases(total if written is not None else 0)
            collection.keep(stored)
        except (Outside, NotCollected, ResultsInvalid) as error:
            published.problems = (*published.problems, f"{told}: {error}")
        else:
            published.files, published.total = published.files + 1, published.total + total
            published.failed += failed

    def _counted(self, stored: Produced, written: TestFormat | None) -> tuple[int, int]:
        with self.place.collection.open(stored) as file:
            if written is None:
                return len(parse_coverage(file)), 0
            cases = parse_tests(written, file)
        return len(cases), sum(case.outcome is Outcome.FAILED for case in cases)


def matching(files: Files, text: str, base: str, sources: Path) -> list[Path]:
    """The files that patterns mean, in order; relative ones are below ``base``."""
    folder = files.inside(base, sources)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [("!" if line[0] == "!" else "", os.path.join(folder, line.lstrip("!").strip())) for line in lines]
    patterns = Patterns([sign + files.told(Path(path)) for sign, path in named])
    starts = {_start(files, path) for sign, path in named if not sign}
    found: set[Path] = set()
    for start in starts:
        if start.is_dir():
            found.update(start / path for path in files.below(start))
        else:
            found.add(start)
    return sorted(path for path in found if patterns.matches(files.told(path)) and os.path.lexists(path))


def _start(files: Files, pattern: str) -> Path:
    """The folder below which everything that a pattern means lies."""
    fixed = takewhile(lambda one: not _WILD & set(one), files.told(Path(pattern)).split("/"))
    return files.inside("/".join(fixed) or ".", files.root)


def _files_of(files: Files, source: Path, folder: str) -> list[Found]:
    prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
    if ".." in prefix.split("/"):
        raise NotCollected(f"{folder!r} leaves the artifact")
    if not os.path.lexists(source):
        raise Outside(f"{files.told(source)!r} is not there")
    if not source.is_dir():
        return [_found(files, source, prefix + source.name)]
    return [_found(files, source / path, prefix + path) for path in files.below(source)]


def _found(files: Files, path: Path, name: str) -> Found:
    with files.open(path) as file:
        executable = bool(os.fstat(file.fileno()).st_mode & stat.S_IXUSR)
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise NotCollected(f"the name {name!r} is not UTF-8") from error
    return Found(path=name, open=partial(files.open, path), executable=executable)


async def heed(publisher: Publisher, wanted: Command) -> list[str]:
    """What a ``##vso`` command wants published; what is said of it. Outside, NotCollected, ValueError."""
    files, sources = publisher.place.files, publisher.place.workspace.sources
    properties = wanted.properties
    if wanted.name == "artifact.upload":
        name, folder = properties.get("artifactname", ""), properties.get("containerfolder", "")
        count = await publisher.artifact(name or folder or "drop", wanted.data.strip(), folder=folder if name else "")
        return [f"Published {count} files as artifact {name or folder or 'drop'!r}"]
    if wanted.name == "codecoverage.publish":
        if properties.get("codecoveragetool", "").lower() != "cobertura":
            raise ValueError("codecoverage.publish needs codecoveragetool=Cobertura")
        published = await publisher.coverage([files.inside(properties.get("summaryfile", ""), sources)])
        told = f"coverage of {published.total} source files"
    else:
        written = FORMATS.get(properties.get("type", "").lower())
        named = [one.strip() for one in properties.get("resultfiles", wanted.data).split(",") if one.strip()]
        if written is None or not named:
            raise ValueError("results.publish needs type=JUnit, NUnit, VSTest or XUnit, and resultFiles=<paths>")
        title = properties.get("runtitle", "") or "tests"
        published = await publisher.tests(written, [files.inside(one, sources) for one in named], title)
        told = f"{published.total} test cases, {published.failed} failed"
    return [*(f"##[warning]{problem}" for problem in published.problems), f"Read {published.files} files: {told}"]
