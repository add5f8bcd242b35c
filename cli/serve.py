"""``slipway serve``."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from rich.console import Console
from sqlalchemy.exc import OperationalError

from cli.configured import claimed, settings_of
from cli.failure import Failed
from http_api.logs import configure_logs
from main import DEFAULT_PORT, Settings, Slipway


def listen(host: str, port: int | None) -> socket.socket:
    """A socket on the port that is asked for; on the default port, or a free one when that is taken."""
    wanted = [port] if port is not None else [DEFAULT_PORT, 0]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in wanted:
        # named TCP, or the event loop leaves TCP_NODELAY off and a body waits 40 ms for its head's acknowledgement
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, candidate))
        except OSError as error:
            listener.close()
            if candidate == wanted[-1]:
                raise typer.BadParameter(f"cannot listen on {host}:{candidate}: {error.strerror}") from error
            continue
        listener.listen(2048)
        return listener
    raise typer.BadParameter("no port to listen on")


def address(listener: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help=f"Port; {DEFAULT_PORT} or a free one when absent.")] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder; SLIPWAY_DATA or ./data when absent.")] = None,
) -> None:
    """Runs until SIGINT or SIGTERM; requests under way are finished first."""
    configure_logs()
    settings = settings_of(data)
    asyncio.run(_serve(settings, listen(host, port)))


class GracefulServer(uvicorn.Server):
    """Ends with exit code 0 when it is told to; uvicorn's own raises the signal again once it is done."""

    def __init__(self, config: uvicorn.Config, slipway: Slipway) -> None:
        super().__init__(config)
        self._slipway = slipway

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM leaves time to be noticed; a second signal does not wait for requests under way."""
        loop = asyncio.get_running_loop()
        told = (signal.SIGINT, signal.SIGTERM)
        for one in told:
            loop.add_signal_handler(one, self._told, one)
        try:
            yield
        finally:
            for one in told:
                loop.remove_signal_handler(one)

    def _told(self, which: signal.Signals) -> None:
        if self._slipway.draining:
            self.should_exit = self.force_exit = True
            return
        self._slipway.drain()
        seconds = self._slipway.settings.drain_seconds if which is signal.SIGTERM else 0.0
        asyncio.get_running_loop().call_later(seconds, self.handle_exit, which, None)


async def _serve(settings: Settings, listener: socket.socket) -> None:
    console = Console()
    slipway = claimed(settings)
    try:
        token = await slipway.start()
    except OperationalError as error:
        raise Failed(f"the database does not answer: {error.orig}") from error
    if token is not None:
        console.print("The operator's admin token, told this once:", style="bold")
        console.print(token, soft_wrap=True, highlight=False)
    url = address(listener)
    console.print(f"GraphQL at {url}/graphql")
    if settings.explorer:
        console.print(
            f"Explorer, signed in once within 10 minutes: {url}/login?code={slipway.login_links.new()}", soft_wrap=True
        )
    config = uvicorn.Config(
        slipway.app(), log_config=None, access_log=False, ws="websockets-sansio", timeout_graceful_shutdown=10
    )
    await GracefulServer(config, slipway).serve([listener])
