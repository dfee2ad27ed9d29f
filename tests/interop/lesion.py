#!/usr/bin/env python3
"""Deletes each block of a CIFAR ResNet in plain PyTorch, and compares with resnet-lesion, number by number and in time.

usage: lesion.py BUILD NETWORK CIFAR10_DIR [--limit N] [--precisions fp32,bf16] [--threads N]

NETWORK is a PyTorch file of the option-A networks with zero padding on both sides (akamaster's names, a nested
state_dict), or a model of resnet-tools with basic blocks (read by h5py). PyTorch does one full evaluation a lesion,
as a plain script would, under autocast for bf16. Exits 77 where torch is absent; 1 where a count of errors in fp32
differs by more than 3, or one in bf16 is further from fp32 than the predictions that rounding turned account for.
"""
import argparse
import contextlib
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


class Net:
    """Forward in evaluation mode straight from the tensors, any block's branch left out."""

    def norm(self, x, name):
        w = self.w
        return F.batch_norm(x, w[name + ".running_mean"], w[name + ".running_var"], w[name + ".weight"],
                            w[name + ".bias"])

    def conv(self, x, name, stride=1, padding=1):
        return F.conv2d(x, self.w[name + ".weight"], stride=stride, padding=padding)

    def predictions(self, images, deleted=None):
        return torch.cat([self(images[n:n + 250], deleted).argmax(1) for n in range(0, len(images), 250)])


class Foreign(Net):
    """A file of PyTorch's."""

    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

    def __init__(self, path):
        state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        self.w = {k.removeprefix("module."): v for k, v in state.items()}
        self.blocks = sorted({(int(k[5]), int(k.split(".")[1])) for k in self.w if k.startswith("layer")})

    def __call__(self, x, deleted=None):
        w = self.w
        x = F.relu(self.norm(self.conv(x, "conv1"), "bn1"))
        for layer, k in self.blocks:
            name = f"layer{layer}.{k}"
            stride = 2 if layer > 1 and k == 0 else 1
            short = x
            if stride == 2:
                more = w[name + ".conv1.weight"].shape[0] // 4
                short = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, more, more))
            if (layer, k) != deleted:
                y = F.relu(self.norm(self.conv(x, name + ".conv1", stride), name + ".bn1"))
                short = short + self.norm(self.conv(y, name + ".conv2"), name + ".bn2")
            x = F.relu(short)
        return F.linear(x.mean((2, 3)), w["linear.weight"], w["linear.bias"])


class Own(Net):
    """A model of resnet-tools: its block table, and its tensors by name (resnet-h5(5))."""

    def __init__(self, path):
        import h5py
        with h5py.File(path, "r") as file:
            text = lambda key: [v.decode() for v in file["blocks/" + key][:]]
            assert set(text("kind")) == {"basic"} and not file["stem"].attrs["max_pool"]
            columns = [text(k) for k in ("name", "order", "preactivation", "shortcut")]
            numbers = [file["blocks/" + k][:].tolist() for k in ("in", "out", "stride")]
            self.table = [dict(zip(("name", "order", "pre", "shortcut", "in", "out", "stride"), row))
                          for row in zip(*columns, *numbers)]
            self.mean, self.std = tuple(file["input/mean"][:]), tuple(file["input/stddev"][:])
            self.stem_norm, self.head_norm = (bool(file[k].attrs["norm_relu"]) for k in ("stem", "head"))
            self.w = {}
            for group in ("parameters", "state"):
                for name, data in file[group].items():
                    value = torch.from_numpy(numpy.asarray(data[:], dtype=numpy.float32))
                    self.w[name] = value.permute(0, 3, 1, 2).contiguous() if value.ndim == 4 else value
        self.blocks = [block["name"] for block in self.table]

    def shortcut(self, x, block):
        kind, more = block["shortcut"], block["out"] - block["in"]
        if kind == "identity":
            return x
        if kind.startswith("pad"):
            front = more // 2 if kind == "pad_both" else 0
            step = block["stride"]
            return F.pad(x[:, :, ::step, ::step], (0, 0, 0, 0, front, more - front))
        name = block["name"] + ".shortcut"
        x = self.conv(x, name + ".conv", block["stride"], 0)
        return self.norm(x, name + ".bn") if kind == "conv_bn" else x

    def block(self, x, block, deleted):
        name, stride = block["name"], block["stride"]
        if block["order"] == "post":
            short = self.shortcut(x, block)
            if not deleted:
                y = F.relu(self.norm(self.conv(x, name + ".conv1", stride), name + ".bn1"))
                short = short + self.norm(self.conv(y, name + ".conv2"), name + ".bn2")
            return F.relu(short)
        y = F.relu(self.norm(x, name + ".bn1")) if block["pre"] != "none" else x
        short = self.shortcut(y if block["pre"] == "shared" else x, block)
        if deleted:
            return short
        y = self.conv(y, name + ".conv1", stride)
        return short + self.conv(F.relu(self.norm(y, name + ".bn2")), name + ".conv2")

    def __call__(self, x, deleted=None):
        x = self.conv(x, "stem.conv")
        if self.stem_norm:
            x = F.relu(self.norm(x, "stem.bn"))
        for block in self.table:
            x = self.block(x, block, block["name"] == deleted)
        if self.head_norm:
            x = F.relu(self.norm(x, "head.bn"))
        return F.linear(x.mean((2, 3)), self.w["head.linear.weight"], self.w["head.linear.bias"])


def test_images(folder, net, limit):
    raw = numpy.fromfile(os.path.join(folder, "test_batch.bin"), dtype=numpy.uint8).reshape(-1, 3073)[:limit]
    images = torch.from_numpy(raw[:, 1:].reshape(-1, 3, 32, 32).astype(numpy.float32) / 255)
    mean, std = (torch.tensor(v, dtype=torch.float32).view(1, 3, 1, 1) for v in (net.mean, net.std))
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last), \
        torch.from_numpy(raw[:, 0].astype(numpy.int64))


def ours(args, model, precision):
    start = time.perf_counter()
    out = subprocess.run(
        [os.path.join(args.build, "bin", "resnet-lesion"), model, "--data", "cifar10:" + args.cifar10,
         "--limit-test", str(args.limit), "--json", "-q", "--threads", str(args.threads), "--precision", precision],
        check=True, capture_output=True, text=True).stdout
    seconds = time.perf_counter() - start
    found = json.loads(out)
    return ["intact"] + found["names"], [found["intact_errors"]] + found["errors"], seconds


def theirs(net, images, precision):
    cast = torch.autocast("cpu", torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()
    start = time.perf_counter()
    with torch.inference_mode(), cast:
        found = [net.predictions(images, deleted) for deleted in [None] + net.blocks]
    return found, time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("network")
    parser.add_argument("cifar10")
    parser.add_argument("--limit", type=int, default=10000)
    parser.add_argument("--precisions", default="fp32")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    bad, exact = 0, None
    with tempfile.TemporaryDirectory() as folder:
        model, net = args.network, None
        if model.endswith(".h5"):
            net = Own(model)
        else:
            net = Foreign(model)
            model = os.path.join(folder, "model.h5")
            subprocess.run([os.path.join(args.build, "bin", "resnet-convert"), args.network, "--pad-shortcut", "both",
                            "--normalize", "imagenet", "-q", "-o", model], check=True, stderr=subprocess.DEVNULL)
        images, labels = test_images(args.cifar10, net, args.limit)
        for precision in args.precisions.split(","):
            names, mine, seconds = ours(args, model, precision)
            found, other = theirs(net, images, precision)
            print(f"block\t{precision}\tPyTorch" + ("\tfp32\tturned" if exact else ""))
            for i, name in enumerate(names):
                wrong = int((found[i] != labels).sum())
                line = f"{name}\t{mine[i]}\t{wrong}"
                if precision == "fp32":
                    bad += abs(mine[i] - wrong) > 3
                elif exact:  # predictions that the rounding turned, in PyTorch's own two runs
                    turned = int((found[i] != exact[1][i]).sum())
                    bad += abs(mine[i] - exact[0][i]) > 3 * max(turned, 1) ** 0.5
                    line += f"\t{exact[0][i]}\t{turned}"
                print(line)
            print(f"{precision}: resnet-lesion {seconds:.1f} s, PyTorch loop {other:.1f} s, ratio {other / seconds:.2f}",
                  flush=True)
            if precision == "fp32":
                exact = mine, found
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
