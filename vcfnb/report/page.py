"""Pages that need nothing but themselves: one HTML file with its pictures inside, no script, nothing fetched."""

import base64
import io
import math

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from vcfnb import runs
from vcfnb.figures.tables import heading


def render(template, **content):
    """A template of ``templates/`` as HTML: what it is given is escaped, unless it is a :class:`markupsafe.Markup`."""
    return _ENVIRONMENT.get_template(template).render(content)


def write_page(path, template, **content):
    """Write a template of ``templates/``, filled in, as a page."""
    page = render(template, **content)
    with runs.atomic(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def widths(n_columns):
    """Classes of a table: ``wide`` ones are shown row by row on a phone, the ``widest`` on paper too."""
    return ["wide"] * (n_columns > 3) + ["widest"] * (n_columns > 10)


def _png(figure, dpi=150):
    """A matplotlib figure as the source of an image within the page."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, bbox_inches="tight", metadata={"Software": None})
    return inside(stream.getvalue())


def inside(png):
    """The bytes of a PNG file as the source of an image within the page."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def versions_text(versions):
    """Packages and their versions on one line."""
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _kinds(frame):
    """The class attribute of each column: text stands left, numbers right."""
    return [Markup("" if pd.api.types.is_numeric_dtype(kind) else ' class="text"') for kind in frame.dtypes]


def _rows(frame, digits=3):
    """Rows of a table: numbers with `digits` decimals, or as many valid digits where they are large or small."""
    return [[_cell(value, digits) for value in row] for row in frame.itertuples(index=False)]


def _cell(value, digits):
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return "–"
    return f"{value:.{digits}f}" if 0.1 <= abs(value) < 1000 or value == 0 else f"{value:.{digits}g}"


_ENVIRONMENT = Environment(loader=PackageLoader("vcfnb.report"), autoescape=True, undefined=StrictUndefined)
_ENVIRONMENT.filters |= {
    "png": _png,
    "versions": versions_text,
    "kinds": _kinds,
    "rows": _rows,
    "heading": heading,
    "widths": widths,
}
