"""Pages that need nothing but themselves: one HTML file with its pictures inside, no script, nothing fetched."""

import base64
import html
import io
import math

import pandas as pd

from vcfnb import runs

# Whatever a table or a name smuggled in: nothing is run, nothing is fetched.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:"
_STYLE = """
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem; color: #1d1d1f; background: #fff;
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; border-top: 2px solid #d9dce1; padding-top: .6rem; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: .82rem; display: block; overflow-x: auto; margin: .5rem 0; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid #d9dce1; text-align: right; vertical-align: top; }
th { background: #f4f5f7; } .text { text-align: left; } td.text { overflow-wrap: anywhere; }
.notice { border-left: 4px solid #b45309; background: #fff7ed; padding: .6rem 1rem; margin: 1rem 0; }
.big { font-size: 1.25rem; } small, .small { color: #5b5f66; font-size: .8rem; }
@media print { body { max-width: none; padding: 0; font-size: 12px; } h2 { break-after: avoid; }
  /* Nothing can be scrolled on paper. */
  table { display: table; font-size: .75rem; } tr, img { break-inside: avoid; } }
"""


def write_page(path, title, body, nav="", style=_STYLE):
    """Write a page.

    Parameters
    ----------
    path : path
    title : str
        Text; escaped here.
    body : str
        HTML; what comes from users must be escaped (:func:`text`).
    nav : str
        HTML of the navigation, if any.
    style : str
        CSS.
    """
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{text(title)}</title><style>{style}</style></head>"
        f'<body>{nav}<main id="top">{body}</main></body></html>\n'
    )
    with runs.atomic(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def text(value):
    """Anything as text that is safe within HTML."""
    return html.escape(str(value))


def picture(figure, said, dpi=150):
    """A matplotlib figure as an image within the page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    said : str
        What it shows, for who cannot see it.
    dpi : int
    """
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, bbox_inches="tight", metadata={"Software": None})
    coded = base64.b64encode(stream.getvalue()).decode("ascii")
    return f'<img alt="{text(said)}" src="data:image/png;base64,{coded}">'


def table(frame, digits=3):
    """A table as HTML: numbers with `digits` decimals, or as many valid digits where they are large or small.

    Parameters
    ----------
    frame : pandas.DataFrame
    digits : int
    """
    kinds = ["" if pd.api.types.is_numeric_dtype(kind) else ' class="text"' for kind in frame.dtypes]
    head = "".join(f"<th{kind}>{text(name)}</th>" for name, kind in zip(frame, kinds, strict=True))
    rows = [
        "".join(f"<td{kind}>{text(_cell(value, digits))}</td>" for value, kind in zip(row, kinds, strict=True))
        for row in frame.itertuples(index=False)
    ]
    return f"<table><tr>{head}</tr>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"


def _cell(value, digits):
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return "–"
    return f"{value:.{digits}f}" if 0.1 <= abs(value) < 1000 or value == 0 else f"{value:.{digits}g}"


def notice(lines):
    """A marked box with a paragraph a line (text)."""
    return '<div class="notice">' + "".join(f"<p>{text(line)}</p>" for line in lines) + "</div>"
