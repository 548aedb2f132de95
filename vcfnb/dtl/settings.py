"""How a network is fine-tuned and how its features are taken."""

from typing import Literal

from pydantic import Field, model_validator

from vcfnb.params import DtlParams


class TrainSettings(DtlParams):
    """Settings of one expansion's deep transfer learning: the parameters of notebook 04, and what they leave open.

    Of the paper are Adam with a constant learning rate of 0.001 (``recipe="paper"``), 18 dimensions and features of
    the training cases from the network that was trained on them (``feature_mode="in_sample"``). It names no number of
    epochs, batch size, augmentation or class weight.
    """

    input_size: None = Field(None, exclude=True, description="Not used: crops have their size.")
    weight_decay: float = Field(0.01, ge=0, description="Of AdamW; recipe paper has none.")
    augment: tuple[Literal["flip", "shift", "intensity"], ...] = ("flip", "shift", "intensity")
    class_weight: Literal["balanced"] | None = "balanced"
    n_repeats: int = Field(
        1, ge=0, description="Cross-validations, each of another seed; 0 is allowed with in_sample alone."
    )
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _out_of_fold_needs_folds(self):
        if self.feature_mode == "out_of_fold" and not self.n_repeats:
            raise ValueError("feature_mode out_of_fold needs n_repeats of 1 or more")
        return self

    @classmethod
    def from_params(cls, params, seed=0):
        """Settings from a :class:`DtlParams`; recipe ``paper`` adds nothing that the paper does not name."""
        values = params.model_dump(exclude={"input_size"})
        if params.recipe == "paper":
            values |= {"augment": (), "class_weight": None, "validation_fraction": 0.0}
        return cls(**values, seed=seed)
