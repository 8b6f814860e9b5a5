"""A page that ZenML shows: plain HTML that loads nothing from anywhere."""

from collections.abc import Iterable
from html import escape

_STYLE = """
body { margin: 12px 16px; font: 13px/1.4 system-ui, sans-serif; color: #1f2933; background: #fff; }
h1 { font-size: 16px; margin: 0; }
h2 { font-size: 13px; margin: 0 0 2px; }
p { margin: 0 0 10px; color: #52606d; }
main { columns: 2 COLUMN_PX; }
section { break-inside: avoid; margin-bottom: 10px; }
svg text { font: 12px system-ui, sans-serif; fill: #1f2933; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: 3px 12px 3px 0; border-top: 1px solid #e4e7eb; }
td { overflow-wrap: anywhere; }
"""


def page(title: str, summary: str, sections: Iterable[str], *, below: str = "", column_px: int = 340) -> str:
    """Gives the page.

    Args:
        title, summary: plain text.
        sections: HTML, set in two columns where there is room.
        below: HTML that follows over the whole width.
        column_px: least width of a column.
    """
    style = _STYLE.replace("COLUMN_PX", f"{column_px}px")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{style}</style></head><body><h1>{escape(title)}</h1><p>{escape(summary)}</p>"
        f"<main>{''.join(sections)}</main>{below}</body></html>"
    )
