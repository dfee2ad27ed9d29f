#!/usr/bin/env python3
"""video-flow beside OpenCV's DualTVL1, with its defaults: error on pictures with true flow, and speed.

usage: flow.py BUILD FLOW_DIR [--clip CLIP] [--threads 2] [--repeat 3]

FLOW_DIR/RubberWhale and FLOW_DIR/Dimetrodon hold frame10.png, frame11.png and flow10.flo (Middlebury).
CLIP gives pairs of pictures for the speed at 320x240 and 640x480; without it Dimetrodon does. Speed is
of the op alone, from pictures in memory (bench-flow), against OpenCV's calc() with as many threads, in
turns. Exits 77 where OpenCV with optflow (opencv-contrib-python-headless) is absent, 1 if an end-point
error is over OpenCV's by more than 2 %, or the speed at one size is under five times OpenCV's.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

try:
    import cv2
    import numpy as np
    cv2.optflow.createOptFlow_DualTVL1
except (ImportError, AttributeError):
    print("skipped: needs numpy and OpenCV with optflow")
    sys.exit(77)


def read_flo(path):
    data = open(path, "rb").read()
    width, height = np.frombuffer(data, np.int32, 2, 4)
    return np.frombuffer(data, np.float32, 2 * width * height, 12).reshape(height, width, 2)


def error(flow, truth):
    known = (np.abs(truth) < 1e9).all(-1)
    return np.sqrt(((flow - truth) ** 2).sum(-1))[known].mean()


def pairs_of(clip, size, count):
    """count + 1 successive pictures from the middle of the clip, grey, as one array."""
    film = cv2.VideoCapture(clip)
    film.set(cv2.CAP_PROP_POS_FRAMES, film.get(cv2.CAP_PROP_FRAME_COUNT) // 2)
    pictures = []
    for _ in range(count + 1):
        there, picture = film.read()
        if not there:
            sys.exit(f"{clip}: too short")
        pictures.append(cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), size,
                                   interpolation=cv2.INTER_AREA))
    return np.stack(pictures)


def main():
    arguments = argparse.ArgumentParser(usage=__doc__)
    arguments.add_argument("build")
    arguments.add_argument("data")
    arguments.add_argument("--clip")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--repeat", type=int, default=3)
    o = arguments.parse_args()
    cv2.setNumThreads(o.threads)
    bad = False
    for name in ("RubberWhale", "Dimetrodon"):
        folder = os.path.join(o.data, name)
        files = [os.path.join(folder, f"frame{n}.png") for n in (10, 11)]
        truth = os.path.join(folder, "flow10.flo")
        ours = json.loads(subprocess.run(
            [os.path.join(o.build, "bin", "video-flow"), *files, "--compare", truth, "--json",
             "--threads", str(o.threads)], check=True, capture_output=True, text=True).stdout)["epe"]
        grey = [cv2.imread(f, cv2.IMREAD_GRAYSCALE) for f in files]
        theirs = error(cv2.optflow.createOptFlow_DualTVL1().calc(*grey, None), read_flo(truth))
        wrong = ours > 1.02 * theirs
        bad |= wrong
        print(f"{name}: end-point error {ours:.4f}, OpenCV {cv2.__version__} {theirs:.4f}"
              + (" TOO LARGE" if wrong else ""))
    for size in ((320, 240), (640, 480)):
        if o.clip:
            pictures = pairs_of(o.clip, size, 4)
        else:
            pictures = np.stack([cv2.resize(g, size, interpolation=cv2.INTER_AREA)
                                 for g in (grey * 3)[:5]])
        with tempfile.NamedTemporaryFile(suffix=".raw") as raw:
            raw.write(pictures.tobytes())
            raw.flush()
            best = [float("inf"), float("inf")]
            for _ in range(o.repeat):
                start = time.perf_counter()
                for one, two in zip(pictures, pictures[1:]):
                    cv2.optflow.createOptFlow_DualTVL1().calc(one, two, None)
                best[1] = min(best[1], (time.perf_counter() - start) / (len(pictures) - 1))
                seconds = float(subprocess.run(
                    [os.path.join(o.build, "bin", "bench-flow"), raw.name, str(len(pictures)),
                     str(size[1]), str(size[0]), str(o.threads)],
                    check=True, capture_output=True, text=True).stdout)
                best[0] = min(best[0], seconds)
        factor = best[1] / best[0]
        bad |= factor < 5
        print(f"{size[0]}x{size[1]}: {1 / best[0]:.2f} frames/s, OpenCV {1 / best[1]:.2f}: "
              f"{factor:.1f} times" + (" TOO SLOW" if factor < 5 else ""))
    return 1 if bad else 0


sys.exit(main())
