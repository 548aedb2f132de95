"""python -m vcfnb predict: what it says, the page that it writes, and what it refuses."""

import dataclasses
import json
import re
import shlex
import shutil

import pytest
from cases import ball, image, texture, write
from dicom_files import slices_of, write_segmentation, write_series
from markupsafe import escape
from pages import commands
from small_model import small_cohort
from study import ROOT

from vcfnb import cli, fusion, prediction
from vcfnb.errors import BadInput
from vcfnb.prediction import patient_page


@pytest.fixture(scope="session")
def model(saved):
    return saved[2]


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """Image and mask as files, as arguments of the command."""
    folder = tmp_path_factory.mktemp("patient")
    return [str(write(image(texture()), folder / "ct.nii.gz")), str(write(image(ball()), folder / "mask.nii.gz"))]


@pytest.fixture(scope="module")
def written(model, case, tmp_path_factory):
    """Folder of a page, and the prediction that it shows."""
    folder = tmp_path_factory.mktemp("page")
    assert cli.main(["predict", str(model), *case, "--out", str(folder), "--name", "P001"]) == 0
    return folder, prediction.predict(model, *case)


def test_a_tool_s_numbering_finds_the_vertebra_and_its_body(model, case, tmp_path, capsys):
    assert cli.main(["predict", str(model), *case]) == 0
    known = capsys.readouterr().out
    # The vertebra reaches beyond its body, which is the known mask.
    mask = str(write(image(ball(radius=9) * 20), tmp_path / "seg-vert.nii.gz"))
    body = str(write(image(ball() * 49), tmp_path / "seg-subreg.nii.gz"))
    more = ["--mask-scheme", "verse", "--level", "l1", "--mask-body", body]
    assert cli.main(["predict", str(model), case[0], mask, *more]) == 0
    assert _probabilities(capsys.readouterr().out) == _probabilities(known) != []
    assert cli.main(["predict", str(model), case[0], mask, *more[:2]]) == 1
    assert "--mask-scheme verse numbers no vertebra (no --level) -> give --level" in capsys.readouterr().err


def _probabilities(text):
    return re.findall(r"probability of an acute fracture (?:above |below )?[\d.]+", text)


def test_the_console_says_what_the_function_says(model, case, capsys):
    assert cli.main(["predict", str(model), *case]) == 0
    said = capsys.readouterr()
    assert said.out == f"{prediction.predict(model, *case)}\n"
    for told in (
        "fusion: probability of an acute fracture",
        "predicted class: ",
        "Calibration (early fusion): of the 16 training",
    ):
        assert told in said.out
    for told in ("drivers (log odds): ", "SIMULATED", "80 training cases", "Research use only. Not for diagnosis."):
        assert told in said.out
    # A bar over a single case tells nothing.
    assert said.err == ""


def test_the_baseline_answers_beside_the_models(model, case, capsys):
    loaded = fusion.load_model(model)
    alone = prediction.predict(model, *case)
    assert alone.baseline["unknown"] == ["age", "sex"]
    told = "Baseline, simple measurements alone: probability of an acute fracture"
    assert alone.baseline_note().startswith(told) and alone.baseline_note().endswith(
        "(age, sex not given: the training median)."
    )
    assert cli.main(["predict", str(model), *case, "--age", "70", "--sex", "F"]) == 0
    said = capsys.readouterr()
    assert told in said.out and "not given" not in said.out and said.err == ""
    # The same as of the study's own tables.
    extracted = prediction.extract_case(loaded, *case)
    row = extracted.features.assign(age=70.0, sex="F", bmd=None)
    x = fusion.baseline_features(row, loaded.baseline_encoder)
    found = prediction.predict_extracted(loaded, extracted, {"age": 70.0, "sex": "F"})
    assert found.baseline == {"probability": loaded.baseline.score(x).iloc[0], "unknown": []}
    assert found.probability == alone.probability
    with pytest.raises(BadInput, match="age is 700"):
        prediction.predict_extracted(loaded, extracted, {"age": 700.0, "sex": "F"})
    without = dataclasses.replace(loaded, baseline=None, baseline_encoder=None)
    assert prediction.predict_extracted(without, extracted).baseline_note() == ""


def test_json_is_strict_and_whole(written, model):
    def refuse(constant):
        raise AssertionError(constant)

    folder, found = written
    note = json.loads((folder / "prediction.json").read_text(), parse_constant=refuse)
    assert note["probability"] == found.probability and note["predicted_class"] == found.predicted_class
    assert note["contributions"][0]["feature"] == found.contributions.feature[0]
    assert (note["name"], note["notice"]) == ("P001", "Research use only. Not for diagnosis.")
    assert note["model"]["simulated"] is True and note["model"]["training_cohort"]["n_cases"] == 80
    assert note["versions"]["vcfnb"] and len(note["image_sha256"]) == 64
    assert (note["format"], note["format_version"]) == ("vcfnb-prediction", 1)
    assert note["warnings"] == found.warnings and note["calibration_note"] == found.calibration_note()


def test_the_page_is_whole_and_fetches_nothing(written):
    folder, found = written
    page = (folder / "prediction.html").read_text()
    assert page.count("Research use only. Not for diagnosis.") >= 2
    assert "SIMULATED" in page and "P001" in page
    assert page.count('src="data:image/png;base64,') == page.count("<img ") == 2
    assert not re.search(r"<script|https?:|(src|href)=\"(?!data:)", page)
    for row in found.contributions.itertuples():
        assert f'<td class="text" data-label="feature">{row.feature}</td>' in page
    assert str(escape(found.calibration_note())) in page
    for warning in found.warnings:
        assert escape(warning) in page


def test_the_pdf_has_one_page(written):
    pdf = (written[0] / "prediction.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-") and pdf.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 1
    assert re.search(rb"/MediaBox \[ 0 0 595\.\d+ 841\.\d+ \]", pdf)


def test_many_warnings_are_shortened_on_paper_only(model, case, tmp_path):
    """The paper says how many are left out; the HTML has them all."""
    loaded = fusion.load_model(model)
    extracted = prediction.extract_case(loaded, *case, heat=True)
    notes = [f"note {number} <b>{'long ' * 100}</b>" for number in range(14)]
    found = prediction.predict_extracted(loaded, extracted)
    found.notes.extend(notes)
    shown = patient_page._shortened(found.warnings)
    assert shown[-1] == f"{len(found.warnings) - len(shown) + 1} more in prediction.html" and 2 < len(shown) < 10
    paths = patient_page.write(tmp_path, loaded, extracted, found)
    page = paths["html"].read_text()
    assert all(escape(note) in page for note in notes) and "<b>" not in page
    assert len(re.findall(rb"/Type /Page\b", paths["pdf"].read_bytes())) == 1


def test_nothing_of_dicom_and_no_path_gets_out(model, tmp_path, capsys):
    """A series and a segmentation whose texts hold a canary; only the name given is on the page."""
    shape = (24, 26, 28)
    series = write_series(tmp_path / "0001", texture(shape), PatientName="CANARY", StudyDescription="CANARY")
    (tmp_path / "masks").mkdir()
    mask = tmp_path / "masks" / "seg.dcm"
    write_segmentation(mask, slices_of(series), {"CANARY": ball(shape), "L1": ball(shape, radius=6)})
    out = tmp_path / "out"
    call = ["predict", str(model), str(series), str(mask), "--mask-label", "L1", "--out", str(out)]
    assert cli.main(call) == 0
    said = capsys.readouterr()
    for path in out.iterdir():
        assert b"CANARY" not in path.read_bytes() and str(tmp_path).encode() not in path.read_bytes()
    assert "CANARY" not in said.out + said.err


# ---- what cannot be used


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: shutil.rmtree(folder), "model.json is missing -> copy the model folder again"),
        (lambda folder: (folder / "network.safetensors").unlink(), "network.safetensors is missing"),
        (lambda folder: (folder / "model.json").write_text("{"), "model.json is truncated or no vcfnb model"),
        (lambda folder: (folder / "network.safetensors").write_bytes(b"x"), "network.safetensors is truncated"),
    ],
)
def test_a_missing_or_damaged_model_gives_1(model, case, tmp_path, capsys, damage, message):
    folder = shutil.copytree(model, tmp_path / "model")
    damage(folder)
    assert cli.main(["predict", str(folder), *case]) == 1
    assert message in capsys.readouterr().err


def test_a_wrong_image_or_mask_gives_1_and_writes_nothing(model, case, tmp_path, capsys):
    masks = {
        "is empty": image(0 * ball()),
        "label": image(ball() + 2 * ball(radius=2)),
        "grid": image(ball(), (1, 1, 1.3)),
        "too small": image(ball(radius=2)),
    }
    for number, (told, made) in enumerate(masks.items()):
        path = write(made, tmp_path / f"{number}.nii.gz")
        assert cli.main(["predict", str(model), case[0], str(path), "--out", str(tmp_path / "out")]) == 1, told
        said = capsys.readouterr()
        assert f"{number}.nii.gz" in said.err and " -> " in said.err, told
    assert cli.main(["predict", str(model), str(tmp_path / "none.nii.gz"), case[1]]) == 1
    assert "the file is missing" in capsys.readouterr().err
    picture = write(image((texture() > 150).astype("uint8")), tmp_path / "picture.nii.gz")
    assert cli.main(["predict", str(model), str(picture), case[1]]) == 1
    assert "not HU" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", [["--name", "../x"], ["--name", "<b>"], ["--age", "old"], ["--sex", "X"]])
def test_options_that_cannot_be_are_wrong_usage(model, case, option):
    with pytest.raises(SystemExit) as caught:
        cli.main(["predict", str(model), *case, *option])
    assert caught.value.code == 2


def test_what_the_model_does_not_use_is_said(model, case, capsys):
    assert cli.main(["predict", str(model), *case, "--bmd", "-2", "--site", "A"]) == 0
    assert "not used by this model: --bmd, --site" in capsys.readouterr().err


# ---- the guide


@pytest.mark.usefixtures("no_drawing")
def test_the_commands_of_the_guide_work(model, case, tmp_path, monkeypatch):
    """Each command of this package in docs/predict.md, in order, in a folder as the guide supposes."""
    own = [command for command in commands(ROOT / "docs" / "predict.md") if command.startswith("./vcfnb.sh")]
    assert [shlex.split(command)[1] for command in own] == [*["predict"] * 3, *["validate"] * 2]
    desk = tmp_path / "desk"
    shutil.copytree(model, desk / "runs" / "demo" / "06_fusion" / "model")
    for given, name in zip(case, ("ct.nii.gz", "mask.nii.gz"), strict=True):
        shutil.copy(given, desk / name)
    small_cohort(tmp_path / "fractures")
    monkeypatch.chdir(desk)
    for command in own:
        arguments = shlex.split(command)[1:]
        assert cli.main([*arguments, *([] if arguments[0] == "predict" else ["--cores", "1"])]) == 0, command
    assert all((desk / "prediction" / f"prediction.{kind}").exists() for kind in ("html", "pdf", "json"))
    assert all(
        (folder / "validation.html").exists() for folder in (tmp_path / "fractures/validation", desk / "validation")
    )
