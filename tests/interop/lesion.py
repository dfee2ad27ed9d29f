#!/usr/bin/env python3
"""Deletes each block of a CIFAR ResNet in plain PyTorch, and compares with resnet-lesion.

usage: lesion.py BUILD WEIGHTS.th CIFAR10_DIR [--limit N] [--time]

WEIGHTS are PyTorch's, of the option-A networks with zero padding on both sides (akamaster's names, a nested
state_dict). PyTorch does one full evaluation a lesion, as a plain script would. Exits 77 where torch is
absent, 1 where a count of errors differs by more than 3.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

try:
    import numpy
    import torch
    import torch.nn.functional as F
except ImportError:
    print("skipped: needs torch and numpy")
    sys.exit(77)

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def test_images(folder):
    raw = numpy.fromfile(os.path.join(folder, "test_batch.bin"), dtype=numpy.uint8).reshape(-1, 3073)
    images = torch.from_numpy(raw[:, 1:].reshape(-1, 3, 32, 32).astype(numpy.float32) / 255)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last), \
        torch.from_numpy(raw[:, 0].astype(numpy.int64))


class Net:
    """Forward in evaluation mode straight from the tensors, any block's branch left out."""

    def __init__(self, path):
        state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        self.w = {k.removeprefix("module."): v for k, v in state.items()}
        self.blocks = sorted({(int(k[5]), int(k.split(".")[1])) for k in self.w if k.startswith("layer")})

    def norm(self, x, name):
        w = self.w
        return F.batch_norm(x, w[name + ".running_mean"], w[name + ".running_var"], w[name + ".weight"],
                            w[name + ".bias"])

    def __call__(self, x, deleted=None):
        w = self.w
        x = F.relu(self.norm(F.conv2d(x, w["conv1.weight"], padding=1), "bn1"))
        for layer, k in self.blocks:
            name = f"layer{layer}.{k}"
            stride = 2 if layer > 1 and k == 0 else 1
            short = x
            if stride == 2:
                more = w[name + ".conv1.weight"].shape[0] // 4
                short = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, more, more))
            if (layer, k) != deleted:
                y = F.relu(self.norm(F.conv2d(x, w[name + ".conv1.weight"], stride=stride, padding=1),
                                     name + ".bn1"))
                short = short + self.norm(F.conv2d(y, w[name + ".conv2.weight"], padding=1), name + ".bn2")
            x = F.relu(short)
        return F.linear(x.mean((2, 3)), w["linear.weight"], w["linear.bias"])

    def errors(self, images, labels, deleted=None):
        wrong = 0
        for n in range(0, len(images), 250):
            wrong += int((self(images[n:n + 250], deleted).argmax(1) != labels[n:n + 250]).sum())
        return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("weights")
    parser.add_argument("cifar10")
    parser.add_argument("--limit", type=int, default=10000)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    tool = lambda name: os.path.join(args.build, "bin", name)
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "model.h5")
        subprocess.run([tool("resnet-convert"), args.weights, "--pad-shortcut", "both", "--normalize",
                        "imagenet", "-q", "-o", model], check=True, stderr=subprocess.DEVNULL)
        start = time.perf_counter()
        ours = json.loads(subprocess.run(
            [tool("resnet-lesion"), model, "--data", "cifar10:" + args.cifar10, "--limit-test",
             str(args.limit), "--json", "-q", "--threads", str(args.threads)],
            check=True, capture_output=True, text=True).stdout)
        mine = time.perf_counter() - start
    images, labels = test_images(args.cifar10)
    images, labels = images[:args.limit], labels[:args.limit]
    net = Net(args.weights)
    bad = 0
    start = time.perf_counter()
    with torch.inference_mode():
        theirs = [net.errors(images, labels)] + [net.errors(images, labels, b) for b in net.blocks]
    other = time.perf_counter() - start
    for name, a, b in zip(["intact"] + ours["names"], [ours["intact_errors"]] + ours["errors"], theirs):
        print(f"{name}\t{a}\t{b}")
        bad += abs(a - b) > 3
    print(f"resnet-lesion {mine:.1f} s, PyTorch loop {other:.1f} s, ratio {other / mine:.2f}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
