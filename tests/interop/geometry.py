#!/usr/bin/env python3
"""The metric of a CIFAR ResNet at every block boundary in plain PyTorch, compared with resnet-geometry.

usage: geometry.py BUILD WEIGHTS.th CIFAR10_DIR [--limit N]

WEIGHTS as for lesion.py. PyTorch makes the whole Jacobian of the ten logits with respect to the value at each
boundary, float64, and numpy the eigenvalues of J'FJ through the singular values of F^1/2 J. Exits 77 where torch is
absent, 1 where eigenvalues differ by more than 1e-9 (fp64) or 1e-4 (fp32) of the largest.
"""
import argparse
import os
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy
    import torch
    import torch.nn.functional as F
    from paths import Paths
except (ImportError, SystemExit):
    print("skipped: needs torch, numpy and h5py")
    sys.exit(77)


def test_images(folder, limit):
    raw = numpy.fromfile(os.path.join(folder, "test_batch.bin"), dtype=numpy.uint8).reshape(-1, 3073)[:limit]
    mean, std = (torch.tensor(v, dtype=torch.float64).view(1, 3, 1, 1) for v in ((.485, .456, .406), (.229, .224, .225)))
    return (torch.from_numpy(raw[:, 1:].reshape(-1, 3, 32, 32).astype(numpy.float64)) / 255 - mean) / std


def spectra(net, image):
    """Eigenvalues [boundaries, 10] of one image, largest first."""
    with torch.no_grad():
        values = [image, net.stem(image)]
        for block in net.blocks:
            values.append(F.relu(sum(net.parts(block, values[-1]))))
        p = net.head(values[-1]).softmax(1)[0]
    root = torch.diag(p.sqrt()) - torch.outer(p.sqrt(), p)  # F = root' root
    found = []
    for at, value in enumerate(values):

        def rest(x, at=at):
            if at == 0:
                x = net.stem(x)
            for block in net.blocks[max(at - 1, 0):]:
                x = F.relu(sum(net.parts(block, x)))
            return net.head(x)[0]

        jacobian = torch.autograd.functional.jacobian(rest, value).reshape(10, -1)
        found.append(numpy.linalg.svd((root @ jacobian).numpy(), compute_uv=False) ** 2)
    return numpy.array(found)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("weights")
    parser.add_argument("cifar10")
    parser.add_argument("--limit", type=int, default=4)
    args = parser.parse_args()
    net = Paths(args.weights)
    images = test_images(args.cifar10, args.limit)
    want = numpy.array([spectra(net, images[n:n + 1]) for n in range(args.limit)])
    tool = os.path.join(args.build, "bin")
    bad = 0
    with tempfile.TemporaryDirectory() as scratch:
        model, result = os.path.join(scratch, "m.h5"), os.path.join(scratch, "g.h5")
        subprocess.run([f"{tool}/resnet-convert", args.weights, "--pad-shortcut", "both", "--normalize", "imagenet", "-q", "-o", model],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for precision, most in (("fp64", 1e-9), ("fp32", 1e-4)):
            subprocess.run([f"{tool}/resnet-geometry", model, "--data", f"cifar10:{args.cifar10}", "--limit-test",
                            str(args.limit), "--precision", precision, "-q", "--force", "-o", result],
                           check=True, stdout=subprocess.DEVNULL)
            with h5py.File(result) as file:
                got = file["images/eigenvalues"][:]
            off = (numpy.abs(got - want) / want.max(axis=2, keepdims=True)).max()
            print(f"{precision}: {args.limit} images, {want.shape[1]} boundaries, largest difference {off:.1e} of the "
                  f"largest eigenvalue")
            bad |= off > most
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
