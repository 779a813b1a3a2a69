"""The shelf: files of people lie in one folder, under names of ours only."""

import pytest

from crm.core import config
from crm.core.shelf import Shelf

TOKEN = "0123456789abcdef" * 2


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    monkeypatch.setenv("RAPPORT_DATA", str(tmp_path))
    config.forget()
    yield Shelf("papers")
    config.forget()


def test_its_folder_is_for_this_system_user_only(shelf, tmp_path):
    assert shelf.folder() == tmp_path / "papers"
    assert shelf.folder().stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "name", ["", "../rapport.db", "/etc/passwd", TOKEN[:-1], TOKEN + "\n", TOKEN.upper(), f"{TOKEN}.part"]
)
def test_a_name_that_is_not_ours_leads_nowhere(shelf, name):
    with pytest.raises(ValueError, match="no name of a stored file"):
        shelf.path_of(name)


def test_it_tells_its_files_unfinished_ones_too_and_nothing_else(shelf):
    other = "f" * 32
    shelf.path_of(TOKEN).touch()
    shelf.path_of(other).with_suffix(".part").touch()
    (shelf.folder() / "stranger.txt").touch()
    assert set(shelf.tokens()) == {TOKEN, other}
