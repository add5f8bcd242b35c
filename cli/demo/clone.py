"""What stands on main, as anybody with stock git gets it."""

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Final

from cli.demo.api import Api
from cli.demo.journal import Journal, Refusal
from cli.demo.walk import Walked

PATIENCE: Final = 60.0
REMOTE: Final = (
    "query($project: String!, $name: String!) { repository(project: $project, name: $name) { id remoteUrl } }"
)


async def clone_and_test(api: Api, journal: Journal, walked: Walked, folder: Path) -> str:
    """The clone URL; the clone stands at the merge and its own tests pass, or the step has failed."""
    with journal.step(walked.agent.name, "clone it with stock git") as step:
        found = (await api.ask(walked.agent, REMOTE, project=walked.project, name=walked.repository))["repository"]
        step.ids.append(found["id"])
        url = str(found["remoteUrl"])
        await _run("git", "clone", "--quiet", url, str(folder), env=_git_environment(walked.agent.token))
        head = (await _run("git", "-C", str(folder), "rev-parse", "HEAD", env=_environment())).strip()
        if head != walked.merge_sha:
            raise Refusal("WRONG_HEAD", f"the clone stands at {head}, the merge is {walked.merge_sha}")
        step.outcome = f"{url} at {head[:12]}"
    with journal.step(walked.agent.name, "run its tests in the clone") as step:
        step.ids.append(found["id"])
        told = await _run(sys.executable, "-m", "unittest", cwd=folder, env=_environment())
        passed = re.search(r"^Ran (\d+) tests?", told, re.MULTILINE)
        if passed is None or passed[1] == "0":
            raise Refusal("NO_TESTS", "the clone holds no tests")
        step.outcome = f"{passed[1]} tests passed"
    return url


def _environment() -> dict[str, str]:
    """Nothing of the user's own: no configuration, no credentials, no proxy."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _git_environment(token: str) -> dict[str, str]:
    """The token as a header, in the environment where no list of processes shows it."""
    return _environment() | {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Bearer {token}",
    }


async def _run(*command: str, env: dict[str, str], cwd: Path | None = None) -> str:
    """Both outputs; Refusal with the last line when it fails, TimeoutError when it takes over a minute."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, env=env, cwd=cwd, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(PATIENCE):
            told = (await process.communicate())[0].decode(errors="replace")
    except (TimeoutError, asyncio.CancelledError):
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        last = told.strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
        raise Refusal(Path(command[0]).name.upper(), last[0])
    return told
