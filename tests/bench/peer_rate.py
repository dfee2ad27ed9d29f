#!/usr/bin/env python3
"""How fast PyTorch trains and evaluates one of the benchmark's networks: one JSON object.

usage: peer_rate.py ARCH BATCH PRECISION DEVICE [STEPS] [--modes eager,compiled]

Of eager and torch.compile (on a GPU with mode max-autotune, which has CUDA graphs), each in both memory layouts,
the fastest counts; bf16 is autocast, and fp32 has TF32 off, in convolutions too. Exit 4 without torch or device.
share/check-gpu.sh runs it beside bench-train.
"""
import argparse
import json
import sys

try:
    import torch

    from peer import Peer
except ImportError as missing:
    print(f"peer_rate.py: {missing}", file=sys.stderr)
    sys.exit(4)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arch")
    parser.add_argument("batch", type=int)
    parser.add_argument("precision", choices=("fp32", "bf16"))
    parser.add_argument("device")
    parser.add_argument("steps", type=int, nargs="?", default=20)
    parser.add_argument("--modes", default="eager,compiled")
    args = parser.parse_args()
    cuda = args.device.startswith("cuda")
    if cuda and not torch.cuda.is_available():
        print(f"peer_rate.py: torch {torch.__version__} sees no GPU", file=sys.stderr)
        sys.exit(4)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    best = {"train": (0, ""), "eval": (0, "")}
    for mode in args.modes.split(","):
        for last in (False, True):
            peer = Peer(args.arch, args.batch, last, mode == "compiled", args.precision == "bf16", args.device,
                        "max-autotune" if cuda else None)
            for what in best:
                best[what] = max(best[what], (peer.rate(what, args.steps, 5 if cuda else 1), peer.name))
            del peer
    print(json.dumps({"torch": torch.__version__, "arch": args.arch, "batch": args.batch,
                      "precision": args.precision,
                      **{f"{what}_images_per_second": round(rate, 1) for what, (rate, _) in best.items()},
                      **{f"{what}_which": name for what, (_, name) in best.items()}}))


if __name__ == "__main__":
    main()
