"""The state of one training run: what learns, from what, how far it is, and how it is kept.

A run is a folder:

    recipe.json       the resolved recipe, where the data came from, versions, commit
    log.jsonl         one line for each epoch
    checkpoint.pt     everything needed to go on (`--resume`): rewritten after each epoch, every ten
                      minutes, and when training is stopped
    best.pt           the network's weights at the best validation epoch
    model.safetensors the finished model file
    run.lock          held by the process that trains
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import cv2
import torch
from rich.console import Console
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from core.errors import DataError
from core.fusion import fuse
from core.models.mobilenet3d import MobileNet3D
from core.network import FloatNetwork
from core.quantization import QatMobileNet3D
from training.answers import answers_place, stored_answers
from training.batches import StepBatches
from training.checkpoint import (
    BEST_FILE,
    CHECKPOINT_FILE,
    check_same_run,
    load,
    read_description,
    save,
    weights_sha256,
    write_description,
)
from training.config import Recipe
from training.dataset import Augmentation, BalancedSampler, ChunkDataset
from training.exclusive import exclusive
from training.hardware import computes_bfloat16, random_state, set_random_state
from training.inheritance import NOTHING, Inherited
from training.models import FloatModel, Teacher, load_teacher, new_model, quantized
from training.optimizer import new_optimizer
from training.parent import parent_of
from training.people import seen_by
from training.processes import ALONE, Processes
from training.provenance import COMMIT, data_fingerprint, versions
from training.start import Start
from training.store import Store


class Run:
    """One training run between two steps; `training.loop` advances it.

    Raises:
        DataError: the split has nobody to train or validate on, an epoch is smaller than a batch,
            a batch cannot be shared by the processes, or start run or teacher do not fit.
    """

    def __init__(
        self,
        recipe: Recipe,
        store: Store,
        out: Path,
        *,
        split: int = 0,
        start: Path | None = None,
        teacher: Path | None = None,
        threads: int = 2,
        workers: int = 0,
        in_memory: bool = False,
        device: torch.device | None = None,
        processes: Processes = ALONE,
    ) -> None:
        torch.set_num_threads(threads)
        # Never 0, which PyTorch has refused: to OpenCV it means no threads at all.
        cv2.setNumThreads(threads)
        torch.manual_seed(recipe.seed)
        self.recipe, self.store, self.out = recipe, store, out
        self.split, self.start = split, start
        self.device, self.processes = device or torch.device("cpu"), processes
        self.spec = recipe.clip
        self.bfloat16 = computes_bfloat16(recipe.precision, self.device)
        self.workers = workers
        self.data_fingerprint = data_fingerprint(store)
        self._prepare_data(in_memory)

        begin = None if start is None else Start(start, recipe)
        self.inherited: Inherited = NOTHING if begin is None else begin.inherited
        model = new_model(recipe, len(store.labels), self.inherited)
        self.started_from: list[str] = []
        # The runs and files whose weights this one starts from, nearest first.
        self.ancestors: list[str] = []
        if begin is not None and start is not None:
            begin.check_people(store, split)
            self.started_from = begin.load(model, self.train_data, self.device)
            self.ancestors = [start.name, *_ancestors(begin.described)]
        self.teacher_path = teacher or (start if recipe.beta > 0 and recipe.quantize else None)
        self.teacher = self._load_teacher()
        if self.teacher is not None:
            itself = "" if teacher else "its own start, "
            self.started_from.append(
                f"taught   by {itself}{self.teacher_path} ({self.teacher.architecture})"
            )
        before = [each.described for each in (begin, self.teacher) if each is not None]
        self.seen = seen_by(store, split, before)
        self.weights_sha256 = {
            "start_sha256": weights_sha256(start),
            "teacher_sha256": weights_sha256(self.teacher_path),
        }
        self.fp32_network: FloatNetwork | None = None
        self.model: FloatModel | QatMobileNet3D = (
            self._quantized(model, begin) if recipe.quantize else model
        )
        for module in (self.model, self.teacher):
            if module is not None:
                module.to(self.device, memory_format=torch.channels_last_3d)
        self.optimizer = new_optimizer(self.model, recipe)
        self.average = self._average()
        # What is called to train: with several processes it also adds up their gradients.
        self.trained: nn.Module = self.model if processes.count == 1 else self._shared()
        self.epoch = self.step = 0
        self.best_score = -1.0
        self.history: list[dict[str, Any]] = []
        # Of this epoch's `pieces` so far, which need not all have been of this many processes.
        self.sums: dict[str, float] = {}
        self.pieces = 0
        # The code that began the run, then what other code has gone on with it since.
        self._made_with: list[dict[str, Any]] = [{"commit": COMMIT, "versions": versions()}]

    def _prepare_data(self, in_memory: bool) -> None:
        recipe, store, split = self.recipe, self.store, self.split
        augmentation = Augmentation(
            flip_probability=recipe.flip_probability,
            brightness=recipe.brightness,
            contrast=recipe.contrast,
            window_probability=recipe.window_probability,
        )
        train, val = store.subset(split, "train"), store.subset(split, "val")
        self.train_data = ChunkDataset(
            store,
            train,
            self.spec,
            augmentation,
            recipe.seed,
            in_memory,
            recipe.stored_draws,
            recipe.draws_seed,
        )
        self.val_data = ChunkDataset(store, val, self.spec, in_memory=in_memory)
        for name, data in (("train", self.train_data), ("val", self.val_data)):
            if not len(data):
                raise DataError(f"In split {split} {store.folder} has no {name} chunks.")
        count = recipe.clips_per_epoch or len(train)
        if count < recipe.batch_size:
            raise DataError(
                f"An epoch of {count} clips does not fill one batch of {recipe.batch_size}; "
                "lower batch_size or raise clips_per_epoch."
            )
        pieces = recipe.accumulate * self.processes.count
        if recipe.batch_size % pieces:
            raise DataError(
                f"A batch of {recipe.batch_size} clips cannot be cut into {pieces} equal pieces; "
                "change batch_size, accumulate or the number of processes."
            )
        self.sampler = BalancedSampler(self.train_data.targets, count, recipe.seed)
        self.batches = StepBatches(
            self.sampler, recipe.batch_size, recipe.accumulate, self.processes
        )

    def _quantized(self, model: FloatModel, begin: Start | None) -> QatMobileNet3D:
        self.fp32_network = fuse(cast(MobileNet3D, model))
        if self.start is not None:
            # Sooner than after hours of training.
            parent_of(self.start, self.fp32_network)
        twin = quantized(model, self.recipe)
        if begin is not None:
            begin.set_ranges(twin)
        return twin

    def _average(self) -> AveragedModel | None:
        # A yes that is averaged stays one, so `observing` of its quantizers never falls. That tells
        # only what training does with ranges and gradients, and the average is only evaluated.
        if not self.recipe.average_decay:
            return None
        return AveragedModel(
            self.model,
            multi_avg_fn=get_ema_multi_avg_fn(self.recipe.average_decay),
            use_buffers=True,
        )

    def _shared(self) -> nn.Module:
        # Weights of 1×1×1 convolutions lie the same way in both layouts; their strides do not.
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        # Step sizes to be learned take no part in float epochs.
        shared = DistributedDataParallel(
            self.model, find_unused_parameters=self.recipe.learned_step_sizes
        )
        # The weights are the first process's; dropout shall differ.
        if not self.processes.is_first:
            torch.manual_seed(self.recipe.seed + 1_000_003 * self.processes.rank)
        return shared

    def _load_teacher(self) -> Teacher | None:
        if self.recipe.beta == 0:
            if self.teacher_path is not None:
                raise DataError("The recipe's beta is 0, so a teacher teaches nothing; raise beta.")
            return None
        if self.teacher_path is None:
            also = ", or an int8 twin's own start with --start" if self.recipe.quantize else ""
            raise DataError(
                f"The recipe's beta is {self.recipe.beta:g}, which needs a teacher; name its run "
                f"with --teacher{also}, or give --beta 0."
            )
        teacher = load_teacher(self.teacher_path, self.spec, self.store, self.split)
        teacher.bfloat16 = computes_bfloat16(teacher.precision, self.device)
        return teacher

    def ask_teacher(self, stopping: Callable[[], bool], console: Console) -> None:
        """With stored draws: get the teacher's answers to all of them, and let the teacher go.

        Raises:
            BusyError: another process asks this teacher.
            DataError: they are damaged, or cannot be written.
            KeyboardInterrupt: `stopping` said so, and what is known has been saved.
        """
        if not self.recipe.stored_draws or self.teacher is None or self.teacher_path is None:
            return
        asked = {
            "teacher": self.weights_sha256["teacher_sha256"],
            "bfloat16": self.teacher.bfloat16,
            "data": self.data_fingerprint,
            "split": self.split,
        }
        folder = self.out if self.teacher_path.is_file() else self.teacher_path
        with exclusive(folder, self.processes):
            self.train_data.answers = stored_answers(
                self.teacher,
                self.train_data,
                answers_place(folder, self.train_data, asked),
                batch_size=self.recipe.batch_size // self.recipe.accumulate,
                device=self.device,
                processes=self.processes,
                stopping=stopping,
                console=console,
            )
        self.teacher = None

    @property
    def kept(self) -> nn.Module:
        """What is validated and kept: the running average of weights, or the weights."""
        return self.average.module if self.average is not None else self.model

    def quantizes(self, epoch: int) -> bool:
        """Whether this epoch trains what the run is to become; a float student may come first."""
        return not self.recipe.quantize or epoch >= self.recipe.quantize_from_epoch

    def means(self) -> dict[str, float]:
        """Losses and training accuracy of the epoch so far, of this process's clips."""
        return {name: self.sums[name] / self.pieces for name in sorted(self.sums)}

    def keep_best(self, score: float) -> None:
        """Save what is kept, unless an earlier epoch scored better."""
        if score < self.best_score:
            return
        self.best_score = score
        if self.processes.is_first:
            save(self.kept.state_dict(), self.out / BEST_FILE)

    def describe(self) -> None:
        """Write recipe.json."""
        self.out.mkdir(parents=True, exist_ok=True)
        write_description(self.out, self.description())

    def description(self) -> dict[str, Any]:
        """What recipe.json says: enough to repeat the run, and to know what it was."""
        return {
            "recipe": asdict(self.recipe),
            "split": self.split,
            "start": str(self.start) if self.start else None,
            "history": self.ancestors,
            "teacher": str(self.teacher_path) if self.teacher_path else None,
            **self.weights_sha256,
            **self.seen,
            "data": self.store.description["origin"],
            "data_fingerprint": self.data_fingerprint,
            "labels": self.store.labels,
            "device": self.device.type,
            "bfloat16": self.bfloat16,
            "processes": self.processes.count,
            **self._made_with[0],
            "continued": self._made_with[1:],
            **self.inherited.description(),
        }

    def save_checkpoint(self) -> None:
        """Everything that the next step depends on, in one file that replaces the last."""
        random = self.processes.everybodys(random_state(self.device))
        if not self.processes.is_first:
            return
        state = {
            "epoch": self.epoch,
            "step": self.step,
            "sums": self.sums,
            "pieces": self.pieces,
            "history": self.history,
            "best_score": self.best_score,
            "model": self.model.state_dict(),
            "average": self.average.state_dict() if self.average is not None else None,
            "optimizer": self.optimizer.state_dict(),
            "random": random,
        }
        save(state, self.out / CHECKPOINT_FILE)

    def resume(self) -> None:
        """Go on where this run's folder was last saved, in the middle of an epoch if need be.

        Raises:
            DataError: the checkpoint is damaged, or the folder holds another run than this.
        """
        check_same_run(self.out, self.description())
        before = read_description(self.out)
        if self.processes.is_first:
            # What a killed call was writing.
            for leftover in self.out.glob("*.partial-*"):
                leftover.unlink(missing_ok=True)
        state = load(self.out / CHECKPOINT_FILE)
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.step = state["epoch"], state["step"]
        self.sums, self.history = state["sums"], state["history"]
        self.pieces = state.get("pieces", self.step * self.recipe.accumulate)
        self.best_score = state["best_score"]
        now = self._made_with[0]
        begun = {name: before[name] for name in now if name in before}
        self._made_with = [begun or now, *before.get("continued", ())]
        if self.epoch < self.recipe.epochs and now not in self._made_with:
            self._made_with.append(now)
        if len(state["random"]) == self.processes.count:
            set_random_state(state["random"][self.processes.rank], self.device)

    def load_best(self) -> None:
        """Put the best epoch's weights into `model`, for export."""
        self.model.load_state_dict(load(self.out / BEST_FILE))
        self.model.eval()


def _ancestors(described: Mapping[str, Any]) -> list[str]:
    if "history" in described:
        return list(described["history"])
    # Of an InCab that kept its start only.
    return [Path(described["start"]).name] if described.get("start") else []
