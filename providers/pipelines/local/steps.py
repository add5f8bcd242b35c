"""One step: its program in the workspace, its output in the log, its exit code as its result."""

import asyncio
import codecs
import os
from functools import partial
from typing import Final

from providers.pipelines.definition.values import Step, StepKind
from providers.pipelines.local.children import MARK, Child
from providers.pipelines.local.log import LogWriter
from providers.pipelines.local.place import JobPlace, StepEnd
from providers.pipelines.local.publishing import Publisher, heed
from providers.pipelines.local.tasks import run_task
from providers.pipelines.local.voice import StepVoice
from providers.pipelines.values import Status

_SHELL: Final = ("bash", "--noprofile", "--norc")
_LONGEST_REST: Final = 65_536
RETRY_SECONDS: Final = 1.0
_SLOWED_SECONDS: Final = 0.002


async def run_step(place: JobPlace, step: Step, number: int) -> StepEnd:
    """Within its own timeout, again when it fails as often as it may; a cancelled task ends its whole process group."""
    title = place.variables.expand(step.display_name)
    place.write(number, [f"##[section]Starting: {title}"])
    for left in range(step.retries, -1, -1):
        end = await _in_time(place, step, number)
        if end.explanation is not None:
            place.write(number, [f"##[error]{end.explanation}"])
        if end.status is not Status.FAILED or not left:
            break
        wait = RETRY_SECONDS * 2 ** (step.retries - left)
        place.write(number, [f"##[warning]Trying again in {wait:g} s, {left} more at most"])
        await asyncio.sleep(wait)
    place.write(number, [f"##[section]Finishing: {title}"])
    if end.status is Status.FAILED and step.continue_on_error:
        return StepEnd(status=Status.SUCCEEDED_WITH_ISSUES, explanation=end.explanation, exit_code=end.exit_code)
    return end


async def _in_time(place: JobPlace, step: Step, number: int) -> StepEnd:
    minutes = step.timeout_minutes
    try:
        async with asyncio.timeout(minutes * 60 if minutes else None):
            return await _run(place, step, number)
    except TimeoutError:
        told = f"it ran longer than its {minutes:g} minutes and was ended"
        return StepEnd(status=Status.FAILED, explanation=told)


async def _run(place: JobPlace, step: Step, number: int) -> StepEnd:
    if step.kind is StepKind.CHECKOUT:
        await place.workspace.check_out(place.bare, place.order.commit_sha)
        place.write(number, [f"HEAD is now at {place.order.commit_sha}"])
        return StepEnd(status=Status.SUCCEEDED, exit_code=0)
    if step.task is not None:
        return await run_task(place, step.task, step.inputs, number)
    expand = place.variables.expand
    script = place.workspace.script(expand(step.script or ""))
    folder = place.workspace.sources / expand(step.working_directory or "")
    if not folder.is_dir():
        return StepEnd(status=Status.FAILED, explanation=f"workingDirectory {str(folder)!r} is no folder")
    voice = StepVoice(partial(place.log.write, number), place.variables, place.outputs, place.paths, step.name)
    child = await Child.start((*_SHELL, str(script)), folder, _environment(place, step), confine=place.sandbox.confine)
    place.children.append(child)
    try:
        await _copy(child, voice, place.log)
        code = await child.code()
    except asyncio.CancelledError:
        await child.end()
        raise
    end = _ended(step, code, voice)
    return await _published(place, voice, number) or end


async def _published(place: JobPlace, voice: StepVoice, number: int) -> StepEnd | None:
    """What its commands want published, also of a step that failed; how it ends when that is refused."""
    publisher, end = Publisher(place=place, step=number), None
    for wanted in voice.wanted:
        try:
            place.write(number, await heed(publisher, wanted))
        except ValueError as error:
            end = StepEnd(status=Status.FAILED, explanation=f"##vso[{wanted.name}]: {error}"[:2_000])
            place.write(number, [f"##[error]{end.explanation}"])
    return end


def _environment(place: JobPlace, step: Step) -> dict[str, str]:
    env = place.variables.environment() | place.workspace.environment()
    env["PATH"] = os.pathsep.join([*place.paths, env["PATH"]])
    return env | {name: place.variables.expand(value) for name, value in step.env.items()} | {MARK: place.mark}


def _ended(step: Step, code: int, voice: StepVoice) -> StepEnd:
    if code != 0:
        said = f"exit code {code}" if code > 0 else f"signal {-code}"
        told = f"{step.kind.value.lower()} ended with {said}"
        return StepEnd(status=Status.FAILED, explanation=told, exit_code=code)
    if voice.result is None:
        return StepEnd(status=Status.SUCCEEDED, exit_code=0)
    return StepEnd(status=voice.result, explanation="##vso[task.complete] said so", exit_code=0)


async def _copy(child: Child, voice: StepVoice, log: LogWriter) -> None:
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
            voice.hear([line.removesuffix("\r") for line in lines])
    rest += decoder.decode(b"", True)
    if rest:
        voice.hear([rest])
