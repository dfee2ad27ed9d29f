"""What the checks share: running the tools, data sets of random images, comparisons."""
import os
import subprocess
import sys

import h5py
import numpy as np

TOLERANCE = 1e-4  # of the largest logit
failures = []


def tool(name, *args):
    path = os.path.join(os.environ["BUILD"], "bin", name)
    done = subprocess.run([path, *map(str, args)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{name} {' '.join(map(str, args))}: exit {done.returncode}: {done.stderr}")
    return done.stdout


def images(path, size, classes, count=4, seed=1):
    """Random images with structure at several scales, as a data set; returned as uint8 [N, H, W, 3]."""
    rng = np.random.default_rng(seed)
    total = np.zeros((count, size, size, 3))
    cells = 1
    while cells <= size:
        if size % cells == 0:
            coarse = rng.normal(size=(count, cells, cells, 3))
            total += np.repeat(np.repeat(coarse, size // cells, 1), size // cells, 2)
        cells *= 2
    pixels = np.clip(128 + 30 * total, 0, 255).astype(np.uint8)
    with h5py.File(path, "w") as f:
        f.attrs["format"] = "resnet-tools data"
        f.attrs["format_version"] = 1
        f["test/images"] = pixels
        f["test/labels"] = np.zeros(count, dtype=np.int32)
        f["classes"] = np.array([f"class{i}" for i in range(classes)], dtype="S")
    return pixels


def logits(model, data, *more):
    tool("resnet-eval", model, "--data", data, "-o", "pred.h5", "--force", *more)
    with h5py.File("pred.h5") as f:
        return f["logits"][:]


def compare(what, ours, theirs, tolerance=TOLERANCE):
    theirs = np.asarray(theirs)
    largest = np.abs(theirs).max()
    error = np.abs(ours - theirs).max() / largest if ours.shape == theirs.shape else np.inf
    good = np.isfinite(largest) and largest > 0 and error <= tolerance
    report(what, good, f"differ by {error:.2g} of the largest logit ({largest:.3g})")


def same(what, pairs):
    pairs = list(pairs)
    bad = [name for name, a, b in pairs if a.shape != b.shape or not np.array_equal(a, b)]
    report(what, pairs and not bad, f"{len(pairs)} tensors, other than bit for bit: {bad[:3]}")


def report(what, good, detail):
    print(f"{'passed' if good else 'FAILED'}: {what}: {detail}", flush=True)
    if not good:
        failures.append(what)


def finish():
    print(f"{len(failures)} failed" if failures else "all passed")
    sys.exit(1 if failures else 0)


def missing(names):
    """Exits 77, saying so, where one of these packages is not installed."""
    import importlib.util

    absent = [name for name in names if importlib.util.find_spec(name) is None]
    if absent:
        print("skipped: Python has no " + ", ".join(absent))
        sys.exit(77)
