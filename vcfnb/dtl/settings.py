"""How a network is fine-tuned and how its features are taken."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

AUGMENTATIONS = ("flip", "shift", "intensity")


class TrainSettings(BaseModel):
    """Settings of one expansion's deep transfer learning.

    Of the paper are Adam with a constant learning rate of 0.001 (``recipe="paper"``), 18 dimensions and features of
    the training cases from the network that was trained on them (``feature_mode="in_sample"``). It names no number of
    epochs, batch size, augmentation or class weight.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    network: str = Field("shufflenet_v2_x1_0_3d", description="See vcfnb.dtl.networks.build_network.")
    weights: str = Field("shipped", description="shipped, imagenet, random, or a file.")
    layer: str | None = Field(None, description="Feature layer; null is the network's last before its classifier.")
    recipe: Literal["fast", "paper"] = Field(
        "fast", description="fast: AdamW, one-cycle rate; paper: Adam, constant rate."
    )
    epochs: int = Field(12, ge=1)
    batch_size: int = Field(16, ge=2)
    learning_rate: float = Field(0.001, gt=0, description="Constant (paper) or the peak (fast).")
    weight_decay: float = Field(0.01, ge=0, description="Of AdamW; recipe paper has none.")
    augment: tuple[Literal["flip", "shift", "intensity"], ...] = AUGMENTATIONS
    validation_fraction: float = Field(
        0.2, ge=0, lt=1, description="Share of the training patients that decides when to stop; 0 trains all epochs."
    )
    patience: int = Field(4, ge=1, description="Epochs without a smaller validation loss before training stops.")
    class_weight: Literal["balanced"] | None = "balanced"
    feature_mode: Literal["out_of_fold", "in_sample"] = "out_of_fold"
    n_folds: int = Field(3, ge=2, description="Folds of the cross-validation.")
    n_repeats: int = Field(
        1, ge=0, description="Cross-validations, each of another seed; 0 is allowed with in_sample alone."
    )
    n_dimensions: int = Field(18, ge=1)
    reduction: Literal["pca", "lasso"] = "pca"
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _out_of_fold_needs_folds(self):
        if self.feature_mode == "out_of_fold" and not self.n_repeats:
            raise ValueError("feature_mode out_of_fold needs n_repeats of 1 or more")
        return self

    @classmethod
    def from_params(cls, params, seed=0):
        """Settings from the parameters of notebook 04; recipe ``paper`` adds nothing that the paper does not name.

        Parameters
        ----------
        params : vcfnb.params.DtlParams
        seed : int
        """
        values = {name: value for name, value in params.model_dump().items() if name in cls.model_fields}
        if params.recipe == "paper":
            values |= {"augment": (), "class_weight": None, "validation_fraction": 0.0}
        return cls(**values, seed=seed)
