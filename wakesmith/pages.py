"""Self-contained pages, and numbers as people read them."""

from __future__ import annotations

import importlib.resources


def page(template: str, **values: object) -> str:
    """A page as HTML: no scripts, nothing from outside, the same bytes for the same values.

    Args:
        template: name of a file in this room; it also knows `css`, `percent` and `grouped`.
        **values: what it shows.
    """
    import jinja2  # a command that only prints numbers starts without it
    from markupsafe import Markup

    room = importlib.resources.files("wakesmith")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    css = Markup((room / "report.css").read_text(encoding="utf-8"))
    text = (room / template).read_text(encoding="utf-8")
    return environment.from_string(text).render(css=css, percent=percent, grouped=grouped, **values)


def grouped(number: int) -> str:
    """1234567 -> 1 234 567 with thin no-break spaces."""
    return f"{number:,}".replace(",", "\u202f")


def percent(share: float, digits: int = 1) -> str:
    """0.9741 -> 97.4; never rounds up to 100."""
    value = min(share * 100, 100.0)
    text = f"{value:.{digits}f}"
    if digits and share < 1 and float(text) == 100.0:
        return f"{100 - 10**-digits:.{digits}f}"
    return text
