"""Memory of MemCNN's revnets and resnets in training, beside revnet-memprof (docs/benchmarks/memory.md).

Each network runs in a process of its own: one training step (forward, backward, no optimizer) under torch.profiler,
whose allocations are added up for their peak; and the growth of resident memory over that step.

    python tests/bench/memcnn_memory.py [--batch 100] [--units 3,9,27]
"""
import argparse
import multiprocessing
import re
import warnings

warnings.filterwarnings("ignore")


def resident(name):
    with open("/proc/self/status") as status:
        return int(re.search(rf"{name}:\s+(\d+) kB", status.read()).group(1)) * 1024


def network(kind, units):
    from memcnn.models.resnet import BasicBlock, ResNet, RevBasicBlock

    block, widths = {"revnet": (RevBasicBlock, [32, 32, 64, 112]), "resnet": (BasicBlock, [16, 16, 32, 64])}[kind]
    return ResNet(
        block=block, layers=[units] * 3, channels_per_layer=widths, strides=[1, 1, 2, 2], init_max_pool=False,
        init_kernel_size=3, batch_norm_fix=False, num_classes=10)


def peak_of_step(model, images, labels):
    import torch
    from torch.profiler import ProfilerActivity, profile

    def step():
        model.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(model(images), labels).backward()

    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")
    before = resident("VmRSS")
    step()
    growth = resident("VmHWM") - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        model.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(model(images), labels).backward()
    live = peak = 0
    memory = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    for event in sorted(memory, key=lambda e: e.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    return peak, growth


def run(kind, units, batch, threads, queue):
    import torch

    torch.manual_seed(1)
    torch.set_num_threads(threads)
    model = network(kind, units).train()
    # Its reversible blocks free their input, which torch of today refuses where a ReLU made it: a copy is freed instead.
    model.relu.register_forward_hook(lambda module, inputs, output: output.clone())
    images, labels = torch.randn(batch, 3, 32, 32), torch.randint(0, 10, (batch,))
    parameters = sum(p.numel() for p in model.parameters())
    queue.put((parameters, *peak_of_step(model, images, labels)))


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--batch", type=int, default=100)
    options.add_argument("--units", default="3,9,27")
    options.add_argument("--threads", type=int, default=2)
    o = options.parse_args()
    print("network\tunits\tparameters\tprofiler_peak_MiB\trss_growth_MiB")
    context = multiprocessing.get_context("spawn")
    for kind in ("revnet", "resnet"):
        for units in map(int, o.units.split(",")):
            queue = context.Queue()
            process = context.Process(target=run, args=(kind, units, o.batch, o.threads, queue))
            process.start()
            process.join()
            if process.exitcode != 0:
                raise SystemExit(f"memcnn {kind} of {units} units failed")
            parameters, peak, growth = queue.get()
            print(f"memcnn {kind}\t{units}\t{parameters}\t{peak / 2**20:.1f}\t{growth / 2**20:.1f}", flush=True)


if __name__ == "__main__":
    main()
