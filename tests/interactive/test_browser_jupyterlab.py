"""What a reader sees of the viewer and of the interactive parts in JupyterLab. Slow: a browser without graphics."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from urllib.parse import urlsplit

import nbformat
import numpy as np
import pytest
from browser import Browser, chromium
from cases import ball, image, texture, write
from PIL import Image

pytestmark = [pytest.mark.study, pytest.mark.long]

CELLS = (
    "import numpy as np, vcfnb\nfrom functools import partial\nfrom vcfnb import figures, interactive\nfigures.style()",
    "heat = np.zeros((60, 70, 80)); heat[25:40, 30:45, 35:60] = 1\nvcfnb.view('ct.nii.gz', 'mask.nii.gz', heat)",
    "interactive.show(partial(interactive.test_size, 43, 0.8), auc=[0.8, 0.95], width=[0.1])",
)
PANEL = "[...window.jupyterapp.shell.widgets('main')].find(panel => panel.content?.widgets)"
READY = f"""(panel => !!panel && panel.context.isReady && panel.sessionContext.isReady
    && panel.sessionContext.session?.kernel?.connectionStatus === 'connected'
    && panel.sessionContext.session.kernel.status === 'idle')({PANEL})"""
# Without a current notebook the command to run it does nothing.
CURRENT = f"window.jupyterapp.shell.currentWidget === {PANEL}"
PATIENCE = 300  # seconds; a browser without a graphics card, on a machine that does other things


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Address of a JupyterLab whose folder holds a case and a notebook."""
    chromium()
    folder = tmp_path_factory.mktemp("lab")
    write(image(texture((60, 70, 80))), folder / "ct.nii.gz")
    write(image(ball((60, 70, 80), radius=14)), folder / "mask.nii.gz")
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(notebook, folder / "case.ipynb")
    call = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0"]
    call += ["--IdentityProvider.token=", "--ServerApp.password=", "--LabApp.expose_app_in_browser=True"]
    own = {f"JUPYTER_{name}_DIR": str(folder / ".own" / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    environment = os.environ | own | {"JUPYTERLAB_SETTINGS_DIR": str(folder / ".own" / "settings")}
    environment |= {"JUPYTERLAB_WORKSPACES_DIR": str(folder / ".own" / "workspaces")}
    process = subprocess.Popen(
        call, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=(folder / "lab.log").open("w")
    )
    try:
        yield _address(process, folder), folder
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _address(process, folder):
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        for file in (folder / ".own" / "RUNTIME").glob("jpserver-*.json"):
            return json.loads(file.read_text())["url"]
        time.sleep(0.2)
    raise AssertionError(f"JupyterLab did not start:\n{(folder / 'lab.log').read_text()[-3000:]}")


@pytest.fixture(scope="module")
def page(lab):
    """The notebook, opened and run."""
    address, folder = lab
    with Browser(1280, 2000) as browser:
        browser.open(f"{address}lab/tree/case.ipynb")
        browser.wait("!!window.jupyterapp && !!document.querySelector('.jp-Notebook .jp-Cell')", PATIENCE)
        browser.wait(READY, PATIENCE)
        browser.js(f"window.jupyterapp.shell.activateById({PANEL}.id)")
        browser.wait(CURRENT, PATIENCE)
        browser.js("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        browser.wait(
            f"document.querySelectorAll('.jp-CodeCell .jp-OutputArea-output').length >= {len(CELLS)}", PATIENCE
        )
        browser.wait("!!document.querySelector('canvas') && document.querySelectorAll('img').length >= 2", PATIENCE)
        yield browser, folder


def pixels(browser, selector):
    """RGB of the part of the page that an element covers."""
    corner = browser.js(
        f"(e => {{ const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; }})"
        f"(document.querySelector({json.dumps(selector)}))"
    )
    picture = Image.open(io.BytesIO(browser.screenshot(clip=corner))).convert("RGB")
    return np.asarray(picture, dtype=int)


def coloured(array):
    """Proportion of red (mask) and of yellow (hottest) pixels."""
    red, green, blue = array[..., 0], array[..., 1], array[..., 2]
    return ((red > 80) & (green < 50) & (blue < 50)).mean(), ((red > 120) & (green > 120) & (blue < 70)).mean()


def test_niivue_shows_ct_mask_and_heatmap(page):
    browser, _ = page
    end = time.monotonic() + PATIENCE
    while min(coloured(shown := pixels(browser, "canvas"))) < 0.005 and time.monotonic() < end:
        browser.listen(1)
    red, yellow = coloured(shown)
    assert red > 0.005 and yellow > 0.005, (red, yellow, browser.problems)
    grey = shown[np.ptp(shown, axis=-1) < 12]
    assert grey.std() > 5 and (grey > 20).mean() > 0.1  # the CT's texture, no even surface


def test_the_picture_stands_under_it(page):
    browser, _ = page
    picture = "document.querySelector('.jp-OutputArea img[src^=\"data:image/png\"]').getBoundingClientRect().top"
    assert browser.js(f"{picture} >= document.querySelector('canvas').getBoundingClientRect().bottom - 1")
    assert browser.js("[...document.querySelectorAll('.jp-RenderedText[data-mime-type*=stderr]')].length") == 0


def test_nothing_is_fetched_from_elsewhere(page):
    browser, _ = page
    assert [url for url in browser.requests if urlsplit(url).hostname not in (None, "127.0.0.1")] == []
    assert not [problem for problem in browser.problems if "127.0.0.1" not in problem]


def test_a_choice_draws_the_figure_anew(page):
    browser, _ = page
    picture = "[...document.querySelectorAll('.jp-OutputArea img')].at(-1).src"
    before = browser.js(picture)
    browser.js("document.querySelector('.noUi-handle').focus()")
    for kind in ("rawKeyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key="ArrowRight", code="ArrowRight", windowsVirtualKeyCode=39)
    browser.wait(f"{picture} !== {json.dumps(before)}", PATIENCE)


def test_the_saved_notebook_holds_no_state_of_widgets(page):
    browser, folder = page
    browser.js("window.jupyterapp.commands.execute('docmanager:save')")
    saved = nbformat.read(folder / "case.ipynb", 4)
    assert [cell.execution_count for cell in saved.cells] == [1, 2, 3]
    assert "widgets" not in saved.metadata
    assert str(folder) not in (folder / "case.ipynb").read_text()
