"""One step: its program in the workspace, its output in the log, its exit code as its result."""

import asyncio
import codecs
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from providers.pipelines.definition.values import Step, StepKind
from providers.pipelines.local.children import MARK, Child, die_with_parent, kill_marked
from providers.pipelines.local.log import LogWriter
from providers.pipelines.local.variables import Variables
from providers.pipelines.local.workspace import Workspace
from providers.pipelines.values import RunOrder, Status

_SHELL: Final = ("bash", "--noprofile", "--norc")
_LONGEST_REST: Final = 65_536
_SLOWED_SECONDS: Final = 0.002


@dataclass(frozen=True, kw_only=True)
class StepEnd:
    """How a step went."""

    status: Status
    explanation: str | None = None
    exit_code: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class JobPlace:
    """What the steps of one job share; ``mark`` is in the environment of whatever runs in it."""

    order: RunOrder
    bare: Path
    workspace: Workspace
    variables: Variables
    log: LogWriter
    mark: str
    children: list[Child] = field(default_factory=list)

    def kill(self) -> None:
        """Ends what runs at once."""
        for child in self.children:
            child.kill()

    async def clear(self) -> None:
        """Ends what its steps left behind, also what hid in a session of its own."""
        for child in self.children:
            await child.end()
        await asyncio.to_thread(kill_marked, self.mark)


async def run_step(place: JobPlace, step: Step, number: int) -> StepEnd:
    """Within its own timeout; a cancelled task ends the step's whole process group."""
    place.log.write(number, [f"##[section]Starting: {place.variables.expand(step.display_name)}"])
    minutes = step.timeout_minutes
    try:
        async with asyncio.timeout(minutes * 60 if minutes else None):
            end = await _run(place, step, number)
    except TimeoutError:
        end = StepEnd(status=Status.FAILED, explanation=f"it ran longer than its {minutes:g} minutes and was ended")
    if end.explanation is not None:
        place.log.write(number, [f"##[error]{end.explanation}"])
    place.log.write(number, [f"##[section]Finishing: {place.variables.expand(step.display_name)}"])
    if end.status is Status.FAILED and step.continue_on_error:
        return StepEnd(status=Status.SUCCEEDED_WITH_ISSUES, explanation=end.explanation, exit_code=end.exit_code)
    return end


async def _run(place: JobPlace, step: Step, number: int) -> StepEnd:
    if step.kind is StepKind.CHECKOUT:
        await place.workspace.check_out(place.bare, place.order.commit_sha)
        place.log.write(number, [f"HEAD is now at {place.order.commit_sha}"])
        return StepEnd(status=Status.SUCCEEDED, exit_code=0)
    expand = place.variables.expand
    script = place.workspace.script(expand(step.script or ""))
    folder = place.workspace.sources / expand(step.working_directory or "")
    if not folder.is_dir():
        return StepEnd(status=Status.FAILED, explanation=f"workingDirectory {str(folder)!r} is no folder")
    env = place.variables.environment() | place.workspace.environment()
    env |= {name: expand(value) for name, value in step.env.items()} | {MARK: place.mark}
    child = await Child.start((*_SHELL, str(script)), folder, env, confine=die_with_parent)
    place.children.append(child)
    try:
        await _copy(child, place.log, number)
        code = await child.code()
    except asyncio.CancelledError:
        await child.end()
        raise
    if code == 0:
        return StepEnd(status=Status.SUCCEEDED, exit_code=0)
    said = f"exit code {code}" if code > 0 else f"signal {-code}"
    return StepEnd(status=Status.FAILED, explanation=f"{step.kind.value.lower()} ended with {said}", exit_code=code)


async def _copy(child: Child, log: LogWriter, number: int) -> None:
    """Whole lines; the rest of a chunk waits for the next. Beyond the log's bound a flood is slowed and let go."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    async for chunk in child.output():
        if log.is_full:
            await asyncio.sleep(_SLOWED_SECONDS)
            continue
        *lines, rest = (rest + decoder.decode(chunk)).split("\n")
        if len(rest) > _LONGEST_REST:
            lines, rest = [*lines, rest], ""
        if lines:
            log.write(number, [line.removesuffix("\r") for line in lines])
    rest += decoder.decode(b"", True)
    if rest:
        log.write(number, [rest])
