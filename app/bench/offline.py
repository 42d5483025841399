"""Clips per second when many clips are scored and nobody waits for any one of them.

Either batches go through the live set-up, one after the other, or several infer requests share
the cores under OpenVINO's throughput hint. Which is better depends on the CPU: all are timed.

Legend: B clips in a batch, T frames, H height, W width, C channels, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import openvino as ov

from app.bench.clips import F32, read_clips
from app.bench.process import Runner, time_in_turns
from app.bench.rows import agreement
from app.bench.setting import Json, Setting, reasons
from core.engines import DEFAULT_ENGINE, load_engine
from core.engines.openvino import build_graph, compile_graph, shared_core
from core.engines.pixel_blocks import lay_out, on_blocks, takes_blocks
from core.errors import EngineError
from core.modelfile import load_model

# Whole batches of every size, and enough of them to keep several requests busy.
CLIPS_A_RUN = 32
_BATCHES, _QUICK_BATCHES = (1, 4, 16), (4,)
# A pass scores CLIPS_A_RUN clips, so few passes are many clips.
_PASSES, _QUICK_PASSES = 20, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """Times CLIPS_A_RUN clips, from pixels to logits.

    Attributes:
        model: the model file.
        batch: clips given to the engine at once.
        throughput: several requests at a time; else one, with all threads to itself.
        threads: CPU threads.
        folder: where the clips and the reference's answers lie.
    """

    warm_up_runs: ClassVar[int] = 1

    model: Path
    batch: int
    throughput: bool
    threads: int
    folder: Path

    def make(self) -> Runner:
        """Compile for this batch, on blocks of pixels where the engine uses them."""
        cv2.setNumThreads(1)
        model = load_model(self.model)
        # A graph compiled here checks nothing; what a row would refuse is refused here too.
        load_engine(model, DEFAULT_ENGINE, self.threads)
        network, clip_shape = model.network, model.clip.clip_shape
        blocks = takes_blocks(network, clip_shape)
        if blocks:
            network = on_blocks(network)
            frames, height, width, _ = clip_shape
            clip_shape = (frames, height // 2, width // 2, 4)
        graph = build_graph(network, clip_shape, self.batch)
        if not self.throughput:
            return _Scorer(self, compile_graph(graph, self.threads), 1, blocks)
        compiled = shared_core().compile_model(
            graph,
            "CPU",
            {
                "INFERENCE_NUM_THREADS": self.threads,
                "INFERENCE_PRECISION_HINT": "f32",
                "PERFORMANCE_HINT": "THROUGHPUT",
            },
        )
        requests = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        return _Scorer(self, compiled, requests, blocks)


class _Scorer:
    def __init__(
        self, scoring: Scoring, compiled: ov.CompiledModel, requests: int, blocks: bool
    ) -> None:
        clips, self._expected = read_clips(scoring.folder)
        order = np.arange(CLIPS_A_RUN) % len(clips)
        self._batches = [
            np.ascontiguousarray(clips[order[start : start + scoring.batch]])
            for start in range(0, CLIPS_A_RUN, scoring.batch)
        ]
        # Laid out anew in every run, as an engine does it; a room for each batch, because several
        # may be under way.
        shape = tuple(compiled.input(0).shape)
        self._rooms = [np.empty(shape, np.uint8) for _ in self._batches] if blocks else None
        self._requests = requests
        self._output = compiled.output(0)
        classes = self._expected.shape[1]
        self._logits: F32 = np.zeros((len(self._batches), scoring.batch, classes), np.float32)
        self._request = compiled.create_infer_request()
        self._queue = ov.AsyncInferQueue(compiled, requests) if requests > 1 else None
        if self._queue is not None:
            self._queue.set_callback(self._keep)
        self.run(0)
        judged = len(self._expected)
        answers = self._logits.reshape(CLIPS_A_RUN, classes)[:judged]
        if not np.isfinite(answers).all():
            raise EngineError(
                f"OpenVINO answers with NaN or infinity in batches of {scoring.batch}."
            )

    def _keep(self, request: Any, index: int) -> None:
        self._logits[index] = request.get_output_tensor(0).data

    def run(self, index: int) -> None:
        for number, pixels in enumerate(self._batches):
            batch = pixels
            if self._rooms is not None:
                batch = self._rooms[number]
                for clip, room in zip(pixels, batch, strict=True):
                    lay_out(clip, room)
            if self._queue is not None:
                self._queue.start_async({0: batch}, number, share_inputs=True)
            else:
                self._logits[number] = self._request.infer([batch], share_inputs=True)[self._output]
        if self._queue is not None:
            self._queue.wait_all()

    def facts(self) -> dict[str, Any]:
        answers = self._logits.reshape(CLIPS_A_RUN, -1)[: len(self._expected)]
        return {
            "requests": self._requests,
            "agreement": agreement(answers, self._expected),
        }


def measure_offline(run: Setting, excluded: list[Json]) -> dict[str, Json | None]:
    """For each student all ways of scoring many clips, and the best of them."""
    passes = min(run.runs, _QUICK_PASSES if run.options.quick else _PASSES)
    found: dict[str, Json | None] = {}
    for name in ("int8", "fp32"):
        ways = {
            f"{name}, {'throughput hint' if throughput else 'one request'}, batch {batch}": Scoring(
                model=run.path(name),
                batch=batch,
                throughput=throughput,
                threads=run.threads,
                folder=run.folders[name],
            )
            for throughput in (False, True)
            for batch in (_QUICK_BATCHES if run.options.quick else _BATCHES)
        }
        timings, failures = time_in_turns(list(ways.items()), passes, run.progress)
        excluded += reasons(failures)
        tried = [
            {
                "batch": ways[key].batch,
                "hint": "throughput" if ways[key].throughput else "latency",
                "requests": timing.facts["requests"],
                "clips_per_s": round(CLIPS_A_RUN * 1000 / timing.latency.p50, 1),
                "agreement": timing.facts["agreement"],
            }
            for key, timing in timings.items()
        ]
        best = max(tried, key=lambda way: way["clips_per_s"], default=None)
        found[name] = {"best": best, "tried": tried} if best else None
    return found
