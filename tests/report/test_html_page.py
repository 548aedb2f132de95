"""Pages that vcfnb writes: nothing on them is run or fetched, whoever writes them."""

import ast
from html.parser import HTMLParser

import pytest
from study import ROOT

from vcfnb.report import html_page


class Metas(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = {}
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "meta" and "http-equiv" in dict(attrs):
            self.found[dict(attrs)["http-equiv"]] = dict(attrs)["content"]


def test_a_page_has_a_policy_that_allows_only_what_is_inside_it(tmp_path):
    html_page.write_page(tmp_path / "a.html", "<a>", "<p>body</p>", nav="<nav></nav>", style="p {}")
    page = (tmp_path / "a.html").read_text()
    policy = Metas(page).found["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';") and "script-src" not in policy
    assert "<title>&lt;a&gt;</title><style>p {}</style>" in page
    assert '<body><nav></nav><main id="top"><p>body</p></main></body>' in page


@pytest.mark.parametrize("folder", ["vcfnb", "workflow"])
def test_every_page_is_written_there(folder):
    """Its head stands in one place, so that no page lacks the policy."""
    heads = [
        path.name
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "<!doctype" in node.value.lower()
    ]
    assert heads == (["html_page.py"] if folder == "vcfnb" else [])
