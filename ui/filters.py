"""Filters: one quiet row of choices that live in the address, as codes, so that a link works in every language."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ui.parts import draw as draw_part
from ui.session import _, asked


@dataclass(frozen=True)
class Filter:
    """One filter: the query parameter it lives in, its label, and what it offers (code -> name) if it is a choice."""

    param: str
    label: str
    kind: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def value(self) -> str:
        """What the address asks for; a code that is not offered asks for nothing."""
        wanted = asked(self.param)
        return wanted if self.kind != "choice" or wanted in self.options else ""


def text(param: str, label: str) -> Filter:
    """Return a filter by text."""
    return Filter(param, label, "text")


def choice(param: str, label: str, options: Mapping[str, str]) -> Filter:
    """Return a filter by one of several codes."""
    return Filter(param, label, "choice", options)


def switch(param: str, label: str) -> Filter:
    """Return a filter that is on ('1') or off."""
    return Filter(param, label, "switch")


def row(*filters: Filter, key: str = "filters") -> tuple[str, ...]:
    """Draw the row; return what each filter asks for, '' where it does not narrow. A choice that offers nothing is not drawn."""
    values = tuple(one.value for one in filters)
    data = [
        {
            "param": one.param,
            "label": one.label,
            "kind": one.kind,
            "options": list(one.options.items()),
            "value": value,
        }
        for one, value in zip(filters, values, strict=True)
        if one.options or one.kind != "choice"
    ]
    if data:
        draw_part("filters", key=key, data={"filters": data, "reset": _("Reset")})
    return values
