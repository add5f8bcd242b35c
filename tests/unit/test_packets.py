"""The framing of a push, whatever comes: understood, or refused as malformed and nothing else."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.git.errors import RequestMalformed
from providers.git.packets import ZERO, packet, read_push, report
from providers.git.values import RefUpdate

SHAS = st.text("0123456789abcdef", min_size=40, max_size=40)
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=40).filter(
    lambda name: " " not in name
)
UPDATES = st.builds(
    RefUpdate,
    ref=NAMES.map(lambda name: f"refs/heads/{name}"),
    old=SHAS.filter(lambda sha: sha != ZERO) | st.none(),
    new=SHAS.filter(lambda sha: sha != ZERO) | st.none(),
)


def written(updates: list[RefUpdate], capabilities: str = "report-status") -> bytes:
    lines = [f"{one.old or ZERO} {one.new or ZERO} {one.ref}" for one in updates]
    lines[:1] = [f"{lines[0]}\0 {capabilities}"] if lines else []
    return b"".join(packet(line.encode()) for line in lines) + b"0000"


@given(st.lists(UPDATES, unique_by=lambda one: one.ref, max_size=8), st.binary(max_size=40))
def test_what_a_client_writes_is_read_and_the_pack_is_left(updates: list[RefUpdate], pack: bytes) -> None:
    file = BytesIO(written(updates) + pack)
    read = read_push(file)
    assert list(read.updates) == updates
    assert read.capabilities == (frozenset({"report-status"}) if updates else frozenset())
    assert read.has_pack is any(one.new for one in updates)
    assert file.read() == pack


@given(st.binary(max_size=200) | st.binary(max_size=60).map(packet) | st.lists(UPDATES, max_size=4).map(written))
def test_anything_else_is_malformed(body: bytes) -> None:
    try:
        read = read_push(BytesIO(body))
    except RequestMalformed:
        return
    assert all(one.ref for one in read.updates)


@given(st.lists(UPDATES, unique_by=lambda one: one.ref, min_size=1, max_size=5), st.data())
def test_a_push_that_is_cut_off_is_malformed(updates: list[RefUpdate], data: st.DataObject) -> None:
    whole = written(updates)
    with pytest.raises(RequestMalformed):
        read_push(BytesIO(whole[: data.draw(st.integers(0, len(whole) - 1))]))


def test_a_shallow_clients_lines_are_passed_over() -> None:
    update = RefUpdate(ref="refs/heads/x", old=None, new="1" * 40)
    body = packet(f"shallow {'2' * 40}".encode()) + written([update])
    assert read_push(BytesIO(body)).updates == (update,)


def test_a_report_longer_than_a_band_is_cut_into_several() -> None:
    updates = [RefUpdate(ref=f"refs/heads/{number:04}", old=None, new="1" * 40) for number in range(4_000)]
    request = read_push(BytesIO(written(updates, "report-status side-band-64k")))
    answer = BytesIO(report(request, {"refs/heads/0001": "no"}, screen=["told"]))
    bands: dict[int, bytes] = {1: b"", 2: b""}
    while size := int(answer.read(4), 16):
        assert size <= 65_520
        band, *data = answer.read(size - 4)
        bands[band] += bytes(data)
    assert answer.read() == b""
    assert bands[2] == b"told\n"
    assert bands[1].startswith(packet(b"unpack ok\n"))
    assert bands[1].endswith(b"0000")
    assert packet(b"ng refs/heads/0001 no\n") in bands[1]
    assert bands[1].count(b"refused with the others of this push") == 3_999
