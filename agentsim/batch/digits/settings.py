"""What training on images is determined by. Nothing heavy is imported: a config can be checked without torch."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from agentsim.batch.settings import TrainingConfig
from agentsim.config.sections import Section
from brains.stepping.settings import SteppingConfig

Units = tuple[Annotated[int, Field(ge=1, le=65_536)], ...]
SMOOTH = ("tanh", "sigmoid", "rational_tanh")


class ConvolutionSettings(Section):
    """A layer of channels, each of which looks at all places of the layer below through one kernel."""

    channels: Annotated[int, Field(ge=1, le=4096)]
    """Kernels, and maps of units."""
    kernel: Annotated[int, Field(ge=1, le=15)] = 5
    """Its width and height, padded by half of it."""
    stride: Annotated[int, Field(ge=1, le=8)] = 2
    """Places from one unit to the next."""


class Transformer(Section):
    """A first layer of tokens, one a patch, which attend to each other and remember."""

    block: Literal["energy", "looped"] = "energy"
    """energy: attention and a memory that have an energy; looped: a common block, which is a vector field."""
    patch: Annotated[int, Field(ge=1, le=28)] = 7
    """Pixels a side of a patch."""
    width: Annotated[int, Field(ge=1, le=4096)] = 64
    """Units of a token."""
    heads: Annotated[int, Field(ge=1, le=64)] = 4
    """Heads of the attention."""
    head_width: Annotated[int, Field(ge=1, le=1024)] = 16
    """Numbers in a query and in a key."""
    memories: Annotated[int, Field(ge=1, le=65_536)] = 128
    """Patterns that tokens are drawn to; of a looped block, hidden units of the perceptron."""


class Stride(Section):
    """Learning in stride: states that never stop, in lanes that hold an image each; no phases."""

    hold: Annotated[int, Field(ge=1, le=1024)] = 8
    """Ticks that an image stays in its lane; there are so many times the batch of lanes."""
    ripe: Annotated[int, Field(ge=1, le=1024)] = 6
    """Ticks that an image has had before its lane gives its contrast."""
    sweeps: PositiveInt = 1
    """Parallel sweeps a tick."""

    @model_validator(mode="after")
    def _ripens(self) -> Stride:
        if self.ripe > self.hold:
            raise ValueError(f"ripe: {self.ripe} ticks are never reached where hold: {self.hold}; give ripe <= hold")
        return self


class EqPropNetwork(Section):
    """Layers that settle into a minimum of their energy and learn from how it moves when the output is nudged."""

    kind: Literal["eqprop"] = "eqprop"
    """Settles, and learns by equilibrium propagation."""
    transformer: Transformer | None = None
    """A first layer of tokens; null: none."""
    convolutions: tuple[ConvolutionSettings, ...] = ()
    """Layers of channels, before the hidden ones."""
    hidden: Units = (500,)
    """Units of the hidden layers."""
    units: Literal["clip", "clip2", "tanh", "sigmoid", "rational_tanh"] = "clip2"
    """What hidden units are: clipped to 0..1 or 0..2, or smooth."""
    cost: Literal["squared_error", "cross_entropy", "read_out"] = "squared_error"
    """squared_error of clipped outputs; cross_entropy of linear ones; read_out: of logits outside of the system."""
    temperature: PositiveFloat = 1.0
    """Inverse temperature of the softmax of cross_entropy."""
    dynamics: Literal["blockwise", "discrete", "euler"] = "blockwise"
    """How a sweep moves the layers: one after the other, all at once, or all by a step."""
    estimator: Literal["symmetric", "one_sided", "random_sign", "continual", "holomorphic"] = "symmetric"
    """From which nudges the gradient comes."""
    points: Annotated[int, Field(ge=2, le=64)] = 4
    """Nudges of the holomorphic estimator, on a circle of radius beta."""
    beta: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """How strongly the output is nudged."""
    beta_end: Annotated[float, Field(gt=0, lt=1)] | None = None
    """What beta goes to, in equal steps, by the end of training; null: it stays."""
    free_sweeps: NonNegativeInt = 6
    """Sweeps of the free phase, after a pass upwards."""
    nudged_sweeps: PositiveInt = 4
    """Sweeps of each nudged phase."""
    feedback: Literal["symmetric", "kolen_pollack", "vector_field"] = "symmetric"
    """The weights on the way down: the same, their own with the same increments, or learned by themselves."""
    feedback_start: Literal["alike", "apart"] = "alike"
    """Whether weights of their own start as the others."""
    gain: Annotated[float, Field(gt=0, le=1)] = 1.0
    """gamma, by which what comes down is scaled, at most."""
    homeostasis: PositiveFloat | None = 0.5
    """The bound that gamma times the largest squared singular value is held at; null: gamma never falls."""
    residual_limit: PositiveFloat | None = None
    """A free phase that ends with a larger residual teaches nothing, and is counted; null: all teach."""
    noise: NonNegativeFloat = 0.0
    """Standard deviation of the noise of every unit at every sweep, while it learns."""
    stride: Stride | None = None
    """Learn in stride, from states that never stop; null: in a free phase and nudged ones."""

    def beta_at(self, done: float) -> float:
        """beta once the share `done` (0 to 1) of training is over."""
        return self.beta if self.beta_end is None else (1 - done) * self.beta + done * self.beta_end

    @model_validator(mode="after")
    def _fits(self) -> EqPropNetwork:
        """What goes with what."""
        if not (self.hidden or self.convolutions or self.transformer):
            raise ValueError("hidden: [] leaves no layer between pixels and classes; give hidden or convolutions")
        if self.transformer and (self.convolutions or self.estimator == "holomorphic" or self.dynamics == "euler"):
            raise ValueError("transformer: goes with no convolutions, no holomorphic estimator and no dynamics: euler")
        if self.transformer and (self.transformer.block == "looped") != (self.feedback == "vector_field"):
            raise ValueError(
                "transformer.block: looped has no energy and energy has one; give the looped one, and it alone, "
                "feedback: vector_field"
            )
        if self.estimator == "holomorphic" and (self.units not in SMOOTH or self.dynamics == "euler"):
            raise ValueError("estimator: holomorphic needs smooth units (tanh, sigmoid, rational_tanh) and no euler")
        if self.stride and (
            self.estimator != "symmetric" or self.dynamics != "discrete" or self.feedback == "vector_field"
        ):
            raise ValueError("stride: all layers fire at once, in pairs; give dynamics: discrete, estimator: symmetric")
        if self.dynamics == "euler" and self.units in SMOOTH:
            raise ValueError("dynamics: euler is for units in a box (clip, clip2)")
        if self.feedback == "vector_field" and self.estimator not in ("symmetric", "one_sided", "random_sign"):
            raise ValueError(f"feedback: a vector field has no {self.estimator} estimate; take estimator: symmetric")
        return self


class BackpropNetwork(Section):
    """A feed-forward network of the same shape, which learns by backprop through a softmax: the baseline."""

    kind: Literal["backprop"] = "backprop"
    """Feed-forward, learns by backprop."""
    transformer: Transformer | None = None
    """A first layer of tokens; null: none."""
    sweeps: PositiveInt = 6
    """How often those tokens fire, backprop going through all of it."""
    convolutions: tuple[ConvolutionSettings, ...] = ()
    """Layers of channels, before the hidden ones."""
    hidden: Units = (500,)
    """Units of the hidden layers."""
    units: Literal["relu", "clip", "clip2", "tanh", "sigmoid", "rational_tanh"] = "relu"
    """What hidden units are."""


class SteppingNetwork(Section):
    """A stepping brain, which learns by its own rule, at its own rate; images stream through it, one a tick."""

    kind: Literal["stepping"] = "stepping"
    """What a stepping brain answers."""
    brain: SteppingConfig
    """The brain."""


class Optimizer(Section):
    """Adam with decoupled weight decay, or plain gradient descent."""

    kind: Literal["adam", "sgd"] = "adam"
    """adam, or sgd: plain gradient descent."""
    learning_rate: tuple[PositiveFloat, ...] = (1e-3,)
    """Of each layer's weights and biases; the last one is that of all further layers."""
    beta2: Annotated[float, Field(gt=0, lt=1)] = 0.999
    """Adam's memory of squares."""
    weight_decay: NonNegativeFloat = 0.0
    """Decoupled, of adam; of sgd added to the gradient."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """cosine: to 0 by the end."""


class ImagesConfig(TrainingConfig):
    """How a network is trained on images."""

    least: ClassVar[str] = "`network: {kind: ...}` and `minutes: ...`"
    example: ClassVar[str] = "network.beta=0.1"

    network: Annotated[EqPropNetwork | BackpropNetwork | SteppingNetwork, Field(discriminator="kind")]
    """What learns."""
    optimizer: Optimizer = Optimizer()
    """How a gradient becomes an update."""
    batch: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Images in a batch."""
    shift: Annotated[int, Field(ge=0, le=4)] = 0
    """Images are moved by up to so many pixels, each anew whenever it is seen."""
    patience: PositiveInt | None = None
    """Looks at the whole validation set without a better one after which training ends; null: it lasts."""

    @model_validator(mode="after")
    def _small_steps(self) -> ImagesConfig:
        """What moves the weights while the states still move has to move them little."""
        if getattr(self.network, "estimator", "") == "continual" and self.optimizer.kind != "sgd":
            raise ValueError(
                "network.estimator: continual needs steps as small as its gradient; give optimizer.kind: sgd"
            )
        return self

    @model_validator(mode="after")
    def _brain_learns_by_its_own_rule(self) -> ImagesConfig:
        """What a stepping brain has no use for."""
        if isinstance(self.network, SteppingNetwork) and self.optimizer != Optimizer():
            raise ValueError("optimizer: a stepping brain has its own, in network.brain; leave this one out")
        return self

    @property
    def most_fruitless(self) -> int | None:
        """Validations without a better one that end the training."""
        return self.patience


class DigitsConfig(ImagesConfig):
    """Training on scikit-learn's digits: 1,797 images of 8 x 8, nothing to fetch."""

    mode: ClassVar[str] = "digits"
    data: Literal["digits"] = "digits"
    """What is looked at."""


class MnistConfig(ImagesConfig):
    """Training on MNIST, or on Fashion-MNIST, 70,000 images of 28 x 28."""

    mode: ClassVar[str] = "mnist"
    data: Literal["mnist", "fashion-mnist"] = "mnist"
    """What is looked at."""
