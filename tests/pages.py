"""What the pages for readers hold: code blocks, commands, links, headings."""

import re
import textwrap

from study import ROOT

# Pages whose commands, Python and YAML are tried.
GUIDES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# Pages whose links are followed.
PAGES = [
    *GUIDES,
    ROOT / "CHANGELOG.md",
    ROOT / "tests" / "reference" / "README.md",
    *sorted((ROOT / "vcfnb").rglob("*.md")),
]
# Programs whose calls count as commands where they stand in the text.
PROGRAMS = ("./run_all.sh", "./run_tests.sh", ".venv/bin/", "python -m ", "cp ", "conda ", "Rscript ", "git ")


def name(page):
    return str(page.relative_to(ROOT))


def blocks(page, language):
    """Code blocks of one language, also those that are indented under a list item."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", page.read_text(encoding="utf-8"), re.S | re.M)
    return [textwrap.dedent(text) for _, text in found]


def prose(page):
    """The page without its code blocks."""
    return re.sub(r"^( *)```.*?^\1```", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)


def spans(page):
    """Texts in backticks."""
    return [re.sub(r"\s+", " ", text) for text in re.findall(r"`([^`]+)`", prose(page))]


def commands(page):
    """Command lines of the page, without comments: those of its bash blocks, and calls in its text."""
    lines = "\n".join(blocks(page, "bash")).replace("\\\n", " ").splitlines()
    listed = [re.sub(r"(^|\s)#.*", "", line).strip() for line in lines]
    told = [span for span in spans(page) if span.startswith(PROGRAMS) and not span.endswith("/")]
    return [line for line in [*listed, *told] if line]


def links(page):
    """Targets of all links and pictures; code is not looked at."""
    text = re.sub(r"`[^`]*`", "code", prose(page))
    return re.findall(r"\]\(\s*<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)", text)


def anchors(page):
    """Anchors that GitHub gives the headings of a page."""
    found, counts = set(), {}
    for heading in re.findall(r"^#{1,6} +(.*?) *#*$", prose(page), re.M):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        n = counts[slug] = counts.get(slug, -1) + 1
        found.add(f"{slug}-{n}" if n else slug)
    return found
