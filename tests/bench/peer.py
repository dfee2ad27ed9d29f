"""The networks of the benchmark in plain PyTorch: CIFAR ResNets, post- and pre-activation, and ResNet-50."""
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride, pre, first):
        super().__init__()
        self.pre, self.shared = pre, pre and first
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inputs if pre else outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.more = stride, outputs - inputs

    def shortcut(self, x):
        if self.stride > 1 or self.more:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return x

    def forward(self, x):
        if self.pre:
            y = F.relu(self.bn1(x))
            x = self.shortcut(y if self.shared else x)
            return x + self.conv2(F.relu(self.bn2(self.conv1(y))))
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


class CifarResNet(nn.Module):
    def __init__(self, depth, pre):
        super().__init__()
        self.pre = pre
        self.conv = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(64 if pre else 16)
        blocks, inputs = [], 16
        for stage, width in enumerate((16, 32, 64)):
            for k in range((depth - 2) // 6):
                blocks.append(Block(inputs, width, 2 if stage and not k else 1, pre, k == 0))
                inputs = width
        self.blocks, self.linear = nn.Sequential(*blocks), nn.Linear(64, 10)

    def forward(self, x):
        x = self.conv(x)
        x = F.relu(self.bn(self.blocks(x))) if self.pre else self.blocks(F.relu(self.bn(x)))
        return self.linear(x.mean((2, 3)))


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        outputs = 4 * width
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.down = None
        if stride > 1 or inputs != outputs:
            self.down = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                                      nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + (self.down(x) if self.down else x))


class ResNet50(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        blocks, inputs = [], 64
        for stage, (width, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
            for k in range(count):
                blocks.append(Bottleneck(inputs, width, 2 if stage and not k else 1))
                inputs = 4 * width
        self.blocks, self.linear = nn.Sequential(*blocks), nn.Linear(2048, 1000)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn(self.conv(x))), 3, 2, 1)
        return self.linear(self.blocks(x).mean((2, 3)))


def network(arch):
    """The network of that name, the size of its images, and its number of classes."""
    if arch == "resnet50":
        return ResNet50(), 224, 1000
    pre = arch.startswith("pre")
    depth = int(arch.removeprefix("pre").removeprefix("resnet").removesuffix("-cifar"))
    return CifarResNet(depth, pre), 32, 10


class Peer:
    """One way to run it: eager or compiled, in one memory layout, in one precision, on one device."""

    def __init__(self, arch, batch, channels_last, compiled, bf16, device="cpu", mode=None):
        model, size, classes = network(arch)
        self.name = ("compiled" if compiled else "eager") + (", nhwc" if channels_last else ", nchw")
        self.device = torch.device(device)
        model = model.to(self.device)
        self.x = torch.randn(batch, 3, size, size, device=self.device)
        self.y = torch.randint(0, classes, (batch,), device=self.device)
        if channels_last:
            model = model.to(memory_format=torch.channels_last)
            self.x = self.x.contiguous(memory_format=torch.channels_last)
        self.sgd = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
        self.model = torch.compile(model, mode=mode) if compiled else model
        self.cast = torch.autocast(self.device.type, torch.bfloat16, enabled=bf16)

    def train(self):
        self.model.train()
        self.sgd.zero_grad()
        with self.cast:
            loss = F.cross_entropy(self.model(self.x), self.y)
        loss.backward()
        self.sgd.step()

    def evaluate(self):
        self.model.eval()
        with torch.inference_mode(), self.cast:
            self.model(self.x)

    def wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def rate(self, what, steps, warm=1):
        """Images per second: the median over the steps, after some that warm up."""
        work = self.train if what == "train" else self.evaluate
        for _ in range(warm):
            work()
        self.wait()
        times = []
        for _ in range(steps):
            start = time.perf_counter()
            work()
            self.wait()
            times.append(time.perf_counter() - start)
        return len(self.x) / statistics.median(times)
