"""Small networks as Keras users write them: the CIFAR example of Keras (v1, v2) and the tiny
ResNet-8 of MLPerf Tiny, from their descriptions."""
import keras
from keras import layers


def unit(x, filters, kernel=3, strides=1, relu=True, norm=True, conv_first=True):
    conv = layers.Conv2D(filters, kernel, strides=strides, padding="same")
    if conv_first:
        x = conv(x)
    if norm:
        x = layers.BatchNormalization()(x)
    if relu:
        x = layers.Activation("relu")(x)
    return x if conv_first else conv(x)


def classifier(inputs, x, side, classes):
    x = layers.Flatten()(layers.AveragePooling2D(pool_size=side)(x))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def cifar_v1(blocks=1, classes=10, size=32):
    """Post-activation, 3 stages of basic blocks; bare 1x1 projections."""
    inputs = keras.Input((size, size, 3))
    x = unit(inputs, 16)
    for stage in range(3):
        for block in range(blocks):
            first = stage > 0 and block == 0
            strides = 2 if first else 1
            y = unit(x, 16 << stage, strides=strides)
            y = unit(y, 16 << stage, relu=False)
            if first:
                x = unit(x, 16 << stage, 1, strides, relu=False, norm=False)
            x = layers.Activation("relu")(layers.add([x, y]))
    return classifier(inputs, x, size // 4, classes)


def cifar_v2(blocks=1, classes=10, size=32):
    """Pre-activation bottlenecks of 3 stages."""
    inputs = keras.Input((size, size, 3))
    x = unit(inputs, 16)
    width = 16
    for stage in range(3):
        out = width * (4 if stage == 0 else 2)
        for block in range(blocks):
            begin = stage == 0 and block == 0
            strides = 2 if stage > 0 and block == 0 else 1
            y = unit(x, width, 1, strides, relu=not begin, norm=not begin, conv_first=False)
            y = unit(y, width, conv_first=False)
            y = unit(y, out, 1, conv_first=False)
            if block == 0:
                x = unit(x, out, 1, strides, relu=False, norm=False)
            x = layers.add([x, y])
        width = out
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    return classifier(inputs, x, size // 4, classes)


def mlperf_tiny(classes=10):
    """ResNet-8: as cifar_v1 with one block a stage, the shortcut made after the branch."""
    return cifar_v1(1, classes)
