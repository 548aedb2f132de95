"""The report in a real browser: no network, no sideways scrolling on a phone, printable. Slow: a browser."""

import json
import re
from urllib.parse import unquote, urlsplit

import pytest
from browser import Browser

# The report is the demonstration's.
pytestmark = [pytest.mark.study, pytest.mark.long, pytest.mark.xdist_group("demo")]
PAGES = ("index.html", "checklists.html")


@pytest.fixture(scope="module")
def browser():
    with Browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def report(request):
    """Folder of the demonstration's report, as the committed notebooks and this code make it."""
    runs, _ = request.getfixturevalue("demo")
    return runs / "demo" / "report"


@pytest.fixture
def opened(browser, report):
    def show(name, width):
        browser.resize(width)
        browser.open((report / name).as_uri())
        return browser

    return show


@pytest.mark.parametrize("name", PAGES)
def test_it_asks_for_nothing_but_itself(opened, report, name):
    browser = opened(name, 1280)
    asked = [url for url in browser.requests if not url.startswith("data:")]
    assert asked == [(report / name).as_uri()]
    assert browser.problems == []


@pytest.mark.parametrize("width", [1280, 768, 390])
@pytest.mark.parametrize("name", PAGES)
def test_it_fits_the_window(opened, name, width):
    browser = opened(name, width)
    assert browser.js("document.documentElement.scrollWidth") <= width
    assert browser.js("Math.max(...[...document.images].map(image => image.getBoundingClientRect().right), 0)") <= width


def test_pictures_are_loaded_large_enough_and_described(opened):
    browser = opened("index.html", 1280)
    pictures = browser.js(
        "[...document.images].filter(image => !image.closest('details')).map(image => "
        "({alt: image.alt, own: image.naturalWidth, shown: image.getBoundingClientRect().width}))"
    )
    assert len(pictures) > 30
    for picture in pictures:
        assert picture["own"] > 300 and picture["shown"] > 300, picture
        assert len(picture["alt"]) > 10 and "description" not in picture["alt"], picture
    assert len({picture["alt"] for picture in pictures}) > 20


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(opened, report, name):
    browser = opened(name, 1280)
    ids = browser.js("[...document.querySelectorAll('[id]')].map(element => element.id)")
    assert len(ids) == len(set(ids))
    broken = []
    for target in browser.js("[...document.links].map(link => link.getAttribute('href'))"):
        parts = urlsplit(target)
        if parts.scheme:
            assert parts.scheme == "https" and parts.netloc == "doi.org", target
        elif not ((report / unquote(parts.path)).is_file() if parts.path else unquote(parts.fragment) in ids):
            broken.append(target)
    assert broken == []


def test_dark_text_on_light_and_code_on_demand(opened):
    browser = opened("index.html", 1280)
    assert browser.js("getComputedStyle(document.body).color") == "rgb(29, 29, 31)"
    assert browser.js("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    code = "document.querySelector('.jp-CodeCell .jp-InputArea').getBoundingClientRect().height"
    assert browser.js(code) == 0
    browser.js("document.getElementById('code').click()")
    assert browser.js(code) > 10


def test_it_prints(opened):
    browser = opened("index.html", 1280)
    printed = browser.pdf()
    assert printed.startswith(b"%PDF")
    browser.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert browser.js("getComputedStyle(document.querySelector('nav')).display") == "none"
        # Expansions that were not chosen are left out.
        assert browser.js("getComputedStyle(document.querySelector('section:has(> details)')).display") == "none"
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")


# Cells with a number that stands on more than one line.
BROKEN = """[...document.querySelectorAll('.number')].filter(cell => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return cell.offsetParent && new Set([...range.getClientRects()].map(line => Math.round(line.top))).size > 1;
}).map(cell => cell.textContent)"""
PAPER = 680  # pixels of CSS between the margins of A4


@pytest.mark.parametrize(("media", "width"), [("print", PAPER), ("", 390)])
def test_no_number_is_broken_and_no_table_too_wide(opened, media, width):
    browser = opened("index.html", width)
    browser.call("Emulation.setEmulatedMedia", media=media)
    try:
        assert browser.js("document.querySelectorAll('.number').length") > 500
        assert browser.js(BROKEN) == []
        wide = "table => table.offsetParent && table.scrollWidth > table.clientWidth + 1"
        assert browser.js(f"[...document.querySelectorAll('table')].filter({wide}).map(table => table.id)") == []
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")


def test_the_main_part_has_25_pages_and_the_summary_one(opened):
    browser = opened("index.html", 1280)
    for hidden, most in ((".appendix", 25), ("#top > :not(.sheet)", 1)):
        style = f"<style id=hide>{hidden} {{ display: none !important }}</style>"
        browser.js(f"document.head.insertAdjacentHTML('beforeend', {json.dumps(style)})")
        assert len(re.findall(rb"/Type /Page\b", browser.pdf())) <= most, hidden
        browser.js("document.getElementById('hide').remove()")


@pytest.mark.parametrize("width", [1280, 390])
def test_the_next_patients_page_fits_the_window(browser, report, width):
    browser.resize(width)
    browser.open((report.parent / "10_predict" / "prediction.html").as_uri())
    assert browser.js("document.documentElement.scrollWidth") <= width
    assert browser.js(
        "[...document.querySelectorAll('table')].every(table => table.scrollWidth <= table.clientWidth + 1)"
    )
