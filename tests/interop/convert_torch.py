"""Random torchvision and timm networks through resnet-convert: outputs, and the way back."""
import sys

sys.path.insert(0, sys.argv[1])
import peers

peers.missing(["torch", "torchvision", "timm", "safetensors"])
import numpy as np
import safetensors.torch
import timm
import torch
import torchvision

torch.manual_seed(1)


def randomise(model):
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    return model.eval()


def outputs(model, pixels):
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    with torch.no_grad():
        return model((x - mean) / std).numpy()


pixels = peers.images("data.h5", 224, 1000)
for name in ["resnet18", "resnet50"]:
    model = randomise(getattr(torchvision.models, name)(weights=None))
    wanted = outputs(model, pixels)
    torch.save(model.state_dict(), "zip.pth")
    torch.save(model.state_dict(), "old.pth", _use_new_zipfile_serialization=False)
    for file in ["zip.pth", "old.pth"]:
        peers.tool("resnet-convert", file, "-o", "m.h5", "--force")
        peers.compare(f"torchvision {name}, {file}", peers.logits("m.h5", "h5:data.h5"), wanted)
    peers.tool("resnet-convert", "m.h5", "-o", "back.safetensors", "--force")
    back = safetensors.torch.load_file("back.safetensors")
    fresh = getattr(torchvision.models, name)(weights=None)
    fresh.load_state_dict(back, strict=True)
    state = model.state_dict()
    peers.same(
        f"torchvision {name}, there and back",
        ((key, back[key].numpy(), value.numpy()) for key, value in state.items()),
    )

    model = randomise(timm.create_model(name, pretrained=False))
    safetensors.torch.save_file(model.state_dict(), "timm.safetensors")
    peers.tool("resnet-convert", "timm.safetensors", "-o", "m.h5", "--force")
    peers.compare(f"timm {name}", peers.logits("m.h5", "h5:data.h5"), outputs(model, pixels))
    if name == "resnet18":
        half = {key: value.half() if value.is_floating_point() else value
                for key, value in model.state_dict().items()}
        model.load_state_dict({key: value.float() if value.is_floating_point() else value
                               for key, value in half.items()})
        torch.save({"epoch": 3, "state_dict": {"module." + k: v for k, v in half.items()}}, "h.pt")
        peers.tool("resnet-convert", "h.pt", "-o", "m.h5", "--force")
        peers.compare("half precision in a checkpoint", peers.logits("m.h5", "h5:data.h5"),
                      outputs(model, pixels))
peers.finish()
