"""Train the student on the teacher's maps.

    python training/pocket/distil.py --maps MAPS --out TRAINED --steps 12000

Started again with the same words it goes on from its last checkpoint. With
each checkpoint it writes `folded.npz`, which `pack.py` makes the package's file of. Which
views a step sees, and which are mirrored, depends on the seed and the step.
"""

import argparse
import json
import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from student import Student
from torch import Tensor

BATCH = 128
WARM_UP = 300
CHECKPOINT = 250


class Maps:
    """Views of the photos and the teacher's maps of them, mapped from disk."""

    def __init__(self, folder: Path, views: int, seed: int) -> None:
        self.stores = {
            name: [np.load(folder / f"{name}-{number}.npy", mmap_mode="r") for number in range(views)]
            for name in ("student", "middle", "last")
        }
        self.scales = dict(np.load(folder / "scales.npz"))
        self.seed = seed
        self.photos = len(self.stores["student"][0])

    def batch(self, step: int) -> list[np.ndarray]:
        """Pictures and maps of one step, channels last, half of them mirrored."""
        generator = np.random.default_rng([self.seed, step])
        view = int(generator.integers(len(self.stores["student"])))
        rows = np.sort(generator.choice(self.photos, BATCH, replace=False))
        mirrored = generator.random(BATCH) < 0.5
        arrays = []
        for name in ("student", "middle", "last"):
            array = np.array(self.stores[name][view][rows])
            array[mirrored] = array[mirrored, :, ::-1]
            arrays.append(array)
        return arrays

    def deviations(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Standard deviation of each channel over places, and over the means of photos, in int8 steps."""
        some = self.stores[name][0][:: max(1, self.photos // 1000)].astype(np.float32)
        return some.std(axis=(0, 1, 2)) + 1e-3, some.mean(axis=(1, 2)).std(axis=0) + 1e-3


def tensor(array: np.ndarray) -> Tensor:
    """(n, rows, columns, channels) to (n, channels, rows, columns), channels last in memory."""
    return torch.from_numpy(array).permute(0, 3, 1, 2).float()


class Loss:
    """Squared differences of maps at two depths and of the pooled features, each channel in its own deviations."""

    def __init__(self, maps: Maps) -> None:
        per_channel = (1, -1, 1, 1)
        self.middle = torch.from_numpy(maps.deviations("middle")[0]).view(per_channel)
        place, pooled = maps.deviations("last")
        self.place = torch.from_numpy(place).view(per_channel)
        self.pooled = torch.from_numpy(pooled)

    def __call__(self, found: tuple[Tensor, Tensor], middle: Tensor, last: Tensor) -> tuple[Tensor, list[float]]:
        """The weighted sum, and its parts: middle, last, pooled."""
        difference = found[1].float() - last / self.place
        parts = [
            (found[0].float() - middle / self.middle).square().mean(),
            difference.square().mean(),
            (difference * self.place).mean(dim=(2, 3)).div(self.pooled).square().mean(),
        ]
        return 0.5 * parts[0] + parts[1] + 0.5 * parts[2], [float(part.detach()) for part in parts]


def rate(step: int, steps: int, peak: float) -> float:
    """Linear warm-up, then a cosine to nothing."""
    if step < WARM_UP:
        return peak * (step + 1) / WARM_UP
    return peak * 0.5 * (1 + math.cos(math.pi * (step - WARM_UP) / max(1, steps - WARM_UP)))


def save(path: Path, state: dict) -> None:
    """Write a checkpoint whole."""
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(path)


def train(given: argparse.Namespace) -> None:
    """Train, from the last checkpoint where there is one; with each checkpoint goes the folded network."""
    torch.manual_seed(given.seed)
    maps = Maps(given.maps, given.views, given.seed)
    loss = Loss(maps)
    student = Student().to(memory_format=torch.channels_last)
    grouped = [
        {"params": [p for p in student.parameters() if p.ndim > 1], "weight_decay": given.decay},
        {"params": [p for p in student.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(grouped, lr=given.rate)
    checkpoint, first = given.out / "checkpoint.pt", 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        student.load_state_dict(state["student"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    log = (given.out / "log.jsonl").open("a")
    start, sums = time.time(), np.zeros(3)
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(maps.batch, first)
        for step in range(first, given.steps):
            pictures, middle, last = (tensor(array) for array in coming.result())
            coming = pool.submit(maps.batch, step + 1)
            for group in optimizer.param_groups:
                group["lr"] = rate(step, given.steps, given.rate)
            with torch.autocast("cpu", torch.bfloat16):
                found = student(pictures / 127.5 - 1)
            total, parts = loss(found, middle, last)
            optimizer.zero_grad(set_to_none=True)
            total.backward()
            torch.nn.utils.clip_grad_norm_(student.parameters(), 5.0)
            optimizer.step()
            sums += parts
            if (step + 1) % CHECKPOINT == 0 or step + 1 == given.steps:
                losses = (sums / (step % CHECKPOINT + 1)).round(4).tolist()
                row = {"step": step + 1, "loss": losses, "seconds": round(time.time() - start)}
                log.write(json.dumps(row) + "\n")
                log.flush()
                sums[:] = 0
                state = {"student": student.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}
                save(checkpoint, state)
                np.savez(given.out / "folded.npz", **student.folded())


def main() -> None:
    """Read the command line, train, write the folded network."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--maps", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=12000)
    parser.add_argument("--views", type=int, default=6)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--decay", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(os.cpu_count() or 1)
    train(given)


if __name__ == "__main__":
    main()
