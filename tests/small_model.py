"""A small saved model, of made features and an untrained network, for tests of what is done with a model."""

import numpy as np
import pandas as pd
from cases import ball, image, texture, write

from vcfnb import dtl, fusion, runs
from vcfnb.dtl.networks import build_network
from vcfnb.params import DtlParams, PreprocessingParams, RadiomicsParams

RADIOMIC = ["original_firstorder_Mean", "original_shape_MeshVolume", "log-sigma-1-0-mm-3D_glcm_Idm"]
DEEP = ["dtl_000", "dtl_001"]
SIMPLE = [f"baseline_{name}" for name in ("mean_hu", "hu_variance", "flatness", "sphericity", "height_anterior_mm")]


def made(n=80, seed=0):
    """Radiomic and deep features in odd units, two cases a patient; the first of each follows the label."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 4 // 2
    x = rng.normal(size=(n, 5))
    x[:, [0, 3]] += 1.2 * y[:, None]
    x = pd.DataFrame(x * [80, 900, 0.1, 3, 1] + [200, 30_000, 0.5, 0, -4], [f"c{i:02d}" for i in range(n)])
    x.columns = [*RADIOMIC, *DEEP]
    return x, pd.Series(y, x.index), np.arange(n) // 2


TRAINED_ON = 1000  # seed of the one image that all training cases have


def training_table(folder, n=80):
    """Training cases as notebook 06 has them; all of one image."""
    path = folder / "trained_on.nii.gz"
    if not path.exists():
        write(image(texture(seed=TRAINED_ON)), path)
    x, y, patients = made(n)
    columns = {"label": y, "patient_id": [f"p{number}" for number in patients], "image": str(path)}
    return pd.DataFrame(columns | {"age": 60.0 + np.arange(n) % 7, "sex": "F", "bmd": np.nan}, x.index)


def saved_study(root):
    """A run folder with what the earlier notebooks leave, and its saved model.

    Returns
    -------
    run : vcfnb.runs.Run
    fitted : dict of str to FittedLogistic
    folder : pathlib.Path
        Of the model.
    """
    run = runs.Run("made", root)
    runs.write_json({"simulated": True}, run.path("cohort", "about.json"))
    params = DtlParams(network="shufflenet_v2_x0_5_3d", input_size=32, n_dimensions=2)
    run.settings("preprocessing", PreprocessingParams().model_dump(mode="json"))
    run.settings("radiomics", RadiomicsParams(log_sigma_mm=(1.0,)).model_dump(mode="json"))
    run.settings("dtl", params.model_dump(mode="json") | {"seed": 3})
    network, provenance = build_network(params.network, "random", seed=3)
    rng = np.random.default_rng(0)
    reduction = dtl.Reduction(np.zeros(1024), rng.normal(size=(2, 1024)), "pca")
    settings = dtl.TrainSettings.from_params(params, seed=3)
    saved = dtl.SavedNetwork(network.eval(), None, reduction, settings, provenance)
    dtl.save_model(run.path("dtl", "expansion_02", "model.safetensors"), saved)
    x, y, patients = made()
    fitted = {
        name: fusion.fit_logistic(x[columns], y, groups=patients)
        for name, columns in {"radiomics": RADIOMIC, "dtl": DEEP, "fusion": [RADIOMIC[0], *DEEP]}.items()
    }
    fitted["ridge_fusion"] = fusion.fit_ridge_fusion([x[RADIOMIC], x[DEEP]], y, groups=patients)
    table = training_table(run.folder)
    encoder = fusion.fit_baseline_encoder(table)
    simple = pd.DataFrame(np.random.default_rng(1).normal(size=(len(x), len(SIMPLE))), x.index, SIMPLE)
    measured = fusion.baseline_features(table.join(simple), encoder)
    baseline = fusion.fit_logistic(measured, y, groups=patients)
    quality = pd.DataFrame({"case_id": table.index, "spacing_in": "1 x 1 x 1"})
    quality["roi_volume_ml_out"] = np.linspace(0.9, 1.6, len(table))
    quality["hu_p5"], quality["hu_p50"], quality["hu_p95"] = (
        np.linspace(middle - 20, middle + 20, len(table)) for middle in (50, 150, 250)
    )
    runs.write_csv(quality, run.path("preprocessing", "qc.csv"))
    scores = {name: fitted[name].score(x) for name in fusion.SAVED_MODELS}
    options = {"table": table, "out_of_fold": scores, "baseline": encoder}
    fusion.save_study_model(run, fitted | {"baseline": baseline}, "fusion", 2, x, {"fusion": 0.4}, **options)
    return run, fitted, run.step("fusion") / "model"


def small_cohort(folder, n=12):
    """A second cohort of small images, half of it acute: its cohort.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(n):
        write(image(texture(seed=number)), folder / f"C{number:02d}.nii.gz")
    mask = write(image(ball()), folder / "mask.nii.gz")
    rows = [
        {"patient_id": f"C{number:02d}", "image": f"C{number:02d}.nii.gz", "mask": f"C{number:02d}_mask.nii.gz"}
        for number in range(n)
    ]
    for row in rows:
        (folder / row["mask"]).write_bytes(mask.read_bytes())
    table = pd.DataFrame(rows).assign(label=np.arange(n) % 2, age=60, sex="F")
    table.to_csv(folder / "cohort.csv", index=False)
    return folder / "cohort.csv"
