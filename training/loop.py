"""One readable training loop: the float student, or its quantization-aware twin (Algorithm 1).

A run is a folder:

    recipe.json       the resolved recipe and where the data came from
    log.jsonl         one line for each epoch
    checkpoint.pt     everything needed to go on (`--resume`), rewritten after each epoch
    best.pt           the student's weights at the best validation epoch
    model.safetensors the finished model file

Legend: B batch, T frames, H height, W width, C channels, K classes.
"""

from __future__ import annotations

import copy
import ctypes
import json
import pickle
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from core.clip import ClipSpec
from core.distillation import distillation_loss
from core.errors import DataError
from core.files import replacing
from core.models.mobilenet3d import MobileNet3D
from core.quantization import QatMobileNet3D, fuse
from training.config import Recipe
from training.dataset import Augmentation, BalancedSampler, ChunkDataset
from training.store import Store

_LARGEST_GRADIENT_NORM = 5.0


def keep_freed_memory() -> None:
    """Let glibc reuse big blocks instead of returning them to the system after each operator.

    Measured on two AVX2 cores: 5.8 → 8.3 clips/s at 224 pixels, since fresh pages need not be
    zeroed for every activation. Other C libraries are left alone.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        # macOS and musl have no mallopt, and Windows cannot look into itself this way.
        return
    m_trim_threshold, m_top_pad, m_mmap_max = -1, -2, -4
    mallopt(m_mmap_max, 0)
    mallopt(m_trim_threshold, 2**31 - 1)
    mallopt(m_top_pad, 2**28)


def as_input(clips: Tensor) -> Tensor:
    """B×C×T×H×W uint8 to the same shape as float in [0, 1], channels last in memory.

    Convolutions keep that layout from layer to layer. Measured on two AVX-512 cores: a training
    step takes 34 → 76 clips/s at 112 pixels and 8.7 → 14 clips/s at 224.
    """
    return clips.to(torch.float32, memory_format=torch.channels_last_3d).div_(255)


def learning_rate(recipe: Recipe, progress: float) -> float:
    """Learning rate at `progress` (0 to 1) of the run."""
    if recipe.schedule == "steps":
        passed = sum(progress >= milestone / recipe.epochs for milestone in recipe.milestones)
        return recipe.learning_rate * recipe.gamma**passed
    if progress < recipe.warmup:
        return recipe.learning_rate * (0.05 + 0.95 * progress / recipe.warmup)
    fall = (progress - recipe.warmup) / (1 - recipe.warmup)
    return recipe.learning_rate * 0.5 * (1 + float(np.cos(np.pi * fall)))


def new_student(recipe: Recipe, num_classes: int) -> MobileNet3D:
    """An untrained student as the recipe wants it."""
    student = MobileNet3D(num_classes, recipe.width_multiplier, dropout=recipe.dropout)
    if recipe.tie_input_channels:
        weight = student.features[0].conv.weight
        with torch.no_grad():
            weight.copy_(weight.mean(dim=1, keepdim=True).expand_as(weight))
    return student


def load_student(run: Path, student: MobileNet3D) -> None:
    """Take over the best weights of an earlier float run.

    Raises:
        DataError: there are none, or they belong to another network.
    """
    path = run / "best.pt"
    if not path.is_file():
        raise DataError(f"{run} holds no finished epoch (no best.pt); train it first.")
    state = _load(path)
    try:
        student.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise DataError(f"{path} does not fit this student: {reason}") from error


@torch.inference_mode()
def validate(model: nn.Module, data: ChunkDataset, batch_size: int) -> dict[str, float]:
    """Top-1 and mean per-class accuracy, and mean cross-entropy, on evaluation clips."""
    model.eval()
    seen = torch.zeros(len(data.store.labels))
    right = torch.zeros(len(data.store.labels))
    loss = 0.0
    for clips, targets in DataLoader(data, batch_size):
        logits = model(as_input(clips))
        loss += float(functional.cross_entropy(logits, targets, reduction="sum"))
        hits = (logits.argmax(dim=1) == targets).float()
        seen.index_add_(0, targets, torch.ones_like(hits))
        right.index_add_(0, targets, hits)
    present = seen > 0
    return {
        "mean_per_class_accuracy": float((right[present] / seen[present]).mean()),
        "top1": float(right.sum() / seen.sum()),
        "cross_entropy": loss / float(seen.sum()),
    }


def check_start(start: Path, store: Store, split: int) -> None:
    """See to it that the start run was not trained on people whom this split keeps apart.

    Raises:
        DataError: it was; accuracy on them would mean nothing.
    """
    described = _read_description(start)
    if described.get("data") != store.description["origin"]:
        return
    earlier = described.get("split", split)
    kept_apart = {*store.subset(split, "val"), *store.subset(split, "test")}
    if kept_apart.intersection(store.subset(earlier, "train")):
        raise DataError(
            f"{start} was trained on split {earlier}, whose training people are kept apart in "
            f"split {split}; start from a run on split {split}."
        )


class Run:
    """The state of one training run, and how it advances by an epoch.

    Raises:
        DataError: the split has nobody to train or validate on, an epoch is smaller than a batch,
            or the start run does not fit.
    """

    def __init__(
        self,
        recipe: Recipe,
        store: Store,
        out: Path,
        *,
        split: int = 0,
        start: Path | None = None,
        threads: int = 2,
        in_memory: bool = False,
    ) -> None:
        torch.set_num_threads(threads)
        torch.manual_seed(recipe.seed)
        self.recipe, self.store, self.out = recipe, store, out
        self.split, self.start = split, start
        self.spec = ClipSpec(resize=recipe.resize, crop=recipe.crop)
        augmentation = Augmentation(
            flip_probability=recipe.flip_probability,
            brightness=recipe.brightness,
            contrast=recipe.contrast,
            window_probability=recipe.window_probability,
        )
        train = store.subset(split, "train")
        self.train_data = ChunkDataset(
            store, train, self.spec, augmentation, recipe.seed, in_memory
        )
        val = store.subset(split, "val")
        self.val_data = ChunkDataset(store, val, self.spec, in_memory=in_memory)
        count = recipe.clips_per_epoch or len(train)
        for name, data in (("train", self.train_data), ("val", self.val_data)):
            if not len(data):
                raise DataError(f"In split {split} {store.folder} has no {name} chunks.")
        if count < recipe.batch_size:
            raise DataError(
                f"An epoch of {count} clips does not fill one batch of {recipe.batch_size}; "
                "lower batch_size or raise clips_per_epoch."
            )
        self.sampler = BalancedSampler(self.train_data.targets, count, recipe.seed)

        student = new_student(recipe, len(store.labels))
        if start is not None:
            check_start(start, store, split)
            load_student(start, student)
        self.teacher: MobileNet3D | None = None
        if recipe.beta > 0:
            if start is None:
                raise DataError("beta above 0 needs a teacher; name its run with --start.")
            self.teacher = copy.deepcopy(student).eval().requires_grad_(False)
        self.fp32_network = fuse(student) if recipe.quantize else None
        self.model: MobileNet3D | QatMobileNet3D = (
            QatMobileNet3D(student, recipe.weight_limit) if recipe.quantize else student
        )
        for module in (self.model, self.teacher):
            if module is not None:
                module.to(memory_format=torch.channels_last_3d)
        self.optimizer = new_optimizer(self.model, recipe)
        self.average = (
            AveragedModel(
                self.model,
                multi_avg_fn=get_ema_multi_avg_fn(recipe.average_decay),
                use_buffers=True,
            )
            if recipe.average_decay
            else None
        )
        self.epoch = 0
        self.best_score = -1.0

    @property
    def _origin(self) -> Any:
        return self.store.description["origin"]

    @property
    def kept(self) -> nn.Module:
        """What is validated and kept: the running average of weights, or the weights."""
        return self.average.module if self.average is not None else self.model

    def train_epoch(self, console: Console) -> dict[str, float]:
        """One pass; returns loss, training accuracy, clips/s and the share of time spent waiting.

        Raises:
            DataError: the loss or its gradient is no longer a number; the batch is named.
        """
        recipe = self.recipe
        self.train_data.epoch = self.sampler.epoch = self.epoch
        self.model.train()
        if isinstance(self.model, QatMobileNet3D):
            if self.epoch >= recipe.freeze_batch_norm_epoch:
                self.model.freeze_batch_norm()
            if self.epoch >= recipe.freeze_observers_epoch:
                self.model.freeze_observers()
        loader = DataLoader(
            self.train_data, recipe.batch_size, sampler=self.sampler, drop_last=True
        )
        steps = len(loader)
        totals = {"loss": 0.0, "train_top1": 0.0}
        waiting_s, started_s = 0.0, time.perf_counter()
        asked_s = started_s
        for step, (clips, targets) in enumerate(loader):
            waiting_s += time.perf_counter() - asked_s
            progress = (self.epoch + step / steps) / recipe.epochs
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(recipe, progress)
            x = as_input(clips)
            logits = self.model(x)
            loss = self._loss(x, logits, targets)
            self._check_finite("loss", loss, step)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(self.model.parameters(), _LARGEST_GRADIENT_NORM)
            self._check_finite("gradient", norm, step)
            self.optimizer.step()
            if self.average is not None:
                self.average.update_parameters(self.model)
            totals["loss"] += float(loss.detach()) / steps
            hits = (logits.argmax(dim=1) == targets).float().mean()
            totals["train_top1"] += float(hits) / steps
            if step % 20 == 19 and not console.is_terminal:
                rate = (step + 1) * recipe.batch_size / (time.perf_counter() - started_s)
                shown = totals["loss"] * steps / (step + 1)
                console.print(
                    f"epoch {self.epoch} step {step + 1}/{steps} loss {shown:.3f} "
                    f"{rate:.1f} clips/s",
                    highlight=False,
                    soft_wrap=True,
                )
            asked_s = time.perf_counter()
        elapsed_s = time.perf_counter() - started_s
        totals["clips_per_s"] = steps * recipe.batch_size / elapsed_s
        totals["waiting_share"] = waiting_s / elapsed_s
        return totals

    def _loss(self, x: Tensor, logits: Tensor, targets: Tensor) -> Tensor:
        recipe = self.recipe
        if self.teacher is None:
            return functional.cross_entropy(logits, targets, label_smoothing=recipe.label_smoothing)
        with torch.no_grad():
            teacher_logits = self.teacher(x)
        return distillation_loss(
            logits, teacher_logits, targets, beta=recipe.beta, temperature=recipe.temperature
        ).total

    def _check_finite(self, name: str, value: Tensor, step: int) -> None:
        if not torch.isfinite(value):
            raise DataError(
                f"The {name} became {float(value.detach())} in epoch {self.epoch}, batch {step}; "
                "the last good epoch is kept. Try a lower learning_rate."
            )

    def fit(self, console: Console) -> None:
        """Train to the last epoch, keeping the best by validation mean per-class accuracy."""
        self.out.mkdir(parents=True, exist_ok=True)
        self._write_recipe()
        while self.epoch < self.recipe.epochs:
            entry: dict[str, Any] = {"epoch": self.epoch, **self.train_epoch(console)}
            last = self.epoch + 1 == self.recipe.epochs
            if last or (self.epoch + 1) % self.recipe.validate_every == 0:
                entry["val"] = validate(self.kept, self.val_data, self.recipe.batch_size)
                score = entry["val"]["mean_per_class_accuracy"]
                if score >= self.best_score:
                    self.best_score = score
                    _save(self.kept.state_dict(), self.out / "best.pt")
            self.epoch += 1
            self.save_checkpoint()
            with (self.out / "log.jsonl").open("a") as log:
                log.write(json.dumps(entry) + "\n")
            console.print(_summary(entry), highlight=False, soft_wrap=True)

    def _write_recipe(self) -> None:
        resolved = {
            "recipe": asdict(self.recipe),
            "split": self.split,
            "start": str(self.start) if self.start else None,
            "data": self._origin,
            "torch": torch.__version__,
        }
        with replacing(self.out / "recipe.json") as partial:
            partial.write_text(json.dumps(resolved, indent=2))

    def save_checkpoint(self) -> None:
        """Everything that the next epoch depends on, in one file that replaces the last."""
        state = {
            "epoch": self.epoch,
            "best_score": self.best_score,
            "model": self.model.state_dict(),
            "average": self.average.state_dict() if self.average is not None else None,
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
        }
        _save(state, self.out / "checkpoint.pt")

    def resume(self) -> None:
        """Go on after the last finished epoch of this run's folder.

        Raises:
            DataError: there is none, or the folder holds another run than this one.
        """
        path = self.out / "checkpoint.pt"
        if not path.is_file():
            raise DataError(f"{self.out} holds no checkpoint to resume; leave out --resume.")
        self._check_same_run()
        state = _load(path)
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.best_score = state["epoch"], state["best_score"]
        torch.set_rng_state(state["random"])

    def _check_same_run(self) -> None:
        """A run continued with other settings or people would be recorded as what it never was."""
        before = _read_description(self.out)
        recipe = asdict(self.recipe) | {"milestones": list(self.recipe.milestones)}
        changed = [
            name
            for name, value in before.get("recipe", {}).items()
            if name != "epochs" and name in recipe and recipe[name] != value
        ]
        if before.get("split", self.split) != self.split:
            changed.append("split")
        if before.get("data", self._origin) != self._origin:
            changed.append("data")
        start = before.get("start")
        if (Path(start).resolve() if start else None) != (self.start and self.start.resolve()):
            changed.append("start")
        if changed:
            raise DataError(
                f"{self.out} was begun with another {', '.join(changed)}; "
                "repeat the command it was begun with, or choose another --out."
            )

    def load_best(self) -> None:
        """Put the best epoch's weights into `model`, for export."""
        self.model.load_state_dict(_load(self.out / "best.pt"))
        self.model.eval()


def new_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimizer over all parameters."""
    groups = _parameter_groups(model, recipe.weight_decay)
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.learning_rate)
    return torch.optim.SGD(
        groups,
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.momentum > 0,
    )


def _parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay acts on weights; biases and batch-norm parameters are left alone."""
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def _save(state: object, path: Path) -> None:
    with replacing(path) as partial:
        torch.save(state, partial)


def _load(path: Path) -> Any:
    try:
        return torch.load(path, weights_only=True)
    except (RuntimeError, OSError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).strip().split("\n", 1)[0][:120]
        raise DataError(f"{path} is damaged ({reason}); train that run again.") from error


def _read_description(run: Path) -> dict[str, Any]:
    """What recipe.json says of a run; empty where there is none."""
    try:
        return json.loads((run / "recipe.json").read_text())
    except (OSError, ValueError):
        return {}


def _summary(entry: dict[str, Any]) -> str:
    parts = [
        f"epoch {entry['epoch']}: loss {entry['loss']:.3f}",
        f"train {entry['train_top1']:.1%}",
        f"{entry['clips_per_s']:.1f} clips/s",
        f"waiting {entry['waiting_share']:.0%}",
    ]
    if "val" in entry:
        parts.append(f"val mean per-class {entry['val']['mean_per_class_accuracy']:.1%}")
        parts.append(f"top-1 {entry['val']['top1']:.1%}")
    return ", ".join(parts)
