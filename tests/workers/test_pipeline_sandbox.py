"""A hostile job sees its own folder and the system's programs, and neither data, keys nor processes of others."""

import os

from tests.api.conftest import admin, operator
from tests.api.test_commits import repo
from tests.machine import needs
from tests.workers.test_pipeline_language import ran
from tests.workers.test_pipeline_monitor import Monitored, monitored

__all__ = ["admin", "monitored", "operator", "repo"]
pytestmark = needs("landlock")


async def test_it_reads_nothing_of_the_installation_and_writes_nowhere_else(monitored: Monitored) -> None:
    data = monitored.client.slipway.settings.data
    outside = data.parent / "outside"
    text = f"""
steps:
- checkout: none
- bash: |
    for path in '{data}/issuer.pem' '{data}/slipway.db' /etc/shadow "$HOME/../../../issuer.pem"; do
      cat "$path" > /dev/null 2>&1 && echo "read $path"
    done
    ls '{data}' > /dev/null 2>&1 && echo "listed {data}"
    ls "$(Pipeline.Workspace)/../.." > /dev/null 2>&1 && echo "listed workspaces"
    ln -s '{data}' link && cat link/issuer.pem > /dev/null 2>&1 && echo "followed a link"
    (echo x > '{outside}') 2> /dev/null && echo "wrote outside"
    (echo x > /tmp/slipway-outside) 2> /dev/null && echo "wrote to /tmp"
    cat /proc/{os.getpid()}/environ > /dev/null 2>&1 && echo "read the environment of another process"
    kill -0 {os.getpid()} 2> /dev/null && echo "may signal another process"
    (exec 3<>/proc/{os.getpid()}/fd/0) 2> /dev/null && echo "took a descriptor"
    echo end
"""
    found, log = await ran(monitored, text)
    assert (found[""][0], log) == ("SUCCEEDED", ["end"])
    assert not outside.exists()


async def test_the_server_writes_nothing_where_a_job_has_laid_a_link(monitored: Monitored) -> None:
    data = monitored.client.slipway.settings.data
    before = sorted(path.name for path in data.iterdir())
    text = f"""
jobs:
- job: a
  steps:
  - checkout: none
  - bash: rm -rf "$TMPDIR" && ln -s '{data}' "$TMPDIR"
  - bash: echo never
- job: b
  steps:
  - checkout: none
  - bash: rmdir "$(Build.SourcesDirectory)" && ln -s '{data}' "$(Build.SourcesDirectory)"
    workingDirectory: ../a
  - checkout: self
  - bash: ls README.md
"""
    await monitored.file("trigger: [work]\n" + text)
    await monitored.deliver("BranchUpdated")
    await monitored.deliver("PipelineRunQueued")
    (run,) = await monitored.runs()
    assert (run["status"], run["failureReason"]) == ("FAILED", "EXECUTOR_FAILED")
    assert "a step's script cannot be written" in run["failure"]
    assert sorted(path.name for path in data.iterdir()) == sorted({*before, "logs", "work"})


async def test_a_repository_that_a_step_prepared_runs_nothing_outside_of_the_sandbox(monitored: Monitored) -> None:
    outside = monitored.client.slipway.settings.data.parent / "outside"
    text = f"""
steps:
- checkout: self
- bash: |
    printf '#!/bin/sh\\ntouch {outside}\\n' > evil && chmod +x evil
    git config core.fsmonitor "$PWD/evil"
    cp evil .git/hooks/post-checkout && cp evil .git/hooks/reference-transaction
- checkout: self
- bash: ls evil .git/hooks/post-checkout 2> /dev/null; cat README.md | wc -l
"""
    found, log = await ran(monitored, text)
    assert found[""][0] == "SUCCEEDED", log
    assert not outside.exists()
    assert [line for line in log if "evil" in line or "hooks" in line] == []


async def test_what_builds_need_works_in_it(monitored: Monitored) -> None:
    text = """
steps:
- bash: |
    set -e
    git config user.email a@example.test && git config user.name a
    git commit -q --allow-empty -m x && git status --short
    python3 -c 'import ssl, sqlite3, tempfile; print(tempfile.TemporaryFile().write(b"four"))'
    python3 -m venv --without-pip v && v/bin/python -c 'print("venv")'
    cat <(echo substituted) <<< here
    (sleep 60 & kill $! && wait $!) || echo killed its own
    dd if=/dev/zero of=big bs=1M count=2 status=none && wc -c < big && head -c 1 /dev/urandom | wc -c
    mkfifo f && (echo through > f &) && cat f
"""
    found, log = await ran(monitored, text)
    assert found[""][0] == "SUCCEEDED", log
    assert log[1:] == ["4", "venv", "substituted", "killed its own", "2097152", "1", "through"]


async def test_what_it_leaves_behind_is_ended_also_when_it_hides(monitored: Monitored) -> None:
    text = """
steps:
- checkout: none
- bash: |
    setsid bash -c 'exec > /dev/null 2>&1; sleep 300 & wait' < /dev/null &
    (setsid nohup sleep 301 > /dev/null 2>&1 &)
    sleep 0.2; pgrep -fx 'sleep 30[01]' | wc -l
"""
    _, log = await ran(monitored, text)
    assert log[-1] == "2"
    assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and _is_left(pid)]


def _is_left(pid: str) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().split(b"\0")[:2] in ([b"sleep", b"300"], [b"sleep", b"301"])
    except OSError:
        return False
