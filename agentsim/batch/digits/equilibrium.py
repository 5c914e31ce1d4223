"""A network that settles, as something that can be trained: its parameters, its gradient, its answer, its figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from agentsim.batch.digits.images import CLASSES, Images
from agentsim.batch.digits.settings import EqPropNetwork, Stride
from agentsim.batch.digits.stride import Lanes
from agentsim.batch.digits.wiring import lateral_of, uniform, wires_of
from brains.kernels.reference import eqprop, settling
from brains.kernels.reference.laterals import calmed, with_strength
from brains.kernels.reference.settling import Cost, Net, Settled, settle
from brains.kernels.reference.units import UNITS, Units

ANYWHERE = 16  # states that tokens are calmed at before any is seen
POWER_ITERATIONS = 30  # at the start; afterwards one an update follows the weights


class EqPropEngine:
    """Weights, biases and gains; `gradients` yields what to descend, `scores` what the settled output says."""

    def __init__(self, network: EqPropNetwork, pixels: int, classes: int, chance: torch.Generator) -> None:
        self.network = network
        with_read_out = network.cost == "read_out"
        wires = wires_of(network, [*network.hidden, *([] if with_read_out else [classes])], pixels)
        self.links, last = [wire.link for wire in wires], wires[-1].units
        self.weights, self.biases = map(list, zip(*(wire.start(chance) for wire in wires), strict=True))
        self.out = [uniform((last, classes), last, chance), torch.zeros(classes)] if with_read_out else []
        output = {"squared_error": "clip", "cross_entropy": "linear", "read_out": network.units}[network.cost]
        if network.cost == "squared_error" and network.units in ("tanh", "rational_tanh", "sigmoid"):
            output = "linear"
        self.laterals = lateral_of(network.transformer, pixels, chance)
        self.units = [UNITS[network.units]] * (len(self.weights) - 1) + [UNITS[output]]
        self.feedback: list[Tensor] = []
        if network.feedback != "symmetric":
            alike = network.feedback_start == "alike"
            self.feedback = [
                w.clone() if alike else wire.start(chance)[0] for w, wire in zip(self.weights, wires, strict=True)
            ]
        self.vectors = [torch.ones(wire.units) / math.sqrt(wire.units) for wire in wires]
        self.directions = {layer: self.vectors[layer - 1] for layer in self.laterals}
        self.gains = [network.gain] * len(self.weights)
        anywhere = torch.rand(ANYWHERE, wires[0].units, generator=torch.Generator().manual_seed(0)) * 2 - 1
        for _ in range(POWER_ITERATIONS):
            self._keep_contracting()
            self._calm(dict.fromkeys(self.laterals, anywhere))
        self.withheld = 0
        self.lanes: Lanes | None = None

    @property
    def parameters(self) -> list[Tensor]:
        """All that is descended, layer by layer: what belongs to one layer has one rate."""
        learned = self.feedback if self.network.feedback == "vector_field" else []
        return [*self.weights, *self.biases, *learned, *self.lateral, *self.out]

    @property
    def layers(self) -> list[int]:
        """The layer that each parameter belongs to."""
        depth = len(self.weights)
        learned = range(depth) if self.network.feedback == "vector_field" else []
        return [*range(depth), *range(depth), *learned, *[0] * len(self.lateral), *[depth] * len(self.out)]

    @property
    def lateral(self) -> list[Tensor]:
        """The parameters of what units of one layer do to each other."""
        return [parameter for _, parameters in self.laterals.values() for parameter in parameters]

    @property
    def net(self) -> Net:
        """The network as it now is."""
        return Net(self.weights, self.biases, self.units, self.gains, self.feedback or None, self.links, self.laterals)

    def cost(self, target: Tensor) -> Cost:
        """The cost of one-hot targets."""
        if self.network.cost == "squared_error":
            return settling.squared_error(target)
        if self.network.cost == "read_out":
            return settling.read_out(target, *self.out)
        return settling.cross_entropy(target, self.network.temperature)

    def free(self, net: Net, x: Tensor, drive: Tensor) -> Settled:
        """The free phase, from a pass upwards."""
        return settle(net, net.forward(x, drive), self.network.free_sweeps, dynamics=self._dynamics, drive=drive)

    @property
    def _dynamics(self) -> settling.Dynamics:
        return settling.DYNAMICS[self.network.dynamics]

    def scores(self, x: Tensor) -> Tensor:
        """What each class is given, (B, classes): the largest is the answer."""
        net = self.net
        output = self.free(net, x, net.drive(x)).states[-1]
        return torch.addmm(self.out[1], output, self.out[0]) if self.out else output

    def gradients(
        self, x: Tensor, target: Tensor, chance: torch.Generator, done: float
    ) -> Iterator[tuple[list[Tensor], float]]:
        """A gradient for every parameter, and the mean cost of the free phase; `continual` yields one a nudged sweep,
        and settles on with the weights as they are by then. Nothing where the residual is above its limit, or in stride
        while no image is ripe."""
        network, cost, net = self.network, self.cost(target), self.net
        if network.noise:
            net = replace(net, units=[_noisy(units, network.noise, chance) for units in net.units])
        if network.stride:
            yield from self._in_stride(net, x, target, network.stride, network.beta_at(done))
            return
        drive = net.drive(x)
        free = self.free(net, x, drive)
        self._calm(free.states)
        loss = float(cost.value(free.states[-1]).mean())
        if network.residual_limit is not None and not free.residual <= network.residual_limit:
            self.withheld += 1
            return

        def nudged(beta: float, start: settling.States, sweeps: int) -> settling.States:
            return settle(net, start, sweeps, beta=beta, cost=cost, dynamics=self._dynamics, drive=drive).states

        beta = network.beta_at(done)
        if network.estimator == "random_sign" and bool(torch.rand(1, generator=chance) < 0.5):
            beta = -beta
        if network.estimator == "continual":
            before = free.states
            for _ in range(network.nudged_sweeps):
                drive = net.drive(x)
                after = nudged(beta, before, 1)
                yield self._with_read_out(eqprop.contrast(net, after, before, beta), free.states[-1], target), loss
                before = after
            return
        if network.estimator == "holomorphic":
            gradient = eqprop.holomorphic(
                net,
                free.states,
                cost,
                radius=beta,
                points=network.points,
                sweeps=network.nudged_sweeps,
                dynamics=self._dynamics,
            )
        else:
            plus = nudged(beta, free.states, network.nudged_sweeps)
            symmetric = network.estimator == "symmetric"
            minus = nudged(-beta, free.states, network.nudged_sweeps) if symmetric else free.states
            span = 2 * beta if symmetric else beta
            if network.feedback == "vector_field":
                gradient = eqprop.field_contrast(net, free.states, plus, minus, span)
            else:
                gradient = eqprop.contrast(net, plus, minus, span)
        yield self._with_read_out(gradient, free.states[-1], target), loss

    def _in_stride(
        self, net: Net, x: Tensor, target: Tensor, stride: Stride, beta: float
    ) -> Iterator[tuple[list[Tensor], float]]:
        """A tick of the lanes, and the gradient of those that are ripe."""
        if self.lanes is None:
            self.lanes = Lanes(net, x, target, stride.hold)
        self.lanes.take(x, target)
        self.lanes.sweep(net, beta, stride.sweeps, self.cost)
        if found := self.lanes.contrast(net, beta, stride.ripe):
            gradient, output, own = found
            yield self._with_read_out(gradient, output, own), float(self.cost(own).value(output).mean())

    def _with_read_out(self, gradient: eqprop.Gradient, output: Tensor, target: Tensor) -> list[Tensor]:
        """The read-out is outside of the system: its gradient is that of a softmax regression on the free state."""
        own = []
        if self.out:
            error = (torch.softmax(torch.addmm(self.out[1], output, self.out[0]), 1) - target) / len(target)
            own = [output.T @ error, error.sum(0)]
        return [*gradient, *own]

    def updated(self, before: list[Tensor], kept: float) -> None:
        """After an update of the weights from `before`: feedback of Kolen and Pollack gets the same increments and
        decays alike, to the share `kept`; gains follow the weights."""
        if self.network.feedback == "kolen_pollack":
            for own, weight, old in zip(self.feedback, self.weights, before, strict=True):
                own.copy_(weight + kept * (own - old))
        self._keep_contracting()

    def _keep_contracting(self) -> None:
        if self.network.homeostasis is not None:
            self.gains, self.vectors = eqprop.homeostasis(
                self.net, self.vectors, self.network.gain, self.network.homeostasis
            )

    def _calm(self, states: Mapping[int, Tensor] | settling.States) -> None:
        """What units of one layer do to each other is held to the bound of homeostasis too, from the next batch on."""
        if self.network.homeostasis is None:
            return
        for layer, (lateral, parameters) in self.laterals.items():
            calm, self.directions[layer] = calmed(
                lateral, states[layer], parameters, self.directions[layer], self.network.homeostasis
            )
            self.laterals[layer] = calm, parameters

    def figures(self, x: Tensor, target: Tensor) -> dict[str, float]:
        """Means over the images: free and nudged energy; the largest residual and sweeps of the free phase; the least
        gain; sqrt(gamma) sigma of the layer nearest to its bound; batches withheld; the share of images that end going
        to and fro between two states."""
        net, cost = self.net, self.cost(target)
        free = self.free(net, x, net.drive(x))
        plus = settle(
            net, free.states, self.network.nudged_sweeps, beta=self.network.beta, cost=cost, dynamics=self._dynamics
        )
        nudge = self.network.beta * net.scale(net.depth) * cost.value(plus.states[-1])
        next_states = settle(net, free.states, 1, dynamics=self._dynamics).states
        cycling = settling.two_cycling(free.before, free.states, next_states)
        energies = {}
        if net.has_energy:
            energies["energy"] = float(net.energy(free.states).mean())
            energies["nudged_energy"] = float((net.energy(plus.states) + nudge).mean())
        return {
            **energies,
            "residual": free.residual,
            "sweeps": float(free.sweeps),
            "gain": min(self.gains[1:], default=1.0),
            "contraction": self.contraction,
            "withheld": float(self.withheld),
            "two_cycles": float(cycling.double().mean()),
        }

    @torch.no_grad()
    def settling(self, images: Images, sweeps: int) -> dict[str, list[float]] | None:
        """The energy of one image, {free, nudged}: so many sweeps from states of zero, then nudged from where they end.
        The first nudged value is that of the free minimum. None where there is no energy."""
        x = torch.from_numpy(images.flat)
        if not self.net.has_energy:
            return None
        net, cost = self.net, self.cost(torch.nn.functional.one_hot(torch.from_numpy(images.labels), CLASSES).float())
        drive, beta = net.drive(x), self.network.beta
        states = [torch.zeros_like(s) for s in net.forward(x, drive)]
        states[0] = x
        found: dict[str, list[float]] = {}
        for phase, strength in (("free", 0.0), ("nudged", beta)):
            found[phase] = []
            for sweep in range(sweeps + 1):
                states = self._dynamics(net, states, drive, strength, cost) if sweep else states
                nudge = strength * net.scale(net.depth) * cost.value(states[-1])
                found[phase].append(float(net.energy(states) + nudge))
        return found

    @property
    def contraction(self) -> float:
        """The largest sqrt(gamma_l) sigma_max(W_l), as the power iteration has it."""
        net = self.net
        norms = [
            float(eqprop.fallen(net, layer, vector[None]).norm())
            for layer, vector in enumerate(self.vectors[1:], start=1)
        ]
        return max((math.sqrt(gain) * norm for gain, norm in zip(self.gains[1:], norms, strict=True)), default=0.0)

    @property
    def kept(self) -> dict[str, Tensor]:
        """What going on exactly needs besides the parameters."""
        own = {f"feedback.{layer}": each for layer, each in enumerate(self.feedback)}
        vectors = {f"vector.{layer}": each for layer, each in enumerate(self.vectors)}
        vectors |= {f"direction.{layer}": each for layer, each in self.directions.items()}
        vectors |= {f"strength.{layer}": torch.tensor(own.strength) for layer, (own, _) in self.laterals.items()}
        gains = torch.tensor([*self.gains, self.withheld], dtype=torch.float64)
        lanes = {f"lanes.{name}": each for name, each in (self.lanes.kept if self.lanes else {}).items()}
        return {**own, **vectors, **lanes, "gains": gains}

    @kept.setter
    def kept(self, state: dict[str, Tensor]) -> None:
        for layer, each in enumerate(self.feedback):
            each.copy_(state[f"feedback.{layer}"])
        self.vectors = [state[f"vector.{layer}"] for layer in range(len(self.vectors))]
        for layer, (lateral, parameters) in self.laterals.items():
            self.directions[layer] = state[f"direction.{layer}"]
            self.laterals[layer] = with_strength(lateral, float(state[f"strength.{layer}"])), parameters
        *self.gains, withheld = state["gains"].tolist()
        self.withheld = int(withheld)
        lanes = {name.removeprefix("lanes."): each for name, each in state.items() if name.startswith("lanes.")}
        self.lanes = Lanes.of(lanes) if lanes else None


def _noisy(units: Units, deviation: float, chance: torch.Generator) -> Units:
    """Units with noise of their own on every firing."""

    def of(z: Tensor) -> Tensor:
        noise = torch.randn(z.shape, generator=chance, dtype=z.real.dtype)
        return units.of(z) + deviation * noise

    return replace(units, of=of)
