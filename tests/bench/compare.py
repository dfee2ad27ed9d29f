#!/usr/bin/env python3
"""Trains a CIFAR ResNet here and in PyTorch, alternating, and prints both rates.

usage: compare.py BENCH_TRAIN [--arch resnet20-cifar] [--batch 128] [--steps 10] [--rounds 5]

Needs a Python with torch (any virtual environment outside the source tree). PyTorch runs eagerly,
in the better of its two memory layouts. The figures of a round are medians over its steps; the
table shows the median over rounds, and the ratio of each round's pair.
"""
import argparse
import json
import re
import statistics
import subprocess
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.more = stride, outputs - inputs

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.stride > 1 or self.more:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return F.relu(y + x)


class CifarResNet(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        blocks, inputs = [], 16
        for stage, width in enumerate((16, 32, 64)):
            for k in range((depth - 2) // 6):
                blocks.append(Block(inputs, width, 2 if stage and not k else 1))
                inputs = width
        self.blocks, self.linear = nn.Sequential(*blocks), nn.Linear(64, 10)

    def forward(self, x):
        x = self.blocks(F.relu(self.bn(self.conv(x))))
        return self.linear(x.mean((2, 3)))


class Peer:
    def __init__(self, depth, batch, channels_last):
        self.model = CifarResNet(depth)
        self.x, self.y = torch.randn(batch, 3, 32, 32), torch.randint(0, 10, (batch,))
        if channels_last:
            self.model = self.model.to(memory_format=torch.channels_last)
            self.x = self.x.contiguous(memory_format=torch.channels_last)
        self.sgd = torch.optim.SGD(self.model.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)

    def train(self):
        self.model.train()
        self.sgd.zero_grad()
        F.cross_entropy(self.model(self.x), self.y).backward()
        self.sgd.step()

    def evaluate(self):
        self.model.eval()
        with torch.inference_mode():
            self.model(self.x)

    def rate(self, work, steps):
        work()
        times = []
        for _ in range(steps):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
        return len(self.x) / statistics.median(times)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench_train")
    parser.add_argument("--arch", default="resnet20-cifar")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    depth = int(re.fullmatch(r"resnet(\d+)-cifar", args.arch)[1])
    peers = [Peer(depth, args.batch, last) for last in (False, True)]
    rows = {"train": [], "eval": []}
    for _ in range(args.rounds):
        ours = json.loads(subprocess.run(
            [args.bench_train, args.arch, str(args.batch), str(args.steps), str(args.threads)],
            check=True, capture_output=True, text=True).stdout)
        for what, work in (("train", Peer.train), ("eval", Peer.evaluate)):
            best = max(peer.rate(lambda: work(peer), args.steps) for peer in peers)
            rows[what].append((ours[f"{what}_images_per_second"], best))
    print(f"{args.arch}, batch {args.batch}, {args.threads} threads, f32; PyTorch "
          f"{torch.__version__} eager, better layout; images per second, medians of {args.rounds}")
    for what, pairs in rows.items():
        ours = statistics.median(a for a, _ in pairs)
        theirs = statistics.median(b for _, b in pairs)
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"{what:6s} ours {ours:8.1f}   PyTorch {theirs:8.1f}   ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
