"""Import of torchvision that also works where its compiled operators do not load."""

# The fragment must stay alive: its operators vanish with it.
_FRAGMENT = None


def import_torchvision():
    """Return the module torchvision.

    A torchvision built against another torch (a CUDA build beside a CPU torch) fails to import with "operator
    torchvision::nms does not exist", although the models need no such operator. Only in that case, the two missing
    schemas are defined and the import is tried again; a matching pair never comes here.
    """
    global _FRAGMENT
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
        import torch

        _FRAGMENT = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            _FRAGMENT.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision
    return torchvision
