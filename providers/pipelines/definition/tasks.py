"""The tasks that a step may name, with their inputs as Azure's are; a closed table, names in any case."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from providers.pipelines.definition.document import Entries, Scalar
from providers.pipelines.definition.fields import Fields, Problems

_FLAGS: Final = ("true", "false")


@dataclass(frozen=True, kw_only=True)
class Input:
    """``default`` None means that it must be given unless ``optional``; ``values`` are the ones that pass."""

    aliases: tuple[str, ...] = ()
    default: str | None = None
    optional: bool = False
    values: tuple[str, ...] = ()


_OPTIONAL: Final = Input(optional=True)
_FALSE: Final = Input(default="false", values=_FLAGS)
_TRUE: Final = Input(default="true", values=_FLAGS)
_SOURCES: Final = "$(System.DefaultWorkingDirectory)"
_COVERAGE: Final = {"summaryFileLocation": Input(), "pathToSources": _OPTIONAL, "failIfCoverageEmpty": _FALSE}

TASKS: Final[Mapping[str, Mapping[str, Input]]] = {
    "CmdLine@2": {"script": Input(), "workingDirectory": _OPTIONAL},
    "Bash@3": {
        "targetType": Input(default="filePath", values=("filePath", "inline")),
        "filePath": _OPTIONAL,
        "arguments": _OPTIONAL,
        "script": _OPTIONAL,
        "workingDirectory": _OPTIONAL,
    },
    "CopyFiles@2": {
        "SourceFolder": Input(default=_SOURCES),
        "Contents": Input(default="**"),
        "TargetFolder": Input(),
        "CleanTargetFolder": Input(default="false", values=("false",)),
        "OverWrite": _FALSE,
        "flattenFolders": _FALSE,
    },
    "DownloadPipelineArtifact@2": {
        "buildType": Input(aliases=("source",), default="current", values=("current",)),
        "artifactName": Input(aliases=("artifact",), optional=True),
        "itemPattern": Input(aliases=("patterns",), default="**"),
        "targetPath": Input(aliases=("path", "downloadPath"), default="$(Pipeline.Workspace)"),
    },
    "PublishBuildArtifacts@1": {
        "PathtoPublish": Input(default="$(Build.ArtifactStagingDirectory)"),
        "ArtifactName": Input(default="drop"),
        "publishLocation": Input(aliases=("ArtifactType",), default="Container", values=("Container",)),
    },
    "PublishCodeCoverageResults@1": {
        "codeCoverageTool": Input(values=("Cobertura",)),
        "reportDirectory": _OPTIONAL,
        "additionalCodeCoverageFiles": _OPTIONAL,
        **_COVERAGE,
    },
    "PublishCodeCoverageResults@2": _COVERAGE,
    "PublishPipelineArtifact@1": {
        "targetPath": Input(aliases=("path",), default="$(Pipeline.Workspace)"),
        "artifactName": Input(aliases=("artifact",), default="$(System.JobName)"),
        "publishLocation": Input(aliases=("artifactType",), default="pipeline", values=("pipeline",)),
    },
    "PublishTestResults@2": {
        "testResultsFormat": Input(aliases=("testRunner",), default="JUnit",
                                   values=("JUnit", "NUnit", "VSTest", "XUnit")),
        "testResultsFiles": Input(default="**/TEST-*.xml"),
        "searchFolder": Input(default=_SOURCES),
        "mergeTestResults": _FALSE,
        "failTaskOnFailedTests": _FALSE,
        "failTaskOnFailureToPublishResults": _FALSE,
        "failTaskOnMissingResultsFile": _FALSE,
        "testRunTitle": _OPTIONAL,
        "buildPlatform": Input(aliases=("platform",), optional=True),
        "buildConfiguration": Input(aliases=("configuration",), optional=True),
        "publishRunAttachments": _TRUE,
    },
    "UsePythonVersion@0": {
        "versionSpec": Input(default="3.x"),
        "addToPath": _TRUE,
        "architecture": Input(default="x64", values=("x64",)),
    },
}  # fmt: skip
_NAMES: Final = {name.lower(): name for name in TASKS}


@dataclass(frozen=True, kw_only=True)
class Task:
    """``inputs`` are by the name in the table; what was not given and has no default is absent."""

    name: str
    inputs: Mapping[str, str]


def read_task(problems: Problems, fields: Fields) -> Task | None:
    """What ``task`` and ``inputs`` of a step say, or None and every mistake."""
    said, node = fields.text("task") or "", fields.node("inputs")
    name = _NAMES.get(said.lower())
    if name is None:
        problems.add(fields.place, f"the task {said!r} is not supported: {', '.join(TASKS)} pass")
        return None
    if node is not None and not isinstance(node, Entries):
        problems.add(node.place, f"inputs of {name} is a mapping")
        return None
    given = {} if node is None else _given(problems, name, node)
    return made(problems, fields, name, given)


def made(problems: Problems, fields: Fields, name: str, given: Mapping[str, str]) -> Task:
    """The task with its defaults; a mistake for each input that is missing."""
    inputs: dict[str, str] = {}
    for key, one in TASKS[name].items():
        value = given.get(key) or one.default
        if value is not None:
            inputs[key] = value
        elif not one.optional:
            problems.add(fields.place, f"{name} needs the input {key!r}")
    return Task(name=name, inputs=inputs)


def _given(problems: Problems, name: str, node: Entries) -> dict[str, str]:
    table = TASKS[name]
    names = {key.lower(): key for key in table}
    names |= {alias.lower(): key for key, one in table.items() for alias in one.aliases}
    given: dict[str, str] = {}
    for key, value in node.entries:
        known = names.get(key.value.lower())
        if known is None:
            near = get_close_matches(key.value, table, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"{', '.join(table)} pass"
            problems.add(key.place, f"{key.value!r} is not supported as an input of {name}: {hint}")
        elif known in given:
            problems.add(key.place, f"{known!r} of {name} is given twice")
        elif not isinstance(value, Scalar):
            problems.add(value.place, f"{key.value!r} of {name} is a text")
            given[known] = key.value
        else:
            passes = table[known].values
            if passes and "$(" not in value.value and value.value.lower() not in [one.lower() for one in passes]:
                problems.add(value.place, f"{known} of {name} is {' or '.join(passes)}, not {value.value!r}")
            given[known] = value.value
    return given
