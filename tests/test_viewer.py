"""A picture of a case."""

import io

import matplotlib.pyplot as plt
import pytest
from cases import ball, image, texture, write

import vcfnb
from vcfnb.errors import BadInput, VcfnbError


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
