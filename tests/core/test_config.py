"""Configuration: what the environment decides, and keys that are made once."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from crm.core import config


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """Set some of the environment and read it."""

    def read(**names):
        monkeypatch.setenv("RAPPORT_DATA", str(tmp_path / "data"))
        monkeypatch.delenv("RAPPORT_DATABASE_URL", raising=False)
        for name, value in names.items():
            monkeypatch.setenv(f"RAPPORT_{name}", value)
        return config.from_environment()

    return read


def test_without_any_choice_it_serves_this_machine(environment, tmp_path):
    found = environment()
    assert found.base_url == "http://localhost:8501"
    assert found.hosts == {"localhost:8501", "127.0.0.1:8501"}
    assert found.origins == {"http://localhost:8501", "http://127.0.0.1:8501"}
    assert found.database_url == f"sqlite:///{(tmp_path / 'data').resolve() / 'rapport.db'}"
    assert not found.secure


def test_a_public_address_decides_hosts_origins_and_cookies(environment):
    found = environment(URL="https://crm.example.org/", HOSTS="Crm2.example.org, ", PORT="9000")
    assert found.base_url == "https://crm.example.org"
    assert found.hosts == {"crm.example.org", "crm2.example.org", "localhost:9000", "127.0.0.1:9000"}
    assert "https://crm.example.org" in found.origins
    assert found.secure


def test_a_chosen_database_is_used(environment):
    assert environment(DATABASE_URL="postgresql://x@y/z").database_url == "postgresql://x@y/z"


def test_a_key_is_made_once_and_kept_from_others(environment):
    found = environment()
    key = found.key("cookie")
    assert len(key) == 32
    assert environment().key("cookie") == key
    assert found.key("other") != key
    path = found.keys_dir / "cookie.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(found.keys_dir.stat().st_mode) == 0o700
    assert sorted(one.name for one in found.keys_dir.iterdir()) == ["cookie.key", "other.key"]


def test_whoever_comes_second_takes_the_first_ones_key(environment):
    found = environment()
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: found.key("shared"), range(40)))
    assert len(keys) == 1


def test_the_process_has_one_configuration_and_one_database(database):
    assert config.config() is config.config()
    assert config.database() is config.database()
    assert config.database().url == database.url
    first = config.database()
    config.forget()
    assert config.database() is not first
