// Options about how training images are varied: those of resnet-train and of resnet-data --montage.
#pragma once

#include <string>
#include <vector>

#include "cli/run_tool.h"
#include "data/augmentation.h"

namespace rn::tools {

struct AugmentTool {
  std::vector<double> area, ratio{0.75, 4.0 / 3}, jitter;
};

inline void bind_augment(CLI::App& app, data::Augment& a, AugmentTool& o) {
  using cli::real;
  using cli::whole;
  app.add_option("--pad", a.pad, "Augment: pad by N zeros on all sides, and crop at random")
      ->type_name("INT")
      ->check(whole(0, 4096));
  app.add_flag("--flip,!--no-flip", a.flip, "Augment: mirror half of the images, drawn at random");
  app.add_option("--random-crop", o.area,
                 "Augment: a window of LOW to HIGH of the image's area, such as 0.08,1, resized")
      ->type_name("FLOAT,FLOAT")
      ->delimiter(',')
      ->expected(2)
      ->check(real(1e-4, 1));
  app.add_option("--crop-ratio", o.ratio, "Lowest and highest width / height of that window")
      ->type_name("FLOAT,FLOAT")
      ->delimiter(',')
      ->expected(2)
      ->check(real(0.01, 100));
  app.add_option("--jitter", o.jitter,
                 "Augment: strengths of brightness, contrast, saturation (0 to 1) and hue (to 0.5)")
      ->type_name("FLOAT,...")
      ->delimiter(',')
      ->expected(4)
      ->check(real(0, 1));
  app.add_option("--lighting", a.lighting,
                 "Augment: noise along ImageNet's colour axes, of this deviation (0.1)")
      ->type_name("FLOAT")
      ->check(real(0, 10));
  app.add_option("--cutout", a.cutout, "Augment: blank a square of N pixels at a random place")
      ->type_name("INT")
      ->check(whole(0, 8192));
  app.add_option("--random-erase", a.erase,
                 "Augment: with this probability, blank a rectangle of 2 to 33 % of the image")
      ->type_name("FLOAT")
      ->check(real(0, 1));
  app.add_option("--mixup", a.mixup,
                 "Augment: blend pairs of images and labels, by a share from Beta(A, A); 0: not")
      ->type_name("FLOAT")
      ->check(real(0, 100));
  app.add_option("--cutmix", a.cutmix,
                 "Augment: put a rectangle of another image in, by a share from Beta(A, A); 0: not")
      ->type_name("FLOAT")
      ->check(real(0, 100));
}

// Errors: usage.
inline void apply_augment(const AugmentTool& o, data::Augment& a) {
  if (!o.area.empty()) {
    if (o.area[0] > o.area[1]) {
      fail(ErrorKind::usage, "--random-crop {},{}: the first must be the lower", o.area[0],
           o.area[1]);
    }
    a.area_low = o.area[0];
    a.area_high = o.area[1];
  }
  if (o.ratio[0] > o.ratio[1]) {
    fail(ErrorKind::usage, "--crop-ratio {},{}: the first must be the lower", o.ratio[0],
         o.ratio[1]);
  }
  a.ratio_low = o.ratio[0];
  a.ratio_high = o.ratio[1];
  if (o.jitter.empty()) return;
  if (o.jitter[3] > 0.5) {
    fail(ErrorKind::usage, "--jitter: a hue of {}: 0.5 is half a turn, and all there is",
         o.jitter[3]);
  }
  a.brightness = o.jitter[0];
  a.contrast = o.jitter[1];
  a.saturation = o.jitter[2];
  a.hue = o.jitter[3];
}

}  // namespace rn::tools
