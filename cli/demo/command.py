"""The command itself: builds an installation, serves it, walks, and ends what it started."""

import asyncio
import json
import logging
import signal
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.configured import claimed
from cli.demo.api import Api, Identity
from cli.demo.build import build
from cli.demo.clone import clone_and_test
from cli.demo.feed import Feed
from cli.demo.journal import Journal
from cli.demo.lineage import Lineage, lines, trace
from cli.demo.served import served
from cli.demo.walk import Walk, Walked
from cli.failure import Failed
from cli.token import issue
from http_api.logs import configure_logs
from main import Settings
from services.actor import Scope
from services.platform.owner import IssueNamedToken


def demo(
    data: Annotated[Path | None, typer.Option(help="Data folder; a temporary one when absent.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the steps and the lineage here.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Go on serving until Ctrl-C, to look around.")] = False,
) -> None:
    """From an artifact to a tested build of its merge. Exit code 1 and the failed step when it does not get there."""
    configure_logs(level=logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="slipway-demo-") as scratch:
        run = Run(data or Path(scratch) / "data", Path(scratch), json_file, keep=keep)
        try:
            asyncio.run(run.to_end())
        except (KeyboardInterrupt, asyncio.CancelledError):
            if not run.done:
                raise typer.Exit(130) from None
        except OSError as error:
            raise Failed(f"the demo did not start: {error}") from error


class Run:
    """One demo; ``done`` once every step ended as it should."""

    def __init__(self, data: Path, scratch: Path, json_file: Path | None, *, keep: bool) -> None:
        self.done = False
        self._data, self._scratch, self._json_file, self._keep = data, scratch, json_file, keep
        self._journal = Journal(Console(highlight=False, soft_wrap=True))

    async def to_end(self) -> None:
        """Cancelled by SIGINT and SIGTERM alike, so that nothing is left behind."""
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        slipway = claimed(Settings(data=self._data))
        await slipway.start()
        operator = Identity(name="operator", token=await issue(slipway, "operator", _operator_token()))
        async with served(slipway, None if self._keep else 0) as url:
            api, feed = Api(url), Feed(self._journal.arrived)
            try:
                walked = await Walk(api, self._journal, feed).walk(operator)
                remote = await clone_and_test(api, self._journal, walked, self._scratch / "clone")
                await build(api, feed, self._journal, walked, slipway.settings.wheelhouse)
                lineage = await trace(api, self._journal, walked)
                self._show(lineage)
                self._write(lineage)
            finally:
                await feed.stop()
                await api.close()
            self.done = True
            if self._keep:
                self._tell(url, remote, walked)
                await asyncio.Event().wait()

    def _show(self, lineage: Lineage) -> None:
        tell = self._journal.console.print
        tell("\nWhat came of the artifact:", *lines(lineage.downstream, towards="to"), sep="\n")
        tell("\nWhere main came from:", *lines(lineage.upstream, towards="from"), sep="\n")

    def _write(self, lineage: Lineage) -> None:
        if self._json_file is not None:
            kept: dict[str, Any] = {
                "steps": [step.kept() for step in self._journal.steps],
                "lineage": lineage.kept(),
            }
            self._json_file.write_text(json.dumps(kept, indent=2) + "\n")

    def _tell(self, url: str, remote: str, walked: Walked) -> None:
        tell = self._journal.console.print
        tell(f"\nServing on; Ctrl-C stops it.\n  GraphQL  {url}/graphql\n  tenant   {walked.tenant}")
        tell(f"  clone    git clone {remote} (any user name, the token as password)")
        tell(f"  token    {walked.admin.token}")


def _operator_token() -> IssueNamedToken:
    return IssueNamedToken(
        identity="admin", projects=(), name="slipway demo", scopes=(Scope.ADMIN,), lifetime=timedelta(hours=1)
    )
