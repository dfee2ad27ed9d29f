// How training images are varied. What happens to an image is a function of (seed, epoch, sample),
// what is mixed with it of (seed, epoch, batch): nothing depends on threads or on where a run
// began.
#pragma once

namespace rn::data {

struct Augment {
  // Zero padding of the normalised image (padded pixels are 0 after normalisation, as in the usual
  // CIFAR recipe), then a random crop of the old size.
  int pad = 0;
  bool flip = false;  // horizontal, with probability 1/2

  // A window of random area (a share of the image's) and aspect ratio, brought to the image's size
  // (Szegedy et al. 2015; torchvision's RandomResizedCrop). area_low = 0: none.
  double area_low = 0, area_high = 1;
  double ratio_low = 3.0 / 4, ratio_high = 4.0 / 3;

  // Factors from [1 - x, 1 + x] for brightness, contrast and saturation, in random order; the hue
  // turned by up to x of a full turn (torchvision's ColorJitter). Colour images only.
  double brightness = 0, contrast = 0, saturation = 0, hue = 0;
  // Noise along the principal axes of ImageNet's colours (Krizhevsky et al. 2012), times this.
  double lighting = 0;

  // After normalisation, set to 0: a square of this side around a random pixel (DeVries and Taylor
  // 2017); with this probability, a rectangle of 2 to 33 % of the image (Zhong et al. 2017).
  int cutout = 0;
  double erase = 0;

  // Images are mixed with the one before in their batch, by a share drawn from Beta(x, x) for the
  // batch: all of them (Zhang et al. 2018), or a rectangle cut out (Yun et al. 2019). With both, a
  // coin decides for the batch. 0: none.
  double mixup = 0, cutmix = 0;

  bool colours() const {
    return brightness > 0 || contrast > 0 || saturation > 0 || hue > 0 || lighting > 0;
  }
  bool mixes() const { return mixup > 0 || cutmix > 0; }
};

}  // namespace rn::data
