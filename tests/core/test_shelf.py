"""The shelf: files of people lie in one folder, under names of ours only."""

import pytest

from crm.core import config
from crm.core.shelf import LONGEST_NAME, Shelf, label

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


def test_a_file_is_stored_whole_under_a_name_that_nobody_guesses_and_removed(shelf):
    tokens = {shelf.store(b"same") for _ in range(3)}
    assert len(tokens) == 3
    for token in tokens:
        assert shelf.path_of(token).read_bytes() == b"same"
        assert shelf.path_of(token).stat().st_mode & 0o777 == 0o600
        shelf.remove(token)
        shelf.remove(token)
    assert list(shelf.folder().iterdir()) == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Offer.pdf", "Offer.pdf"),
        ("a/b\\c.pdf", "c.pdf"),
        ("gpj\u202eexe.jpg", "gpjexe.jpg"),
        ("می\u200cخواهم.pdf", "می\u200cخواهم.pdf"),
        ("👩\u200d👧.png", "👩\u200d👧.png"),
        (" .. ", "–"),
        ("\u200d", "–"),
        ("", "–"),
        (".htaccess", ".htaccess"),
        ("a" * 300 + ".pdf", "a" * (LONGEST_NAME - 4) + ".pdf"),
        ("a." + "b" * 300, ("a." + "b" * 300)[:LONGEST_NAME]),
    ],
)
def test_the_name_of_a_file_is_shown_without_what_deceives(name, shown):
    assert label(name) == shown
