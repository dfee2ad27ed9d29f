"""Networks that others trained (WEIGHTS=DIR) on the real CIFAR-10 (CIFAR10=DIR): their known numbers
of errors, and PyTorch's own outputs for the first 512 test images."""
import json
import os
import sys

sys.path.insert(0, sys.argv[1])
import peers

if not os.environ.get("WEIGHTS") or not os.environ.get("CIFAR10"):
    print("skipped: give WEIGHTS=DIR (resnet20-12fca82f.th, ...) and CIFAR10=DIR (binary version)")
    sys.exit(77)
peers.missing(["torch"])
import numpy as np
import torch
import torch.nn.functional as F

KNOWN = {"resnet20-12fca82f.th": 827, "resnet44-014dd654.th": 690}  # of 10,000


def forward(state, x):
    def norm(x, name):
        return F.batch_norm(x, *[state[f"{name}.{part}"] for part in
                                 ["running_mean", "running_var", "weight", "bias"]])

    x = F.relu(norm(F.conv2d(x, state["conv1.weight"], padding=1), "bn1"))
    names = sorted({tuple(map(int, key[5:].split(".")[:2])) for key in state if key.startswith("layer")})
    for stage, block in names:
        at = f"layer{stage}.{block}."
        weight = state[at + "conv1.weight"]
        stride = 2 if stage > 1 and block == 0 else 1
        y = F.relu(norm(F.conv2d(x, weight, stride=stride, padding=1), at + "bn1"))
        y = norm(F.conv2d(y, state[at + "conv2.weight"], padding=1), at + "bn2")
        more = weight.shape[0] - x.shape[1]
        x = F.relu(y + F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, more // 2, more // 2)))
    return F.linear(x.mean((2, 3)), state["linear.weight"], state["linear.bias"])


raw = np.fromfile(os.path.join(os.environ["CIFAR10"], "test_batch.bin"), np.uint8).reshape(-1, 3073)
pixels = torch.from_numpy(raw[:512, 1:].reshape(-1, 3, 32, 32)).float() / 255
mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
data = "cifar10:" + os.environ["CIFAR10"]
for file, errors in KNOWN.items():
    path = os.path.join(os.environ["WEIGHTS"], file)
    peers.tool("resnet-convert", path, "--pad-shortcut", "both", "--normalize", "imagenet", "-o",
               "m.h5", "--force")
    found = json.loads(peers.tool("resnet-eval", "m.h5", "--data", data, "--json"))
    peers.report(file, found["errors"] == errors and found["count"] == 10000,
                 f"{found['errors']} errors of {found['count']}, known are {errors}")
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    state = {key.removeprefix("module."): value for key, value in state.items()}
    with torch.no_grad():
        wanted = forward(state, (pixels - mean) / std).numpy()
    peers.compare(file, peers.logits("m.h5", data, "--limit-test", 512), wanted)
peers.finish()
