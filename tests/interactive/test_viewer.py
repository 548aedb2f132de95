"""A picture of a case."""

import io
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest
import SimpleITK as sitk
from cases import ball, image, texture, write

import vcfnb
from vcfnb.errors import BadInput, VcfnbError
from vcfnb.figures.pictures import Volume
from vcfnb.interactive import viewer


def test_files_images_and_arrays_give_the_same_picture(tmp_path):
    ct, mask = image(texture()), image(ball())
    paths = write(ct, tmp_path / "ct.nii.gz"), write(mask, tmp_path / "mask.nii.gz")
    pictures = []
    for arguments in ((ct, mask), paths, (texture(), ball())):
        figure = vcfnb.view(*arguments)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="rgba")
        pictures.append(buffer.getvalue())
        assert [axis.get_title().split(",")[0] for axis in figure.axes] == ["sagittal", "coronal", "axial"]
        plt.close(figure)
    assert pictures[0] == pictures[1] == pictures[2]


def test_a_heatmap_has_its_scale():
    figure = vcfnb.view(texture(), ball(), heatmap=ball().astype(float))
    assert "Heatmap" in figure.axes[-1].get_ylabel()
    plt.close(figure)


def test_bad_input_is_named(tmp_path):
    with pytest.raises(BadInput, match="the file is missing"):
        vcfnb.view(tmp_path / "none.nii.gz")
    with pytest.raises(VcfnbError, match="differ in size"):
        vcfnb.view(texture(), ball((10, 10, 10)))


def test_headless_code_gets_no_widget(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    # Left behind in the environment of a script that a notebook started: there is no kernel, so nobody looks.
    monkeypatch.setenv("JPY_SESSION_NAME", "case.ipynb")
    plt.close(vcfnb.view(texture(), ball()))
    assert shown == []


def test_the_widget_holds_the_mask_and_its_surroundings():
    pytest.importorskip("ipyniivue")
    ct, mask = texture((140, 150, 160)), ball((140, 150, 160), radius=10)
    heat = mask * 0.5
    shown = viewer.widget(Volume.of(image(ct, (1, 1, 2)), {"mask": mask}, heatmap=heat))
    assert [volume.name for volume in shown.volumes] == ["ct.nii.gz", "mask.nii.gz", "heatmap.nii.gz"]
    arrays = [sitk.GetArrayFromImage(read_bytes(volume.data)) for volume in shown.volumes]
    # z: 21 voxels of 2 mm and 20 on both sides; y, x: 21 of 1 mm and 40 on both sides.
    assert [array.shape for array in arrays] == [(61, 101, 101)] * 3
    # The outline: all that a step in any direction leaves, and nothing inside.
    inside = arrays[2] > 0
    assert 0 < arrays[1].sum() < 0.5 * mask.sum() and inside[arrays[1] != 0].all() and not arrays[1][30, 50, 50]
    assert inside.sum() == mask.sum() and arrays[2].max() == pytest.approx(0.5)
    assert (shown.volumes[0].cal_min, shown.volumes[0].cal_max) == (-100, 1100)
    whole = viewer.widget(Volume.of(ct))
    assert len(whole.volumes) == 1


def read_bytes(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "volume.nii.gz"
        path.write_bytes(bytes(data))
        return sitk.ReadImage(str(path))


def test_without_niivue_itkwidgets_is_used_where_it_can_display(monkeypatch):
    volume = Volume.of(texture(), {"mask": ball()})
    monkeypatch.setitem(sys.modules, "ipyniivue", None)
    monkeypatch.setitem(
        sys.modules, "itkwidgets", SimpleNamespace(view=lambda ct, label_image: (ct.GetSize(), label_image.GetSize()))
    )
    monkeypatch.setattr(viewer, "version", lambda package: "7.8.5")
    assert viewer.widget(volume) == ((28, 26, 24),) * 2
    # With ipywidgets 8 it shows "model not found" instead of the image.
    monkeypatch.setattr(viewer, "version", lambda package: "8.1.9")
    assert viewer.widget(volume) is None
    monkeypatch.setitem(sys.modules, "itkwidgets", None)
    monkeypatch.setattr(viewer, "version", lambda package: "7.8.5")
    assert viewer.widget(volume) is None
