"""Trials of optimizers, schedulers and whole nets in progress."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from conformance.candidates.dialect import ContractError, NotImplementedHere, Subject, as_array
from conformance.candidates.dialect_training import OptimizerSubject, TrainingDialect
from conformance.candidates.driving.chain import Chain
from conformance.records.observation import StepRecord
from conformance.records.trial import (
    Advance,
    Predict,
    SetMode,
    SetRate,
    Train,
    Update,
    ZeroGrad,
)
from conformance.sessions.assembly import build, build_part, build_parts
from conformance.sessions.run import Run


class OptimizerRun(Run):
    """Gives gradients to an optimizer; a record shows the parameters after each step."""

    def take_steps(self) -> None:
        """Build the optimizer, take each step."""
        found = self.find()
        dialect = cast(TrainingDialect, found.dialect)
        subject = dialect.build_optimizer(found.factory, self.trial)
        for step in self.trial.steps:
            match step:
                case Update():
                    self.stage = "step"
                    self.records.append(self._update(subject, step))
                case SetRate(rate=rate):
                    self.stage = "set_rate"
                    subject.set_rate(rate)
                    self.records.append(StepRecord())
                case ZeroGrad():
                    self.stage = "zero_grad"
                    subject.zero_grad()
                    zeroed = {n: self.gradient_of(subject, n) for n in self.trial.parameters}
                    self.records.append(StepRecord(parameter_gradients=zeroed))
                case _:
                    raise TypeError(f"an optimizer takes no step {step.do!r}")

    def _update(self, subject: OptimizerSubject, step: Update) -> StepRecord:
        gradients = {name: self.cast(value) for name, value in step.gradients.items()}
        for name, curvature in step.curvatures.items():
            value = subject.get(name)
            if value.shape != curvature.shape:
                raise ContractError(
                    f"{name} has shape {value.shape}, but was given as {curvature.shape}", name
                )
            gradients[name] = np.asarray(self.cast(curvature) * value)
        subject.update(gradients)
        now = {name: subject.gradient(name) for name in gradients}
        changed = [
            name
            for name, given in gradients.items()
            if now[name].shape != given.shape or (now[name] != given).any()
        ]
        return StepRecord(
            outputs={name: self.copy_of(subject, name) for name in self.trial.parameters},
            mutated=tuple(f"grad_{name}" for name in changed),
        )


class SchedulerRun(Run):
    """Lets a scheduler advance; a record shows the rate, as applied and as reported."""

    def take_steps(self) -> None:
        """Build the scheduler, take each step."""
        found = self.find()
        dialect = cast(TrainingDialect, found.dialect)
        subject = dialect.build_scheduler(found.factory, self.trial)
        for step in self.trial.steps:
            if not isinstance(step, Advance):
                raise TypeError(f"a scheduler takes no step {step.do!r}")
            self.stage = "step"
            for _ in range(step.count):
                self.another_call()
                subject.advance()
            rates = {"lr": subject.rate(), "get_last_lr": subject.reported()}
            outputs = {name: np.asarray(rate, dtype=np.float64) for name, rate in rates.items()}
            self.records.append(StepRecord(outputs=outputs))


class NetRun(Run):
    """Trains a net; a record shows the loss of each step, and the parameters where asked."""

    def take_steps(self) -> None:
        """Build layers, loss and optimizer, take each step."""
        self.stage = "build"
        net = self._net()
        for name, value in {**self.trial.parameters, **self.trial.buffers}.items():
            net.set(name, self.cast(value))
        loss = build_part(self.implementation, self.trial, "loss")
        optimizer = self._optimizer(net)
        for step in self.trial.steps:
            match step:
                case SetMode(mode=mode):
                    self.stage = "set_mode"
                    net.set_mode(mode)
                    self.records.append(StepRecord())
                case Train():
                    self.stage = "step"
                    self.records.append(self._train(net, loss, optimizer, step))
                case Predict(input=x):
                    self.stage = "forward"
                    [output] = net.forward([self.cast(x)])
                    output = as_array(output, "the output of forward", self.dtype)
                    self.records.append(StepRecord(outputs={"output": output.copy()}))
                case _:
                    raise TypeError(f"a net takes no step {step.do!r}")

    def _net(self) -> Subject:
        """The layers in the implementation's own container, or chained where it has none."""
        container = replace(
            self.trial,
            layer="Sequential",
            kind="container",
            torch="torch.nn.Sequential",
            inputs=("input",),
            outputs=("output",),
            differentiable=("input",),
        )
        if self.implementation.find(container) is not None:
            return build(self.implementation, container)
        return Chain(build_parts(self.implementation, container), container)

    def _optimizer(self, net: Subject) -> OptimizerSubject:
        part = self.trial.part("optimizer")
        found = self.implementation.find(part)
        if found is None:
            raise NotImplementedHere(f"it needs {part.layer}: not implemented")
        handles = {name: net.handle(name) for name in self.trial.parameters}
        dialect = cast(TrainingDialect, found.dialect)
        return dialect.build_optimizer(found.factory, part, handles)

    def _train(
        self, net: Subject, loss: Subject, optimizer: OptimizerSubject, step: Train
    ) -> StepRecord:
        net.zero_grad()
        [output] = net.forward([self.cast(step.input)])
        output = as_array(output, "the output of forward", self.dtype)
        self.another_call()
        [value] = loss.forward([output.copy(), step.target.copy()])
        value = as_array(value, "the loss", self.dtype)
        self.another_call()
        [gradient] = loss.backward(np.ones((), self.dtype))
        self.another_call()
        net.backward(as_array(gradient, "the gradient of the loss", self.dtype).copy())
        self.another_call()
        # A copy of each gradient: some layers put new arrays in the place of the old ones.
        optimizer.update({n: self.gradient_of(net, n) for n in self.trial.parameters})
        outputs = {"loss": value.copy()}
        if step.show:
            outputs |= {name: self.copy_of(net, name) for name in self.trial.parameters}
        return StepRecord(outputs=outputs)
