#!/usr/bin/env python3
"""The gradient of a CIFAR ResNet by path length in plain PyTorch, compared with resnet-paths.

usage: paths.py BUILD WEIGHTS.th CIFAR10_DIR [--limit N]

WEIGHTS as for lesion.py. Each block is a function of its own here, and PyTorch differentiates branch and
shortcut apart: G_i[k] = S' G_{i+1}[k] + J' G_{i+1}[k-1], one length after the other, float64. Exits 77 where
torch is absent, 1 where shares or norms differ by more than 1e-6 (fp64) or 1e-3 (fp32) of their value.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

try:
    import torch
    import torch.nn.functional as F
    from lesion import Foreign, test_images
except (ImportError, SystemExit):
    print("skipped: needs torch and numpy")
    sys.exit(77)


class Paths(Foreign):
    def __init__(self, path):
        super().__init__(path)
        self.w = {k: v.double() if v.is_floating_point() else v for k, v in self.w.items()}

    def stem(self, x):
        return F.relu(self.norm(F.conv2d(x, self.w["conv1.weight"], padding=1), "bn1"))

    def head(self, x):
        return F.linear(x.mean((2, 3)), self.w["linear.weight"], self.w["linear.bias"])

    def parts(self, block, x):
        layer, k = block
        w, name = self.w, f"layer{layer}.{k}"
        stride = 2 if layer > 1 and k == 0 else 1
        short = x
        if stride == 2:
            more = w[name + ".conv1.weight"].shape[0] // 4
            short = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, more, more))
        y = F.relu(self.norm(F.conv2d(x, w[name + ".conv1.weight"], stride=stride, padding=1), name + ".bn1"))
        return short, self.norm(F.conv2d(y, w[name + ".conv2.weight"], padding=1), name + ".bn2")

    def spectrum(self, images, labels):
        """Gradients of the summed cross-entropy at the images, by length: [n + 1][N, C, H, W]."""
        with torch.no_grad():
            values = [self.stem(images)]
            for block in self.blocks:
                values.append(F.relu(sum(self.parts(block, values[-1]))))
        last = values[-1].clone().requires_grad_()
        loss = F.cross_entropy(self.head(last), labels, reduction="sum")
        lengths = [torch.autograd.grad(loss, last)[0]]
        for i in reversed(range(len(self.blocks))):
            x = values[i].clone().requires_grad_()
            short, branch = self.parts(self.blocks[i], x)
            mask = (short + branch).detach() > 0
            below = [torch.zeros_like(x) for _ in range(len(lengths) + 1)]
            for k, g in enumerate(lengths):
                below[k] += torch.autograd.grad(short, x, mask * g, retain_graph=True)[0]
                below[k + 1] += torch.autograd.grad(branch, x, mask * g, retain_graph=True)[0]
            lengths = below
        x = images.clone().requires_grad_()
        first = self.stem(x)
        return [torch.autograd.grad(first, x, g, retain_graph=True)[0] for g in lengths]


def compare(what, ours, theirs, tolerance):
    worst = max(abs(a - b) / abs(b) for a, b in zip(ours, theirs, strict=True))
    print(f"{what}: differ by {worst:.2g} at most")
    return worst <= tolerance


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("weights")
    parser.add_argument("cifar10")
    parser.add_argument("--limit", type=int, default=16)
    args = parser.parse_args()
    net = Paths(args.weights)
    images, labels = test_images(args.cifar10, net, args.limit)
    lengths = net.spectrum(images.double(), labels)
    total = sum(lengths)
    square = (total**2).sum((1, 2, 3))
    norms = [g.pow(2).sum((1, 2, 3)).sqrt().mean().item() for g in lengths]
    shares = [((g * total).sum((1, 2, 3)) / square).mean().item() for g in lengths]
    for k, (share, norm) in enumerate(zip(shares, norms)):
        print(f"{k}\t{norm:.8f}\t{share:.8g}")
    if args.build == "-":
        return
    tool = lambda name: os.path.join(args.build, "bin", name)
    good = True
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "model.h5")
        subprocess.run([tool("resnet-convert"), args.weights, "--pad-shortcut", "both", "--normalize",
                        "imagenet", "-q", "-o", model], check=True, stderr=subprocess.DEVNULL)
        for precision, tolerance in (("fp64", 1e-6), ("fp32", 1e-3)):
            ours = json.loads(subprocess.run(
                [tool("resnet-paths"), model, "--data", "cifar10:" + args.cifar10, "--spectrum", "--limit-test",
                 str(args.limit), "--precision", precision, "--json", "-q"],
                check=True, capture_output=True, text=True).stdout)
            good &= compare(f"{precision} shares", ours["share"], shares, tolerance)
            good &= compare(f"{precision} norms", ours["norm"], norms, tolerance)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
