"""Heat maps of single cases of a finished study."""

from vcfnb import preprocessing
from vcfnb.dtl.attribution import grad_cam
from vcfnb.dtl.regions import heatmap_image
from vcfnb.dtl.saved import load_model
from vcfnb.preprocessing import crops


def heatmaps(run, expansion, cases):
    """Grad-CAM of some cases by one expansion's final network, on their CT.

    Parameters
    ----------
    run : vcfnb.runs.Run
        Of a study whose notebooks 01 and 04 have run.
    expansion : int
        Voxels.
    cases : pandas.DataFrame
        case_id, label, score.

    Returns
    -------
    list of dict
        One per case, as :func:`vcfnb.figures.grad_cam_examples` takes them: case_id, label, score, expansion, and the
        SimpleITK images image (HU), mask and heatmap on one grid.
    """
    import SimpleITK as sitk

    window, settings = run.settings("preprocessing"), run.settings("dtl")
    files = preprocessing.cases(run.step("preprocessing"), cases["case_id"])
    x = crops.load_crops(files, expansion, settings["input_size"], window["window_level"], window["window_width"])
    network = load_model(run.needs("dtl", f"expansion_{expansion:02d}", "model.safetensors")).network
    found = []
    for case, file, heat in zip(
        cases[["case_id", "label", "score"]].to_dict("records"),
        files.to_dict("records"),
        grad_cam(network, x),
        strict=True,
    ):
        image, mask = sitk.ReadImage(file["image"]), sitk.ReadImage(file["mask"])
        heatmap = heatmap_image(heat, image, mask, expansion)
        found.append(case | {"expansion": expansion, "image": image, "mask": mask, "heatmap": heatmap})
    return found
