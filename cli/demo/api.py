"""The GraphQL API as the demo's identities use it."""

from dataclasses import dataclass
from typing import Any

import httpx

from cli.demo.journal import Refusal, Step


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Somebody with a token."""

    name: str
    token: str
    id: str = ""


class Api:
    """Asks over HTTP with the token of whoever asks."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.AsyncClient(base_url=url, timeout=30, trust_env=False)

    async def ask(self, who: Identity, query: str, **variables: Any) -> dict[str, Any]:
        """The data; Refusal when there are errors."""
        answer = await self._http.post(
            "/graphql",
            json={"query": query, "variables": variables},
            headers={"Authorization": f"Bearer {who.token}"},
        )
        body = answer.json()
        if body.get("errors"):
            first = body["errors"][0]
            raise Refusal((first.get("extensions") or {}).get("code", "ERROR"), first["message"])
        data: dict[str, Any] = body["data"]
        return data

    async def do(self, who: Identity, step: Step, mutation: str, selection: str, /, **fields: Any) -> dict[str, Any]:
        """The payload of a mutation, its nodes and events noted in the step; Refusal when it has errors."""
        kind = mutation[0].upper() + mutation[1:]
        answered = f"{selection} events {{ eventId }} errors {{ code message }}"
        query = f"mutation($input: {kind}Input!) {{ {mutation}(input: $input) {{ {answered} }} }}"
        payload: dict[str, Any] = (await self.ask(who, query, input=fields))[mutation]
        if payload["errors"]:
            raise Refusal(payload["errors"][0]["code"], payload["errors"][0]["message"])
        step.ids += [value["id"] for value in payload.values() if isinstance(value, dict)]
        step.event_ids += [event["eventId"] for event in payload["events"]]
        return payload

    async def close(self) -> None:
        """Ends the client."""
        await self._http.aclose()
