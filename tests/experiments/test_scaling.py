"""The page about size and clusters: its script's arithmetic, and the SLURM profile's names."""

import re

import numpy as np
import pandas as pd
import pytest
import yaml
from study import ROOT, script


@pytest.fixture(scope="module")
def scaling():
    return script("experiments/benchmarks", "scaling")


@pytest.fixture
def measured(scaling):
    """Times that grow with exponents 0, 1, 1.5, ..., beside a start of 5 s."""
    rows = [{"n": 0, "step": "start", "cpu_s": 5.0, "wall_s": 5.0, "peak_mb": 300.0, "disk_mb": 0.0}]
    for n in (50, 100, 200, 400):
        for number, step in enumerate(scaling.STEPS):
            cpu = 5 + 0.1 * n ** (number / 4)
            rows.append({"n": n, "step": step, "cpu_s": cpu, "wall_s": cpu, "peak_mb": 500 + n, "disk_mb": 0.5 * n})
    return pd.DataFrame(rows)


def test_exponents_are_found(scaling, measured):
    grown = scaling.fits(measured)
    assert grown["exponent"].to_numpy() == pytest.approx(np.arange(8) / 4, abs=1e-6)
    assert grown["worst_ratio"].to_numpy() == pytest.approx(1)
    assert grown["peak_mb_base"].to_numpy() == pytest.approx(500)
    assert grown["disk_mb_per_case"].to_numpy() == pytest.approx(0.5)
    assert len(scaling.chart(measured, grown).axes) == 2


def test_a_plan_has_the_jobs_of_the_dry_run(scaling, measured):
    planned = scaling.plan(10_000, measured, "params/paper.yaml").set_index("step")
    assert planned["jobs"].to_dict() == {step: 6 if step == "04_dtl" else 1 for step in scaling.STEPS}
    assert planned.loc["04_dtl", "cpu_hours"] == pytest.approx((5 + 0.1 * 10_000) / 3600)
    assert planned["peak_gb"].to_numpy() == pytest.approx(10.5e3 / 1024)
    text = scaling.plan_text(10_000, planned.reset_index(), "params/paper.yaml")
    assert "| 04_dtl | 6 | 0.28 | 10.3 | 4.9 |" in text


def test_sizes_that_were_measured_are_not_measured_again(scaling, measured, tmp_path, monkeypatch):
    measured.to_csv(tmp_path / "measured.csv", index=False)
    monkeypatch.setattr(scaling, "_COMPILE", "")
    again = scaling.measure([50, 100, 200, 400], tmp_path, 1)
    pd.testing.assert_frame_equal(again, measured)


def test_texts_are_put_between_their_marks(scaling, measured, tmp_path):
    page = tmp_path / "page.md"
    page.write_text((ROOT / "docs" / "scaling.md").read_text())
    text = scaling.measured_text(measured, scaling.fits(measured))
    scaling.put(page, "measured", text)
    once = page.read_text()
    scaling.put(page, "measured", text)
    assert page.read_text() == once
    assert "| 04_dtl | 10 | 15 | 25 | 45 | 1.00 | 1.00 | 0.10 | 1.00 | 0.50 |" in once
    assert once.count("<!--") == 4


def test_usage_counts_children(scaling):
    busy = "import time\\nwhile time.process_time() < 2: pass"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{busy}'])"
    found = scaling.usage([scaling.sys.executable, "-c", code])
    assert 1 < found["cpu_s"] < 3
    assert found["peak_mb"] > 3


def test_the_slurm_profile_names_rules_of_the_workflow():
    profile = yaml.safe_load((ROOT / "workflow" / "profiles" / "slurm" / "config.yaml").read_text())
    rules = set(re.findall(r"^rule (\w+):", (ROOT / "workflow" / "Snakefile").read_text(), re.M))
    assert set(profile["set-resources"]) <= rules
    assert profile["executor"] == "slurm"
