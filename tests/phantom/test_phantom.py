"""The simulated cohort: deterministic, in the paper's distributions, and with its signs where they should be."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from study import ROOT

from vcfnb import cohort, images, phantom
from vcfnb.errors import VcfnbError
from vcfnb.params import load_params
from vcfnb.phantom.folder import simulate_case
from vcfnb.phantom.patients import draw_patients

SPACING = (1.5, 1.5, 1.5)
DIFFICULTY = load_params(ROOT / "params" / "demo.yaml").cohort.difficulty
# Six patients as in the demonstration, at larger voxels.
SIX = {"n_patients": 6, "seed": 3, "n_repeat_segmentations": 4, "voxel_mm": SPACING, "difficulty": DIFFICULTY}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    phantom.simulate_cohort(folder, **SIX, cores=1)
    return folder


def test_it_is_exactly_what_a_user_would_bring(folder):
    table = cohort.read_cohort(folder / "cohort.csv")
    assert cohort.is_simulated(table)
    assert len(cohort.check_files(table, cores=1)) == 0
    assert table.mask_reader_b.notna().sum() == 4
    assert table.label.sum() == round(0.65 * 6)


def test_the_number_of_workers_changes_nothing(folder, tmp_path):
    phantom.simulate_cohort(tmp_path, **SIX, cores=2)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    for path in files:
        if path.suffix != ".gz":
            assert (folder / path).read_bytes() == (tmp_path / path).read_bytes()
        else:
            one, two = (sitk.GetArrayFromImage(sitk.ReadImage(str(root / path))) for root in (folder, tmp_path))
            assert np.array_equal(one, two)


def test_an_interrupted_simulation_goes_on(folder):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.nii.gz")}
    (folder / "made" / "P002.json").unlink()
    phantom.simulate_cohort(folder, **SIX, cores=1)
    changed = {path.name for path in before if before[path] != path.stat().st_mtime_ns}
    assert changed == {"P002.nii.gz", "P002_a.nii.gz", "P002_a2.nii.gz", "P002_b.nii.gz"}


def test_the_paper_s_counts_and_distributions():
    table = draw_patients(218, 171 / 218, 1.0, np.random.default_rng(1))
    assert table.label.sum() == 171
    assert (table.sex == "F").sum() == 119
    assert table.age.between(21, 97).all()
    assert table.age.mean() == pytest.approx(63.14, abs=1.5)
    assert table.age.std() == pytest.approx(15.72, abs=1.5)
    assert table.bmd.mean() == pytest.approx(-2.28, abs=0.1)
    assert table.bmd.std() == pytest.approx(1.26, abs=0.1)
    assert np.corrcoef(table.age, table.bmd)[0, 1] < -0.2


def test_signs_overlap_between_the_classes():
    table = draw_patients(400, 0.5, DIFFICULTY, np.random.default_rng(2))
    for sign, of_class in phantom.SIGNS.items():
        groups = [table.loc[table.label == label, sign] for label in (0, 1)]
        strong, weak = groups[::-1] if of_class == "acute" else groups
        assert strong.mean() > weak.mean(), sign
        # Some of the other class show it, and some of its own do not.
        assert (weak > 0).any() and (strong == 0).any(), sign


@pytest.mark.parametrize("difficulty, auc", [(0.8, 0.97), (1.0, 0.93), (1.5, 0.84)])
def test_what_a_model_that_knew_the_true_signs_would_reach(difficulty, auc):
    """The numbers that the params files quote."""
    table = draw_patients(2000, 0.65, difficulty, np.random.default_rng(2026))
    scores = cross_val_predict(
        LogisticRegression(C=10), table[list(phantom.SIGNS)], table.label, cv=5, method="decision_function"
    )
    assert roc_auc_score(table.label, scores) == pytest.approx(auc, abs=0.02)


def average_patient(**signs):
    patient = {"label": 1, "age": 65, "sex": "F", "bmd": -2.0, "level": "L1"} | dict.fromkeys(phantom.SIGNS, 0.0)
    return patient | signs


def difference(sign):
    """Change of HU that a sign makes at full strength, all else equal, and the body's mask."""
    with_sign, masks = simulate_case(average_patient(**{sign: 1.0}), SPACING, [5])
    without, _ = simulate_case(average_patient(), SPACING, [5])
    return with_sign.astype(float) - without, masks["a"] != 0


def test_swelling_lies_around_the_bone_and_fades():
    change, body = difference("swelling")
    distance = ndimage.distance_transform_edt(~body, sampling=SPACING)
    near, far = (np.abs(change[(distance > low) & (distance < high)]).mean() for low, high in ((4, 8), (12, 16)))
    assert near > 5
    assert far < 0.02 * near


@pytest.mark.parametrize("sign", ["impaction", "marrow_oedema", "sclerosis"])
def test_dense_signs_lie_in_the_bone(sign):
    change, body = difference(sign)
    core = ndimage.binary_erosion(body, iterations=2)
    assert change[core].mean() > 3
    distance = ndimage.distance_transform_edt(~body, sampling=SPACING)
    assert np.abs(change[distance > 10]).mean() < 1


def test_bone_density_is_seen_in_the_bone():
    means = []
    for bmd in (-4.0, -2.0, 0.0):
        hu, masks = simulate_case(average_patient(bmd=bmd), SPACING, [6])
        means.append(np.median(hu[ndimage.binary_erosion(masks["a"], iterations=3)]))
    assert means == sorted(means)
    assert means[2] - means[0] > 60


def test_tissues_have_their_densities():
    hu, masks = simulate_case(average_patient(), SPACING, [7])
    trabecular = np.median(hu[ndimage.binary_erosion(masks["a"], iterations=3)])
    assert 60 < trabecular < 200
    assert -130 < np.percentile(hu, 5) < -80


def test_readings_agree_as_readers_do():
    """The mean over a dozen patients: a single one's Dice varies by 0.02."""
    patients = draw_patients(12, 0.65, DIFFICULTY, np.random.default_rng(3)).to_dict("records")
    scores = []
    for number, patient in enumerate(patients):
        _, masks = simulate_case(patient, SPACING, [3, number])
        a, a2, b = (sitk.GetImageFromArray(masks[reader]) for reader in ("a", "a2", "b"))
        scores.append((images.dice(a, a2), images.dice(a, b)))
    intra, inter = np.mean(scores, axis=0)
    assert 0.9 < inter < intra < 0.995


def test_a_sign_can_be_switched_off(tmp_path):
    phantom.simulate_cohort(
        tmp_path, n_patients=4, seed=1, voxel_mm=(3, 3, 3), signs={"swelling": 0}, acute_fraction=0.5, cores=1
    )
    signs = pd.read_csv(tmp_path / "truth.csv")
    assert (signs.swelling == 0).all()
    assert (signs.impaction > 0).any()


def test_wrong_arguments_are_named(tmp_path):
    with pytest.raises(VcfnbError, match="unknown sign oedema"):
        phantom.simulate_cohort(tmp_path, signs={"oedema": 1})
    with pytest.raises(VcfnbError, match="at least two of each class"):
        phantom.simulate_cohort(tmp_path, n_patients=12, acute_fraction=0.95)
