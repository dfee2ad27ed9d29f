#!/usr/bin/env python3
"""Training and evaluation of whole networks on the CPU, beside PyTorch and beside the convolutions alone.

usage: bench.py BIN [--archs resnet20-cifar,resnet110-cifar,preresnet110-cifar,resnet50]
                    [--precisions fp32,bf16] [--rounds 5] [--compile]

BIN is the folder of bench-train and bench-limit. All is measured in one run, alternating, and the
table shows medians over the rounds:

  ours      images per second of this library (bench-train)
  limit     of oneDNN's convolutions alone, with the best primitive for each shape (bench-limit)
  share     ours / limit
  PyTorch   the best of eager and compiled, in either memory layout, under autocast for bf16; needs torch
            in the Python that runs this (a virtual environment outside the source tree), else left out
  ratio     ours / PyTorch, the median over the rounds' pairs
  threads   ours on 2 threads / ours on 1
"""
import argparse
import datetime
import itertools
import json
import os
import platform
import statistics
import subprocess

try:
    import torch

    from peer import Peer
except ImportError:
    torch = None

BATCHES = {"resnet50": 32}
STEPS = {"resnet20-cifar": 5, "resnet50": 1}


def ours(folder, arch, batch, steps, threads, precision, program="bench-train"):
    command = [os.path.join(folder, program), arch, str(batch), str(steps), str(threads), precision]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def peers(arch, batch, compiled, precision):
    made = []
    for mode in (False, True) if compiled else (False,):
        for last in (False, True):
            made.append(Peer(arch, batch, last, mode, precision == "bf16"))
    return made


def measure(args, arch, precision):
    batch, steps = BATCHES.get(arch, 128), STEPS.get(arch, 2)
    rows = {what: {"ours": [], "limit": [], "peer": [], "name": "", "one": []}
            for what in ("train", "eval")}
    rivals = peers(arch, batch, args.compile, precision) if torch else []
    best = {}
    for what in rows:  # one trial finds the best of them; it alone runs in the rounds
        rates = [(peer.rate(what, 1), peer) for peer in rivals]
        best[what] = max(rates, key=lambda pair: pair[0])[1] if rates else None
    for _ in range(args.rounds):
        mine = ours(args.bin, arch, batch, steps, args.threads, precision)
        one = ours(args.bin, arch, batch, steps, 1, precision) if args.threads > 1 else mine
        limit = ours(args.bin, arch, batch, 3, args.threads, precision, "bench-limit")
        for what, row in rows.items():
            key = f"{what}_images_per_second"
            row["ours"].append(mine[key])
            row["one"].append(one[key])
            row["limit"].append(limit[key])
            if best[what]:
                row["peer"].append(best[what].rate(what, steps))
                row["name"] = best[what].name
    return batch, rows


def cpu_name():
    with open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("--archs", default="resnet20-cifar,resnet110-cifar,preresnet110-cifar,resnet50")
    parser.add_argument("--precisions", default="fp32,bf16")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--compile", action="store_true", help="torch.compile too: minutes for each network")
    args = parser.parse_args()
    median = statistics.median
    if torch:
        torch.set_num_threads(args.threads)
        print(f"PyTorch {torch.__version__}, ", end="")
    print(f"{datetime.date.today()}, {cpu_name()}, {args.threads} threads, images per second, "
          f"medians of {args.rounds}\n")
    print("| network, batch | | | ours | limit | share | PyTorch | which | ratio | threads |")
    print("|---|---|---|---:|---:|---:|---:|---|---:|---:|")
    for arch, precision in itertools.product(args.archs.split(","), args.precisions.split(",")):
        batch, rows = measure(args, arch, precision)
        for what, row in rows.items():
            share = median(a / b for a, b in zip(row["ours"], row["limit"]))
            scale = median(a / b for a, b in zip(row["ours"], row["one"]))
            line = (f"| {arch}, {batch} | {precision} | {what} | {median(row['ours']):.1f} | "
                    f"{median(row['limit']):.1f} | {share:.2f} | ")
            if row["peer"]:
                ratio = median(a / b for a, b in zip(row["ours"], row["peer"]))
                line += f"{median(row['peer']):.1f} | {row['name']} | {ratio:.2f} | "
            else:
                line += "| | | "
            print(line + f"{scale:.2f} |", flush=True)


if __name__ == "__main__":
    main()
