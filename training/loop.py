"""One readable training loop for every recipe: teacher, student, and quantization-aware twin.

Legend: B batch, T frames, H height, W width, C channels, K classes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, closing, nullcontext
from typing import Any

import torch
from rich.console import Console
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from core.distillation import distillation_loss, hard_loss
from core.errors import DataError
from core.quantization import QatMobileNet3D
from training.batches import loaded
from training.hardware import as_input, random_state, set_random_state
from training.interruption import StopRequest
from training.optimizer import learning_rate, shorten_gradient
from training.progress import EpochProgress, RunLog, memory_advice, summary
from training.run import Run
from training.unfamiliar import WEIGHT, unfamiliar, uniform_loss
from training.validation import validate

_CHECKPOINT_EVERY_S = 600.0
_MUCH_WAITING = 0.1


def fit(run: Run, console: Console) -> None:
    """Train to the last epoch, keeping the best by validation mean per-class accuracy.

    Raises:
        DataError: the loss is no longer a number, or the run cannot be written.
        KeyboardInterrupt: it was asked to stop, and has saved.
    """
    if not run.processes.is_first:
        console = Console(quiet=True)
    log = None
    if run.processes.is_first:
        run.describe()
        log = RunLog(run.out, run.history)
    if run.epoch == run.step == 0:
        # Whatever happens in the first epoch, there is something to go on with.
        run.save_checkpoint()
    advised = False
    with StopRequest() as stop:
        if run.epoch < run.recipe.epochs:
            run.ask_teacher(lambda: _wishes(run, stop.asked)[0], console)
        while run.epoch < run.recipe.epochs:
            entry: dict[str, Any] = {"epoch": run.epoch, **train_epoch(run, console, stop)}
            last = run.epoch == run.recipe.epochs
            # Whole clips say nothing of a network that has only seen reduced ones.
            whole = entry["epoch"] >= run.recipe.early_epochs
            due = last or (whole and run.epoch % run.recipe.validate_every == 0)
            if due and run.quantizes(entry["epoch"]):
                entry["val"] = _validate(run)
                run.keep_best(entry["val"]["mean_per_class_accuracy"])
            run.history.append(entry)
            run.save_checkpoint()
            if log is not None:
                log.write(run.history)
            console.print(summary(entry), highlight=False, soft_wrap=True)
            if not (advised or last) and _waits_for_frames(run):
                advice = memory_advice(entry, run.train_data.memory_bytes())
                console.print(advice, highlight=False, soft_wrap=True)
                advised = True
            if not last and _wishes(run, stop.asked)[0]:
                raise KeyboardInterrupt
    if log is not None:
        log.close()


def _waits_for_frames(run: Run) -> bool:
    """Whether two epochs in a row have waited long; one alone may have filled the disk cache."""
    if run.train_data.in_memory or run.workers:
        return False
    last_two = run.history[-2:]
    return len(last_two) == 2 and all(e["waiting_share"] > _MUCH_WAITING for e in last_two)


def train_epoch(run: Run, console: Console, stop: StopRequest | None = None) -> dict[str, float]:
    """Train the rest of the run's epoch and turn to the next.

    Returns:
        Losses and training accuracy, means over the whole epoch; and of what was done now, clips/s
        and the share of time spent waiting for clips.

    Raises:
        DataError: the loss or its gradient is no longer a number; the batch is named.
        KeyboardInterrupt: it was asked to stop, and has saved.
    """
    recipe, steps, first_step = run.recipe, run.batches.steps, run.step
    batches = _begin_epoch(run)
    waiting_s, started_s = 0.0, time.perf_counter()
    saved_s = started_s
    to_come = sum(recipe.clip_in(epoch).crop ** 2 for epoch in range(run.epoch + 1, recipe.epochs))
    to_come /= recipe.clip_in(run.epoch).crop ** 2
    progress = EpochProgress(console, run.epoch, recipe.epochs, first_step, steps, to_come)
    with closing(batches), progress as shown:
        while run.step < steps:
            rate = learning_rate(recipe, (run.epoch + run.step / steps) / recipe.epochs)
            for group in run.optimizer.param_groups:
                group["lr"] = rate
            run.optimizer.zero_grad(set_to_none=True)
            for piece in range(recipe.accumulate):
                asked_s = time.perf_counter()
                clips, targets, *answers = next(batches)
                waiting_s += time.perf_counter() - asked_s
                with _gradients_shared(run, piece == recipe.accumulate - 1):
                    _learn(run, clips, targets, *answers)
            norm = shorten_gradient(run.model, recipe.largest_gradient_norm or math.inf)
            # Not sooner: a process that left alone would keep the others waiting.
            _check_finite(run, "loss", run.sums["loss"])
            _check_finite(run, "gradient", norm)
            run.optimizer.step()
            if run.average is not None:
                run.average.update_parameters(run.model)
            run.step += 1
            shown.advance(run.step, recipe.batch_size, run.means())
            if stop is not None and run.step < steps:
                due = time.perf_counter() - saved_s > _CHECKPOINT_EVERY_S
                stopping, due = _wishes(run, stop.asked, due)
                if stopping or due:
                    run.save_checkpoint()
                    saved_s = time.perf_counter()
                if stopping:
                    raise KeyboardInterrupt
    elapsed_s = time.perf_counter() - started_s
    means = run.means()
    run.epoch, run.step, run.sums, run.pieces = run.epoch + 1, 0, {}, 0
    shared = torch.tensor(list(means.values()), dtype=torch.float64, device=run.device)
    shared = run.processes.total(shared) / run.processes.count
    return dict(zip(means, shared.tolist(), strict=True)) | {
        "learning_rate": run.optimizer.param_groups[0]["lr"],
        "clips_per_s": (steps - first_step) * recipe.batch_size / elapsed_s,
        "waiting_share": waiting_s / elapsed_s,
    }


def _begin_epoch(run: Run) -> Generator[list[Tensor]]:
    """Set the model to train as this epoch has it; gives the batches that are still to come.

    A batch is clips and classes and, where the teacher's answers are stored, those.
    """
    run.model.train()
    if isinstance(run.model, QatMobileNet3D):
        run.model.set_quantizing(run.quantizes(run.epoch))
        if run.average is not None and run.epoch == run.recipe.quantize_from_epoch and not run.step:
            # Float epochs know no ranges: averaging starts anew.
            run.average.n_averaged.zero_()
        if run.epoch >= run.recipe.freeze_batch_norm_epoch:
            run.model.freeze_batch_norm()
        if run.epoch >= run.recipe.freeze_observers_epoch:
            run.model.freeze_observers()
        run.processes.take_state_of_first(run.model)
    run.train_data.epoch = run.sampler.epoch = run.epoch
    run.train_data.show(run.recipe.clip_in(run.epoch))
    run.batches.first_step = run.step
    random = random_state(run.device)
    batches = loaded(
        run.train_data,
        batch_sampler=run.batches,
        workers=run.workers,
        pin_memory=run.device.type == "cuda",
    )
    if run.step:
        # This epoch's first batches have drawn their random number already.
        set_random_state(random, run.device)
    return batches


def _gradients_shared(run: Run, last_piece: bool) -> AbstractContextManager[None]:
    """Several processes add up their gradients once a step."""
    if isinstance(run.trained, DistributedDataParallel) and not last_piece:
        return run.trained.no_sync()
    return nullcontext()


def _learn(run: Run, clips: Tensor, targets: Tensor, answers: Tensor | None = None) -> None:
    """Add the gradient of one piece of a step: B×C×T×H×W uint8 clips and B classes.

    `answers` are the teacher's B×K logits; where they are not stored, the teacher is asked.
    """
    recipe = run.recipe
    x, targets = as_input(clips, run.device), targets.to(run.device)
    share = recipe.unfamiliar_share
    strange = unfamiliar(x, max(round(share * len(x)), 1) if share else 0)
    shown = x
    if len(strange):
        shown = torch.cat([x, strange]).contiguous(memory_format=torch.channels_last_3d)
    with torch.autocast(run.device.type, torch.bfloat16, enabled=run.bfloat16):
        logits, unsure = run.trained(shown).float().split([len(x), len(strange)])
        if answers is None and run.teacher is not None:
            answers = run.teacher(x).float()
    parts: dict[str, Tensor] = {}
    if answers is None:
        loss = hard_loss(
            logits,
            targets,
            label_smoothing=recipe.label_smoothing,
            published=recipe.published_loss,
        )
    else:
        distilled = distillation_loss(
            logits,
            answers.to(run.device),
            targets,
            beta=recipe.beta,
            temperature=recipe.temperature,
            label_smoothing=recipe.label_smoothing,
            published=recipe.published_loss,
        )
        loss, parts = distilled.total, {"hard": distilled.hard, "soft": distilled.soft}
    if len(unsure):
        parts.setdefault("hard", loss)
        parts["unfamiliar"] = uniform_loss(unsure)
        loss = loss + WEIGHT * parts["unfamiliar"]
    (loss / recipe.accumulate).backward()
    parts |= {"loss": loss, "train_top1": (logits.argmax(dim=1) == targets).float().mean()}
    run.pieces += 1
    for name, value in parts.items():
        run.sums[name] = run.sums.get(name, 0.0) + float(value.detach())


def _check_finite(run: Run, name: str, value: float) -> None:
    if value - value == 0:
        return
    chunks = [
        run.store.chunks[run.train_data.positions[item]]
        for item, _ in run.batches.items_of(run.step)
    ]
    clips = [f"{c.file_id} {c.frame_start}-{c.frame_end}" for c in chunks]
    more = f" and {len(clips) - 3} more" if len(clips) > 3 else ""
    raise DataError(
        f"The {name} became {value} in epoch {run.epoch}, batch {run.step} (clips "
        f"{', '.join(clips[:3])}{more}); {run.out} keeps the last good state. Start another --out "
        "with a lower --learning-rate, or look at these clips."
    )


def _wishes(run: Run, *wishes: bool) -> list[bool]:
    """What any of the processes wishes, so that all of them do the same."""
    wished = torch.tensor(wishes, dtype=torch.int32, device=run.device)
    return run.processes.total(wished).bool().tolist()


def _validate(run: Run) -> dict[str, float]:
    run.processes.take_state_of_first(run.kept)
    return validate(
        run.kept, run.val_data, run.recipe.batch_size, run.device, run.processes, run.workers
    )
