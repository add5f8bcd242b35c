"""The tasks that this machine does itself; the others that a file may name are scripts."""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from providers.pipelines.local.files import Files
from providers.pipelines.local.patterns import Patterns
from providers.pipelines.local.place import JobPlace, StepEnd
from providers.pipelines.local.publishing import FORMATS, Published, Publisher, matching
from providers.pipelines.local.pythons import python_for
from providers.pipelines.values import Produced, Status


class Failed(ValueError):
    """The task says so."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One task of one step, its inputs with their variables replaced."""

    place: JobPlace
    step: int
    inputs: Mapping[str, str]

    def flag(self, name: str) -> bool:
        """Whether an input says true."""
        return self.inputs.get(name, "").strip().lower() == "true"

    def say(self, text: str) -> None:
        """A line of the log."""
        self.place.write(self.step, [text])

    @property
    def publisher(self) -> Publisher:
        """For this step."""
        return Publisher(place=self.place, step=self.step)

    def path(self, name: str) -> Path:
        """An input that names a place in the job's folder."""
        return self.place.files.inside(self.inputs[name].strip(), self.place.workspace.sources)


async def run_task(place: JobPlace, name: str, inputs: Mapping[str, str], step: int) -> StepEnd:
    """How it went; what it refuses fails the step: each of those errors is a ValueError that says why."""
    call = Call(place=place, step=step, inputs={key: place.variables.expand(value) for key, value in inputs.items()})
    try:
        await _RUN[name](call)
    except ValueError as error:
        return StepEnd(status=Status.FAILED, explanation=f"{name}: {error}"[:2_000])
    return StepEnd(status=Status.SUCCEEDED)


async def _publish_pipeline_artifact(call: Call) -> None:
    await _publish(call, call.inputs["artifactName"].strip(), call.inputs["targetPath"].strip())


async def _publish_build_artifact(call: Call) -> None:
    await _publish(call, call.inputs["ArtifactName"].strip(), call.inputs["PathtoPublish"].strip())


async def _publish(call: Call, name: str, path: str) -> None:
    count = await call.publisher.artifact(name, path)
    call.say(f"Published {count} files as artifact {name!r}")


async def _publish_tests(call: Call) -> None:
    files, sources = call.place.files, call.place.workspace.sources
    written = FORMATS.get(call.inputs["testResultsFormat"].strip().lower())
    if written is None:
        raise Failed(f"testResultsFormat is JUnit, NUnit, VSTest or XUnit, not {call.inputs['testResultsFormat']!r}")
    patterns, folder = call.inputs["testResultsFiles"], call.inputs["searchFolder"].strip()
    found = await asyncio.to_thread(matching, files, patterns, folder, sources)
    if not found:
        if call.flag("failTaskOnMissingResultsFile"):
            raise Failed(f"no file matches {patterns!r}")
        call.say(f"##[warning]No test result file matches {patterns!r}")
    published = await call.publisher.tests(written, found, call.inputs.get("testRunTitle", "").strip() or "tests")
    _warn(call, published)
    if found:
        call.say(f"Read {published.files} files: {published.total} test cases, {published.failed} failed")
    if published.problems and call.flag("failTaskOnFailureToPublishResults"):
        raise Failed(published.problems[0])
    if published.failed and call.flag("failTaskOnFailedTests"):
        raise Failed(f"{published.failed} of {published.total} test cases failed")


async def _publish_coverage(call: Call) -> None:
    files, sources = call.place.files, call.place.workspace.sources
    found = await asyncio.to_thread(matching, files, call.inputs["summaryFileLocation"], str(sources), sources)
    published = await call.publisher.coverage(found)
    _warn(call, published)
    if not published.total:
        if call.flag("failIfCoverageEmpty"):
            raise Failed("no coverage was found")
        call.say("##[warning]No coverage was found")
    else:
        call.say(f"Read {published.files} files: coverage of {published.total} source files")


def _warn(call: Call, published: Published) -> None:
    for problem in published.problems:
        call.say(f"##[warning]{problem}")


async def _download(call: Call) -> None:
    name = call.inputs.get("artifactName", "").strip() or None
    patterns = Patterns(call.inputs["itemPattern"].splitlines())
    target = call.path("targetPath")
    there = call.place.collection.artifact(name)
    if not there:
        raise Failed(
            f"there is no artifact {name!r} in this run yet" if name else "there is no artifact in this run yet"
        )
    files, count = call.place.files, 0
    for one in (one for one in there if patterns.matches(one.path)):
        path = files.inside(one.path if name else f"{one.name}/{one.path}", target)
        await asyncio.to_thread(_written, call, files, one, path)
        count += 1
    call.say(f"Downloaded {count} files to {files.told(target)}")


def _written(call: Call, files: Files, one: Produced, path: Path) -> None:
    with call.place.collection.open(one) as source, files.create(path, executable=one.executable) as target:
        shutil.copyfileobj(source, target, 1_048_576)


async def _copy(call: Call) -> None:
    files, source, target = call.place.files, call.path("SourceFolder"), call.path("TargetFolder")
    patterns = Patterns(call.inputs["Contents"].splitlines())
    found = await asyncio.to_thread(lambda: [path for path in files.below(source) if patterns.matches(path)])
    copied = 0
    for path in found:
        to = target / (Path(path).name if call.flag("flattenFolders") else path)
        copied += await asyncio.to_thread(_copied, files, source / path, to, replace=call.flag("OverWrite"))
    call.say(f"Copied {copied} of {len(found)} files to {files.told(target)}")


def _copied(files: Files, path: Path, to: Path, *, replace: bool) -> bool:
    with files.open(path) as source:
        executable = bool(os.fstat(source.fileno()).st_mode & 0o100)
        try:
            with files.create(to, executable=executable, replace=replace) as target:
                shutil.copyfileobj(source, target, 1_048_576)
        except FileExistsError:
            return False
    return True


async def _use_python(call: Call) -> None:
    """``python`` and ``pip`` of the steps after it are this version's."""
    version, interpreter = await asyncio.to_thread(python_for, call.inputs["versionSpec"])
    told = ".".join(map(str, version))
    folder = call.place.workspace.temp / f"python-{told}"
    bin_folder, real, files = folder / "bin", str(interpreter), call.place.files
    major, minor = f"{version[0]}", f"{version[0]}.{version[1]}"
    for name in ("python", f"python{major}", f"python{minor}"):
        await asyncio.to_thread(_script, files, bin_folder / name, f'exec "{real}" "$@"')
    for name in ("pip", f"pip{major}"):
        await asyncio.to_thread(_script, files, bin_folder / name, f'exec "{real}" -m pip "$@"')
    call.place.variables.set("pythonLocation", str(bin_folder))
    if call.flag("addToPath"):
        call.place.paths.insert(0, str(bin_folder))
    call.say(f"Python {told} at {real}")


def _script(files: Files, path: Path, text: str) -> None:
    with files.create(path, executable=True) as file:
        file.write(f"#!/bin/sh\n{text}\n".encode())


_RUN: Final[Mapping[str, Callable[[Call], Awaitable[None]]]] = {
    "CopyFiles@2": _copy,
    "DownloadPipelineArtifact@2": _download,
    "PublishBuildArtifacts@1": _publish_build_artifact,
    "PublishCodeCoverageResults@1": _publish_coverage,
    "PublishCodeCoverageResults@2": _publish_coverage,
    "PublishPipelineArtifact@1": _publish_pipeline_artifact,
    "PublishTestResults@2": _publish_tests,
    "UsePythonVersion@0": _use_python,
}
