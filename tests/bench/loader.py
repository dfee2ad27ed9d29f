#!/usr/bin/env python3
"""Reading JPEGs (resnet-train --loader-only) beside training (bench-train), in turn in one run.

usage: loader.py BIN [--images 1000] [--rounds 5] [--arch resnet18] [--batch 32] [--steps 60]
                     [--keep DIR]

BIN is the folder of resnet-train and bench-train. Pictures of about 500x375 in ten classes are made in a
scratch folder (numpy, pillow), or once in DIR, where they stay. The table shows medians over the rounds:

  img/s       images per second
  CPUs busy   processor time over time: less than there are CPUs where other programs run beside
  per CPU     images per second of processor time, which these programs hardly change

Exit 1 if loading is slower than training.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
from PIL import Image

OPTIONS = ["--random-crop", "0.08,1", "--flip"]


def picture(rng, height, width):
    """Noise at several scales: compresses about as photographs do."""
    image = numpy.full((height, width, 3), 128.0, numpy.float32)
    for cells, amplitude in ((6, 45), (24, 25), (80, 15), (240, 9)):
        small = rng.normal(size=(cells * 3 // 4, cells, 3)).astype(numpy.float32)
        planes = [Image.fromarray(small[:, :, c]).resize((width, height), Image.BICUBIC) for c in range(3)]
        image += amplitude * numpy.stack([numpy.asarray(p) for p in planes], 2)
    return numpy.clip(image + rng.normal(size=(height, width, 1)) * 4, 0, 255).astype(numpy.uint8)


def make_pictures(folder, count):
    rng = numpy.random.default_rng(1)
    large = [picture(rng, 600, 800) for _ in range(20)]
    for split, n in (("train", count), ("val", 10)):
        for i in range(n):
            place = os.path.join(folder, split, f"class{i % 10}")
            os.makedirs(place, exist_ok=True)
            height, width = int(rng.integers(330, 420)), int(rng.integers(440, 560))
            y, x = int(rng.integers(600 - height)), int(rng.integers(800 - width))
            cut = large[int(rng.integers(len(large)))][y : y + height, x : x + width]
            Image.fromarray(cut).save(os.path.join(place, f"{i:05d}.jpg"), quality=int(rng.integers(85, 96)))


def load(args, folder, precision):
    command = [os.path.join(args.bin, "resnet-train"), "--arch", args.arch, "--data", f"folder:{folder}",
               "--batch", str(args.batch), "--normalize", "none", "--precision", precision,
               "--loader-only", "--steps", str(args.steps), "--json", "-q", "-o", os.devnull, "--force", *OPTIONS]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found["images_per_second"], found["cpu_seconds"] / found["seconds"]


def train(args, precision):
    def used():
        r = resource.getrusage(resource.RUSAGE_CHILDREN)
        return r.ru_utime + r.ru_stime

    before, start = used(), time.monotonic()
    command = [os.path.join(args.bin, "bench-train"), args.arch, str(args.batch), "3", "0", precision]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found["train_images_per_second"], (used() - before) / (time.monotonic() - start)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("bin")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--arch", default="resnet18")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=60, help="batches that are loaded, an epoch at most")
    parser.add_argument("--keep")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or scratch
        if not os.path.isdir(os.path.join(folder, "train")):
            make_pictures(folder, args.images)
        rows = {f"{what}, {p}": [] for p in ("fp32", "bf16") for what in ("load", "train")}
        for _ in range(args.rounds):
            for precision in ("fp32", "bf16"):
                rows[f"load, {precision}"].append(load(args, folder, precision))
                rows[f"train, {precision}"].append(train(args, precision))
    print(f"| {args.arch}, batch {args.batch} | img/s | CPUs busy | per CPU |\n|---|---:|---:|---:|")
    for name, runs in rows.items():
        rate, busy, per_cpu = (statistics.median(f(r) for r in runs)
                               for f in (lambda r: r[0], lambda r: r[1], lambda r: r[0] / r[1]))
        print(f"| {name} | {rate:.1f} | {busy:.2f} | {per_cpu:.1f} |")
    slow = [p for p in ("fp32", "bf16")
            if statistics.median(r[0] / r[1] for r in rows[f"load, {p}"]) <
            statistics.median(r[0] / r[1] for r in rows[f"train, {p}"])]
    if slow:
        print(f"loading is slower than training: {', '.join(slow)}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
