"""Settings from the environment: what each may be, and the one line that says so."""

from pathlib import Path

import pytest

from settings import Settings


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("SLIPWAY_DRAIN_SECONDS", "soon", "set it to seconds, at least 0"),
        ("SLIPWAY_DRAIN_SECONDS", "-1", "set it to seconds, at least 0"),
        ("SLIPWAY_DRAIN_SECONDS", "nan", "set it to seconds, at least 0"),
        ("SLIPWAY_HEARTBEAT_SECONDS", "0", "set it to seconds, at least 0.1"),
        ("SLIPWAY_INTROSPECTION", "yes", "set it to on or off"),
        ("SLIPWAY_PUSH_BYTES", "2GiB", "set it to a whole number of at least 0"),
        ("SLIPWAY_GIT_SLOTS", "0", "set it to a whole number of at least 1"),
        ("SLIPWAY_WHEELHOUSE", "/nowhere", "set it to a folder of wheels, or to off"),
        ("SLIPWAY_LIMIT_DEPTH", "0", "set it to a whole number over 0"),
        ("SLIPWAY_BASE_URL", "slipway.example.com", "https://slipway.example.com, without a path"),
        ("SLIPWAY_BASE_URL", "https://example.com/slipway", "https://slipway.example.com, without a path"),
        ("SLIPWAY_ORIGINS", "https://a.example *", "https://slipway.example.com, without a path"),
        ("SLIPWAY_FAILPOINT", "nowhere", "there is none of that name, but commit:before, "),
        ("SLIPWAY_FAILPOINT", "act:before#0", "after # comes a number from 1 on"),
    ],
)
def test_a_setting_that_is_wrong_says_its_name_its_value_and_what_would_pass(name: str, value: str, told: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} is ") as raised:
        Settings.from_env({name: value})
    assert repr(value.split()[-1]) in str(raised.value)
    assert told in str(raised.value)


@pytest.mark.parametrize("value", ["mysql://u:hunter2@h/d", "hunter2"])
def test_a_database_that_is_not_known_is_refused_without_its_password(value: str) -> None:
    with pytest.raises(ValueError, match=r"^SLIPWAY_DATABASE_URL .* set it to postgresql://") as raised:
        Settings.from_env({"SLIPWAY_DATABASE_URL": value})
    assert "hunter2" not in str(raised.value)


def test_what_is_set_is_taken() -> None:
    told = {
        "SLIPWAY_DATA": "/srv/slipway",
        "SLIPWAY_DRAIN_SECONDS": "2.5",
        "SLIPWAY_HEARTBEAT_SECONDS": "30",
        "SLIPWAY_BASE_URL": "https://slipway.example.com/",
        "SLIPWAY_ORIGINS": "https://a.example http://b.example:8080",
        "SLIPWAY_FAILPOINT": "swap:after#3",
    }
    settings = Settings.from_env(told)
    assert settings == Settings(
        data=Path("/srv/slipway"),
        drain_seconds=2.5,
        heartbeat_seconds=30.0,
        base_url="https://slipway.example.com",
        origins=("https://a.example", "http://b.example:8080"),
        failpoint="swap:after#3",
    )
