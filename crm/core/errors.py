"""Errors that say whose problem it is. The text is an English msgid; the edge translates it."""

from typing import Any


def N_(text: str) -> str:  # noqa: N802  gettext's own name for 'translate later'
    """Mark a text for the catalogues without translating it here. Everybody else takes it from `crm.core.i18n`."""
    return text


class CrmError(Exception):
    """Something the person may read: a msgid and the values to put into it."""

    def __init__(self, text: str, /, **values: Any) -> None:
        super().__init__(text.format(**values))
        self.text, self.values = text, values


class Invalid(CrmError):  # noqa: N818  the field's own words: a thing is invalid, refused, not found
    """What was typed cannot be taken; `field` names the widget that shows the sentence."""

    def __init__(self, text: str, /, *, field: str | None = None, **values: Any) -> None:
        super().__init__(text, **values)
        self.field = field


class InvalidForm(Invalid):
    """Several fields at once; `faults` maps each field to its Invalid."""

    def __init__(self, faults: dict[str, Invalid]) -> None:
        super().__init__(N_("Please correct the marked fields."))
        self.faults = faults


class NotFound(CrmError):  # noqa: N818
    """The record is absent or hidden: one text for both, so that nothing leaks."""

    def __init__(self, text: str = N_("There is no such record."), /, **values: Any) -> None:
        super().__init__(text, **values)


class Refused(CrmError):  # noqa: N818
    """The person's role does not allow this."""


class SignedOut(Refused):
    """The session ended: signed out, account disabled or password changed."""

    def __init__(self) -> None:
        super().__init__(N_("You are signed out."))


class Conflict(CrmError):  # noqa: N818
    """Someone changed the record meanwhile. `theirs` holds the stored values, where a form needs them to compare."""

    def __init__(
        self, text: str = N_("Someone changed this record meanwhile."), /, *, record: Any = None, **values: Any
    ) -> None:
        super().__init__(text, **values)
        self.record = record


class AlreadyDone(CrmError):  # noqa: N818
    """The same click arrived twice; the first one did the work."""

    def __init__(self) -> None:
        super().__init__(N_("This was already saved."))


class Unavailable(CrmError):  # noqa: N818
    """The database or a service we need does not answer; `code` is what support wants to hear."""

    def __init__(self, text: str, /, *, code: str = "", **values: Any) -> None:
        super().__init__(text, **values)
        self.code = code
