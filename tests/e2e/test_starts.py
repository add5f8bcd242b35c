"""What keeps `slipway serve` and `slipway demo` from starting: one line that says why, and no trace of the code."""

from pathlib import Path

import pytest

from tests.e2e.children import Child, ended

QUICK = {"SLIPWAY_DRAIN_SECONDS": "0", "COLUMNS": "1000"}


def said(arguments: list[str], environment: dict[str, str], told: Path) -> tuple[int | None, str]:
    code = ended(arguments, QUICK | environment, told)
    return code, told.read_text().strip()


async def test_a_folder_is_worked_on_by_one_process_and_is_free_once_that_was_killed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    holder = Child(data, QUICK)
    try:
        assert await holder.ready()
        for number, command in enumerate(("serve", "demo")):
            code, line = said([command, "--data", str(data)], {}, tmp_path / f"said{number}")
            assert code == 2
            assert line.endswith(
                f"{data} is in use by process {holder.pid}: stop that one, or give this one another --data folder"
            )
            assert line.count("\n") == 0
        assert holder.end() == -9
        again = Child(data, QUICK)
        assert await again.ready()
        again.end()
    finally:
        if holder.code() is None:
            holder.end()


@pytest.mark.parametrize("command", [["serve"], ["doctor"], ["token", "create"]])
def test_a_setting_that_is_wrong_is_one_line_and_exit_code_2(command: list[str], tmp_path: Path) -> None:
    more = ["--tenant", "a", "--identity", "b", "--scope", "devops.read"] if command[0] == "token" else []
    wrong = {"SLIPWAY_GIT_SLOTS": "many"}
    code, line = said([*command, *more, "--data", str(tmp_path / "data")], wrong, tmp_path / "said")
    assert (code, line) == (
        2, "slipway: Invalid value: SLIPWAY_GIT_SLOTS is 'many': set it to a whole number of at least 1",
    )  # fmt: skip


def test_a_data_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    code, line = said(["serve", "--data", str(tmp_path / "data")], {}, tmp_path / "said")
    assert (code, line) == (1, f"slipway: the data folder {tmp_path / 'data'} cannot be used: File exists")


def test_a_database_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    nowhere = {"SLIPWAY_DATABASE_URL": "postgresql://slipway:hunter2@127.0.0.1:1/slipway"}
    code, line = said(["serve", "--port", "0", "--data", str(tmp_path / "data")], nowhere, tmp_path / "said")
    assert code == 1
    assert line.startswith("slipway: the database does not answer: ")
    assert line.count("\n") == 0
    assert "hunter2" not in line
