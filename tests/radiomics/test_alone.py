"""The engine where only the packages of a plain ``pip install .`` are there, and what it then says of the others."""

import re
import subprocess
import sys
import tomllib

import numpy as np
import pandas as pd
import pytest
from cases import ball, image, texture, write
from study import ROOT

from vcfnb import radiomics

# Import names of packages that come with an extra, where they are not the package's own name.
IMPORTED = {
    "pyradiomics-bhklab": "radiomics",
    "scikit-learn": "sklearn",
    "Jinja2": "jinja2",
    "snakemake-executor-plugin-slurm": "snakemake_executor_plugin_slurm",
}
WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
"""


def extras():
    """Import names of the packages that only an extra brings."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {re.split(r"[\[<>=!]", one)[0] for group in project["optional-dependencies"].values() for one in group}
    return {IMPORTED.get(name, name) for name in named} - {"vcfnb"}


def python(code):
    """What Python does and says in a process that has none of the extras' packages."""
    code = WITHOUT.format(absent=extras()) + code
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=300)


def alone(*arguments):
    """The same for `vcfnb` with these arguments."""
    return python(f"from vcfnb.cli import main\nsys.exit(main({[str(one) for one in arguments]}))")


@pytest.fixture
def folder(tmp_path):
    write(image(texture()), tmp_path / "ct.nii.gz")
    write(image((texture() + 0.3).astype(np.float32)), tmp_path / "float.nii.gz")
    write(image(ball()), tmp_path / "mask.nii.gz")
    return tmp_path


def test_all_features_come_without_the_extras(folder):
    given = folder / "ct.nii.gz", folder / "mask.nii.gz"
    done = alone("features", *given, "--out", folder / "f.csv")
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    found, expected = pd.read_csv(folder / "f.csv"), radiomics.extract_features(*given)
    assert len(expected) == 1834 and expected.attrs["by_pyradiomics"] == []
    np.testing.assert_allclose(found.loc[0, expected.index].astype(float), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("ct", "params"),
    [("float.nii.gz", None), ("ct.nii.gz", "featureClass: {glcm: [MCC]}"), ("ct.nii.gz", "setting: {gldm_a: 1}")],
)
def test_what_is_left_to_pyradiomics_says_how_to_get_it(ct, params, folder):
    given = [folder / ct, folder / "mask.nii.gz"]
    if params:
        (folder / "p.yaml").write_text(params)
        given += ["--params", folder / "p.yaml"]
    done = alone("features", *given, "--out", folder / "f.csv")
    said = " ".join(done.stderr.split())
    assert done.returncode == 1 and "Traceback" not in said
    assert "PyRadiomics is not installed" in said and "pip install 'vcfnb[pyradiomics]'" in said


def test_a_command_of_the_study_says_what_it_needs(folder):
    done = alone("predict", folder, folder / "ct.nii.gz", folder / "mask.nii.gz")
    assert done.returncode == 1
    assert re.search(r"vcfnb: predict needs \w+ -> pip install 'vcfnb\[study\]'", done.stderr), done.stderr


def test_a_function_of_the_study_says_what_it_needs():
    done = python("from vcfnb import auc_ci")
    assert done.returncode == 1 and "pip install 'vcfnb[study]'" in done.stderr.splitlines()[-1]
