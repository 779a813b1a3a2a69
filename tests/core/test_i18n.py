"""Languages: English in the source, the others from catalogues; the first guess is the browser's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.core import i18n
from crm.core.errors import AlreadyDone, Conflict, CrmError, Invalid, InvalidForm, NotFound, SignedOut, Unavailable


@pytest.mark.parametrize(
    ("wishes", "language"),
    [
        ("ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7", "ru"),
        ("zh-CN,zh;q=0.9", "zh"),
        ("zh-TW", "zh"),
        ("de-DE,de;q=0.9,ru;q=0.5,en;q=0.4", "ru"),
        ("de, fr", "en"),
        ("en;q=0.1, zh;q=0.8", "zh"),
        ("ru;q=0, zh;q=0.1", "zh"),
        ("ru;q=1.2.3, zh;q=0.1", "zh"),
        ("", "en"),
        (None, "en"),
        (["zh-CN"], "zh"),
        ("RU", "ru"),
        (";;q=,,", "en"),
    ],
)
def test_the_browsers_first_language_that_we_speak_is_taken(wishes, language):
    assert i18n.guess(wishes) == language


@given(st.text(max_size=80))
def test_any_wish_gives_a_language(text):
    assert i18n.guess(text) in i18n.LANGUAGES


def test_english_needs_no_catalogue():
    assert i18n.translate("en", "There is no such record.") == "There is no such record."
    assert i18n.translate("tlh", "There is no such record.") == "There is no such record."
    assert i18n.translate("ru", "") == ""  # the empty msgid holds the catalogue's own head


def test_an_error_is_said_with_its_values():
    error = Invalid("At most {length} characters fit here.", field="name", length=200)
    assert i18n.say("en", error) == "At most 200 characters fit here."
    assert (error.field, error.text) == ("name", "At most {length} characters fit here.")


def test_values_that_look_like_places_stay_as_they_are():
    """What a person typed is a value, never a format."""
    error = Invalid("'{text}' is not a phone number.", field="phones", text="{0.__class__}{x}")
    assert i18n.say("en", error) == "'{0.__class__}{x}' is not a phone number."


@pytest.mark.parametrize(
    "error",
    [
        NotFound(),
        SignedOut(),
        Conflict(),
        AlreadyDone(),
        InvalidForm({}),
        Unavailable("Busy", code="D2"),
        CrmError("x"),
    ],
)
def test_every_error_can_be_said_in_every_language(error):
    for language in i18n.LANGUAGES:
        assert i18n.say(language, error)


@pytest.mark.parametrize(
    ("language", "script"), [("ru", "ru_RU"), ("zh", "zh_Hans_CN"), ("en", "en_GB"), ("xx", "en_GB")]
)
def test_each_language_has_its_way_to_write_dates(language, script):
    assert str(i18n.locale(language)) == script


def test_each_language_is_named_in_itself():
    assert i18n.LANGUAGES == {"en": "English", "ru": "Русский", "zh": "中文"}
