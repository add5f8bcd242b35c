"""A text is made once per key, however many ask for it, and the oldest are let go."""

import asyncio

import pytest

from resolvers.feeds import ENTRY, Once


class Maker:
    """Makes texts when it is told to, and counts them."""

    def __init__(self, text: str = "x" * 10) -> None:
        self.text = text
        self.made = 0
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self) -> str:
        await self.go.wait()
        self.made += 1
        return self.text


async def test_those_who_ask_while_it_is_made_wait_for_the_same() -> None:
    once, make = Once(), Maker()
    make.go.clear()
    asking = [asyncio.create_task(once.get("a", make)) for _ in range(3)]
    await asyncio.sleep(0)
    asking[0].cancel()
    make.go.set()
    assert await asyncio.gather(*asking[1:]) == [make.text, make.text]
    assert await once.get("a", make) == make.text
    assert make.made == 1


async def test_the_oldest_are_let_go_over_the_bound() -> None:
    once, make = Once(kept=2 * (10 + ENTRY)), Maker()
    for key in "abca":
        await once.get(key, make)
    assert make.made == 4
    await once.get("c", make)
    assert make.made == 4


async def test_a_text_over_the_bound_is_given_and_not_kept() -> None:
    once, make = Once(kept=ENTRY), Maker()
    assert await once.get("a", make) == make.text
    await once.get("a", make)
    assert make.made == 2


async def test_a_failure_is_everybodys_and_is_not_kept() -> None:
    once, make = Once(), Maker()

    async def fail() -> str:
        raise ValueError("no")

    failed = await asyncio.gather(once.get("a", fail), once.get("a", fail), return_exceptions=True)
    assert [str(error) for error in failed] == ["no", "no"]
    with pytest.raises(ValueError, match="no"):
        await once.get("a", fail)
    assert await once.get("a", make) == make.text
