"""What a step prints: its lines go to the log without secrets, its commands are heeded."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from providers.pipelines.local.commands import Command, command_in
from providers.pipelines.local.variables import Variables
from providers.pipelines.values import Status

MOST_WANTED: Final = 100
_RESULTS: Final = {
    "succeeded": Status.SUCCEEDED,
    "succeededwithissues": Status.SUCCEEDED_WITH_ISSUES,
    "failed": Status.FAILED,
}


class StepVoice:
    """One step's; ``result`` is what ``task.complete`` asked for, at worst, ``wanted`` what shall be published."""

    def __init__(
        self,
        write: Callable[[Sequence[str]], None],
        variables: Variables,
        outputs: dict[str, str],
        paths: list[str],
        name: str | None,
    ) -> None:
        self._write = write
        self._variables = variables
        self._outputs = outputs
        self._paths = paths
        self._name = name
        self.result: Status | None = None
        self.wanted: list[Command] = []

    def hear(self, lines: Sequence[str]) -> None:
        """Lines as they come."""
        shown: list[str] = []
        for line in lines:
            command = command_in(line)
            told = [line] if command is None else self._heed(command)
            shown += [self._variables.masked(one) for one in told]
        if shown:
            self._write(shown)

    def _heed(self, command: Command) -> Sequence[str]:
        """What is shown in its place."""
        heed = _HEEDED.get(command.name)
        if heed is None:
            return [f"##[warning]##vso[{command.name}] is not known here and was not heeded"]
        return heed(self, command)

    def _set_variable(self, command: Command) -> Sequence[str]:
        name, value = command.properties.get("variable", ""), command.data
        secret, output = command.flag("issecret"), command.flag("isoutput")
        if not name:
            return ["##[warning]task.setvariable needs variable=<name>"]
        if secret and "\n" in value.strip("\n"):
            return [f"##[error]{name} is a secret of several lines: only one line can be hidden, so it was not set"]
        if output and self._name is None:
            return [f"##[warning]{name} is an output of a step without a name: give the step one"]
        if secret:
            self._variables.hide(value)
        if output:
            self._outputs[f"{self._name}.{name}"] = value
            name = f"{self._name}.{name}"
        if not self._variables.set(name, value, secret=secret, fixed=command.flag("isreadonly")):
            return [f"##[warning]{name} is read-only and stays as it is"]
        return []

    def _set_secret(self, command: Command) -> Sequence[str]:
        self._variables.hide(command.data)
        return []

    def _log_issue(self, command: Command) -> Sequence[str]:
        kind = command.properties.get("type", "").lower()
        if kind not in ("error", "warning"):
            return ["##[warning]task.logissue needs type=error or type=warning"]
        place = [
            command.properties[key]
            for key in ("sourcepath", "linenumber", "columnnumber")
            if command.properties.get(key)
        ]
        return [f"##[{kind}]{':'.join(place)}{': ' if place else ''}{command.data}"]

    def _complete(self, command: Command) -> Sequence[str]:
        result = _RESULTS.get(command.properties.get("result", "").lower())
        if result is None:
            return ["##[warning]task.complete needs result=Succeeded, SucceededWithIssues or Failed"]
        if result is not Status.SUCCEEDED and self.result is not Status.FAILED:
            self.result = result
        return [command.data] if command.data else []

    def _debug(self, command: Command) -> Sequence[str]:
        return [f"##[debug]{command.data}"]

    def _prepend_path(self, command: Command) -> Sequence[str]:
        self._paths.insert(0, command.data)
        return []

    def _want(self, command: Command) -> Sequence[str]:
        """Done once the step's program has ended."""
        if len(self.wanted) >= MOST_WANTED:
            return [f"##[warning]over {MOST_WANTED} things to publish in one step: {command.name} was not heeded"]
        self.wanted.append(command)
        return []

    def _progress(self, command: Command) -> Sequence[str]:
        return [f"##[progress]{command.properties.get('value', '')} {command.data}".rstrip()]


_HEEDED: Final[Mapping[str, Callable[[StepVoice, Command], Sequence[str]]]] = {
    "task.setvariable": StepVoice._set_variable,
    "task.setsecret": StepVoice._set_secret,
    "task.logissue": StepVoice._log_issue,
    "task.complete": StepVoice._complete,
    "task.debug": StepVoice._debug,
    "task.prependpath": StepVoice._prepend_path,
    "task.setprogress": StepVoice._progress,
    "artifact.upload": StepVoice._want,
    "results.publish": StepVoice._want,
    "codecoverage.publish": StepVoice._want,
}
