"""Steps of training, one by one, on fixed inputs: each optimizer, each augmentation and the loss of
mixed labels here (interop-driver) and in PyTorch and torchvision."""
import os
import subprocess
import sys

sys.path.insert(0, sys.argv[1])
import peers  # noqa: E402

peers.missing(["torch", "torchvision", "PIL"])
import numpy as np  # noqa: E402
import torch  # noqa: E402
import torchvision.transforms.functional as F  # noqa: E402
from PIL import Image  # noqa: E402

rng = np.random.default_rng(7)


def driver(command, *arrays, **arguments):
    words = [f"{name}={value}" for name, value in arguments.items()]
    done = subprocess.run([os.path.join(os.environ["BUILD"], "bin", "interop-driver"), command, *words],
                          input=b"".join(np.ascontiguousarray(a).tobytes() for a in arrays), capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stderr.decode()}")
    return done.stdout


def close(what, ours, theirs, tolerance):
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    error = np.abs(ours - theirs).max() if ours.shape == theirs.shape else np.inf
    peers.report(what, error <= tolerance, f"differ by {error:.2g}, {tolerance:.2g} allowed")


# Optimizers: fifty steps.
def optimizer(what, make, clip=None, **arguments):
    n, steps = 200, 50
    value, gradients = rng.normal(size=n), rng.normal(size=(steps, n))
    weight = torch.nn.Parameter(torch.tensor(value))
    torch_optimizer = make([weight])
    for gradient in gradients:
        weight.grad = torch.tensor(gradient.copy())
        if clip:
            clip([weight])
        torch_optimizer.step()
    out = np.frombuffer(driver("optimizer", value, gradients, n=n, steps=steps, **arguments))
    close(what, out, weight.detach().numpy(), 1e-12)


optimizer("SGD", lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.01),
          kind="sgd", lr=0.1, decay=0.01)
optimizer("SGD, Nesterov", lambda p: torch.optim.SGD(p, 0.05, momentum=0.8, nesterov=True),
          kind="sgd", lr=0.05, momentum=0.8, nesterov=1)
optimizer("Adam", lambda p: torch.optim.Adam(p, 0.01, betas=(0.85, 0.99), eps=1e-6, weight_decay=0.1),
          kind="adam", lr=0.01, beta1=0.85, beta2=0.99, eps=1e-6, decay=0.1)
optimizer("AdamW", lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1), kind="adamw", lr=0.01, decay=0.1)
optimizer("clipped norm", lambda p: torch.optim.SGD(p, 0.1, momentum=0.9), kind="sgd", lr=0.1, clip_norm=3,
          clip=lambda p: torch.nn.utils.clip_grad_norm_(p, 3))
optimizer("clipped values", lambda p: torch.optim.SGD(p, 0.1, momentum=0.9), kind="sgd", lr=0.1, clip_value=0.4,
          clip=lambda p: torch.nn.utils.clip_grad_value_(p, 0.4))

# The moving average: torch's AveragedModel with our decays.
model = torch.nn.Linear(3, 2).double()
counts = iter(range(20))


def rule(average, current, _):
    n = next(counts) // 2  # called for each of two parameters
    decay = min(0.9, (1 + n) / (10 + n))
    return decay * average + (1 - decay) * current


average = torch.optim.swa_utils.AveragedModel(model, avg_fn=rule)
average.n_averaged += 1  # torch would copy the first time; ours begins as a copy
by_hand = model.weight.detach().clone()
for n in range(10):
    with torch.no_grad():
        for p in model.parameters():
            p += torch.randn_like(p)
    average.update_parameters(model)
    decay = min(0.9, (1 + n) / (10 + n))
    by_hand = decay * by_hand + (1 - decay) * model.weight.detach()
close("the average's rule", average.module.weight.detach().numpy(), by_hand.numpy(), 1e-12)

# The loss of mixed and smoothed labels.
n, k = 20, 7
logits, labels, others = rng.normal(size=(n, k)) * 3, rng.integers(0, k, n, np.int32), rng.integers(0, k, n, np.int32)
shares = rng.uniform(size=n)
tensor = torch.tensor(logits, requires_grad=True)
eye = torch.eye(k, dtype=torch.float64)
target = torch.tensor(shares)[:, None] * eye[labels] + torch.tensor(1 - shares)[:, None] * eye[others]
losses = torch.nn.functional.cross_entropy(tensor, target, label_smoothing=0.1, reduction="none")
losses.mean().backward()
out = np.frombuffer(driver("loss", logits, labels, others, shares, n=n, classes=k, smoothing=0.1))
close("loss of mixed labels", out[:n], losses.detach().numpy(), 1e-12)
close("its gradient", out[n:].reshape(n, k), tensor.grad.numpy(), 1e-12)

# Images. torchvision on tensors, in floating point; PIL for resampling, which rounds to bytes twice.
image = rng.integers(0, 256, (61, 83, 3)).astype(np.uint8)
image[20:40, 30:60] = [200, 30, 90]


def resized(y, x, h, w, height, width):
    out = driver("resample", image, rows=61, columns=83, channels=3, y=y, x=x, h=h, w=w, height=height, width=width)
    ours = np.frombuffer(out, np.uint8).reshape(height, width, 3).astype(int)
    crop = torch.tensor(image).permute(2, 0, 1)[:, y:y + h, x:x + w]
    theirs = F.resize(crop, [height, width], antialias=True).permute(1, 2, 0).numpy().astype(int)
    close(f"window {h}x{w} to {height}x{width}, torchvision", ours, theirs, 1)
    pil = Image.fromarray(image[y:y + h, x:x + w]).resize((width, height), Image.BILINEAR)
    close(f"window {h}x{w} to {height}x{width}, PIL", ours, np.asarray(pil).astype(int), 1)


resized(0, 0, 61, 83, 24, 32)
resized(5, 7, 40, 50, 40, 50)
resized(10, 20, 30, 41, 64, 96)
resized(3, 2, 57, 19, 7, 30)

pixels = (image / 255).astype(np.float32)
chw = torch.tensor(pixels).permute(2, 0, 1)


def coloured(what, function, **arguments):
    out = np.frombuffer(driver("colour", pixels, pixels=61 * 83, **arguments), np.float32)
    close(what, out.reshape(61, 83, 3), function(chw).permute(1, 2, 0).numpy(), 2e-6)


coloured("brightness", lambda x: F.adjust_brightness(x, 1.3), brightness=1.3)
coloured("contrast", lambda x: F.adjust_contrast(x, 0.7), contrast=0.7)
coloured("saturation", lambda x: F.adjust_saturation(x, 1.6), saturation=1.6)
coloured("hue", lambda x: F.adjust_hue(x, 0.23), hue=0.23)
coloured("hue, backwards", lambda x: F.adjust_hue(x, -0.4), hue=-0.4)
coloured("all, in another order",
         lambda x: F.adjust_brightness(F.adjust_contrast(F.adjust_hue(F.adjust_saturation(x, 0.6), 0.1), 1.2), 0.9),
         order="2310", brightness=0.9, contrast=1.2, saturation=0.6, hue=0.1)
vectors = torch.tensor([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]])
alpha = torch.tensor([0.1, -0.2, 0.05])
light = (vectors * alpha * torch.tensor([0.2175, 0.0188, 0.0045])).sum(1)
coloured("lighting", lambda x: x + light[:, None, None], alpha0=0.1, alpha1=-0.2, alpha2=0.05)

out = np.frombuffer(driver("transform", image, height=61, width=83, pad=4, dy=-3, dx=2, flip=1, top=5, bottom=20,
                           left=60, right=80), np.float32)
theirs = F.normalize(chw, [0.1, 0.2, 0.3], [0.5, 0.25, 2])
theirs = F.hflip(F.crop(F.pad(theirs, [4]), 4 - 3, 4 + 2, 61, 83))
theirs = F.erase(theirs, 5, 60, 15, 20, torch.zeros(1))
close("pad, crop, mirror, erase", out.reshape(61, 83, 3), theirs.permute(1, 2, 0).numpy(), 1e-6)

# Mixup and cutmix as torchvision's: with the batch rolled by one.
n, height, width = 5, 12, 16
batch, labels = rng.normal(size=(n, height, width, 3)).astype(np.float32), rng.integers(0, 9, n, np.int32)


def mixed(what, theirs, wanted, **arguments):
    out = driver("mix", batch, labels, n=n, height=height, width=width, **arguments)
    size = batch.nbytes
    ours = np.frombuffer(out[:size], np.float32).reshape(batch.shape)
    close(what, ours, theirs, 1e-6)
    peers.report(what + ": labels", np.array_equal(np.frombuffer(out[size:size + 4 * n], np.int32), np.roll(labels, 1))
                 and np.allclose(np.frombuffer(out[size + 4 * n:]), wanted), f"share {wanted}")


rolled = np.roll(batch, 1, 0)
mixed("mixup", 0.3 * batch + 0.7 * rolled, 0.3, share=0.3)
y, x, share = 9, 3, 0.6
half_h, half_w = int(0.5 * (1 - share) ** 0.5 * height), int(0.5 * (1 - share) ** 0.5 * width)
y1, y2, x1, x2 = max(y - half_h, 0), min(y + half_h, height), max(x - half_w, 0), min(x + half_w, width)
cut = batch.copy()
cut[:, y1:y2, x1:x2] = rolled[:, y1:y2, x1:x2]
mixed("cutmix", cut, 1 - (y2 - y1) * (x2 - x1) / (height * width), share=share, cut=1, y=y, x=x)
peers.finish()
