"""Random Keras networks through resnet-convert: outputs, and the way back."""
import os
import sys

sys.path.insert(0, sys.argv[1])
import peers

os.environ.setdefault("KERAS_BACKEND", "torch")
peers.missing(["keras", "torch"])
import keras
import numpy as np

import keras_models

keras.utils.set_random_seed(1)
rng = np.random.default_rng(2)


def randomise(model):
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            n = layer.gamma.shape[0]
            ranges = [(0.5, 1.5), (-0.2, 0.2), (-0.2, 0.2), (0.5, 2.0)]
            layer.set_weights([rng.uniform(a, b, n).astype("float32") for a, b in ranges])
        elif layer.weights:
            layer.set_weights([w if w.ndim > 1 else rng.uniform(-0.1, 0.1, w.shape).astype("float32")
                               for w in layer.get_weights()])
    return model


def outputs(model, x):
    """Before the softmax."""
    head = model.layers[-1]
    kept, head.activation = head.activation, keras.activations.linear
    y = keras.ops.convert_to_numpy(model(x, training=False))
    head.activation = kept
    return y


def check(name, make, prepare, data, pixels, *options):
    model = randomise(make())
    wanted = outputs(model, prepare(pixels.astype("float32")))
    model.save("whole.h5")
    model.save("whole.keras")
    model.save_weights("k3.weights.h5")
    import h5py

    with h5py.File("weights.h5", "w") as f:
        keras.src.legacy.saving.legacy_h5_format.save_weights_to_hdf5_group(f, model)
    for file in ["whole.h5", "whole.keras", "k3.weights.h5", "weights.h5"]:
        peers.tool("resnet-convert", file, "-o", "m.h5", "--force", *options)
        peers.compare(f"Keras {name}, {file}", peers.logits("m.h5", data), wanted)
    peers.tool("resnet-convert", "m.h5", "-o", "back.h5", "--to", "keras", "--force")
    for how in [{}, {"by_name": True}]:
        keras.backend.clear_session()
        fresh = make()
        fresh.load_weights("back.h5", **how)
        pairs = zip(model.get_weights(), fresh.get_weights(), strict=True)
        peers.same(f"Keras {name}, there and back {how or 'by order'}",
                   ((str(i), a, b) for i, (a, b) in enumerate(pairs)))
    keras.backend.clear_session()


large = peers.images("large.h5", 224, 1000, 3)
small = peers.images("small.h5", 32, 10, 8)
apps = keras.applications
check("ResNet50", lambda: apps.ResNet50(weights=None), apps.resnet.preprocess_input, "h5:large.h5",
      large)
check("ResNet50V2", lambda: apps.ResNet50V2(weights=None), apps.resnet_v2.preprocess_input,
      "h5:large.h5", large)
for name, make in [("CIFAR v1", lambda: keras_models.cifar_v1(3)),
                   ("CIFAR v2", lambda: keras_models.cifar_v2(2)),
                   ("MLPerf Tiny", keras_models.mlperf_tiny)]:
    check(name, make, lambda x: x / 255, "h5:small.h5", small, "--normalize", "none")
peers.finish()
