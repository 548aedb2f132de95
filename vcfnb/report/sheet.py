"""Text on one A4 page that matplotlib draws."""

import textwrap

A4 = (8.27, 11.69)  # inches


def write_text(figure, top, lines, size, **look):
    """Write lines, wrapped to the page, from `top` down; return where the next may start (proportions of the page)."""
    width = int((880 if look.get("weight") else 1010) / size)
    wrapped = [part for line in lines for part in textwrap.wrap(line, width)]
    figure.text(0.06, top, "\n".join(wrapped), va="top", fontsize=size, linespacing=1.25, **look)
    return top - len(wrapped) * size * 1.4 / 72 / A4[1] - 0.004
