// Weight files made by hand, as other tools name and lay out their tensors.
#pragma once

#include <string>
#include <vector>

#include "io/weights.h"

namespace rn::test {

// A number in (0.25, 1.25) for each element of each name, so that nothing can be mistaken for
// another.
inline float value_of(const std::string& name, std::int64_t index) {
  std::uint64_t h = 1469598103934665603ULL;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  h = (h ^ static_cast<std::uint64_t>(index)) * 0x9E3779B97F4A7C15ULL;
  return 0.25F + static_cast<float>((h >> 40) & 0xffff) / 65536.0F;
}

struct Foreign : io::WeightFile {
  explicit Foreign(io::WeightFormat as = io::WeightFormat::safetensors) {
    name = "net";
    format = as;
  }
  void add(const std::string& tensor, const Shape& shape) {
    io::Weight weight{tensor, "f32", Tensor(shape, Dtype::f32, Tag::workspace)};
    for (std::int64_t i = 0; i < weight.value.size(); ++i) {
      weight.value.data<float>()[i] = value_of(tensor, i);
    }
    weights.push_back(std::move(weight));
  }
  void remove(const std::string& tensor) {
    std::erase_if(weights, [&](const io::Weight& weight) { return weight.name == tensor; });
  }
  // PyTorch's way.
  void conv(const std::string& layer, std::int64_t out, std::int64_t in, std::int64_t kernel) {
    add(layer + ".weight", {out, in, kernel, kernel});
  }
  void norm(const std::string& layer, std::int64_t channels) {
    for (const char* slot : {".weight", ".bias", ".running_mean", ".running_var"}) {
      add(layer + slot, {channels});
    }
    weights.push_back(
        {layer + ".num_batches_tracked", "i64", Tensor::zeros({}, Dtype::i64, Tag::workspace)});
  }
  void linear(const std::string& layer, std::int64_t classes, std::int64_t features) {
    add(layer + ".weight", {classes, features});
    add(layer + ".bias", {classes});
  }
  // Keras' way.
  void keras_conv(const std::string& layer, std::int64_t out, std::int64_t in,
                  std::int64_t kernel) {
    add(layer + "/kernel", {kernel, kernel, in, out});
    add(layer + "/bias", {out});
  }
  void keras_norm(const std::string& layer, std::int64_t channels) {
    for (const char* slot : {"/gamma", "/beta", "/moving_mean", "/moving_variance"}) {
      add(layer + slot, {channels});
    }
  }
  void keras_dense(const std::string& layer, std::int64_t classes, std::int64_t features) {
    add(layer + "/kernel", {features, classes});
    add(layer + "/bias", {classes});
  }
};

struct TorchForm {
  std::vector<int> counts;
  bool bottleneck = false;
  std::int64_t base = 16;
  int stem = 3;
  bool pre = false;
  std::string shortcut = "downsample";  // empty: none has weights
  std::string head = "fc";
  std::int64_t classes = 10;
};

// conv1, bn1, layerS.I.*, head, as torchvision and its followers have them.
inline Foreign torch_resnet(const TorchForm& form) {
  Foreign file;
  file.conv("conv1", form.base, 3, form.stem);
  if (!form.pre) file.norm("bn1", form.base);
  std::int64_t in = form.base;
  for (std::size_t s = 0; s < form.counts.size(); ++s) {
    const std::int64_t width = form.base << s, out = form.bottleneck ? 4 * width : width;
    for (int i = 0; i < form.counts[s]; ++i) {
      const std::string at = "layer" + std::to_string(s + 1) + "." + std::to_string(i) + ".";
      const std::vector<std::int64_t> widths =
          form.bottleneck ? std::vector<std::int64_t>{in, width, width, out}
                          : std::vector<std::int64_t>{in, out, out};
      for (std::size_t k = 1; k < widths.size(); ++k) {
        const std::string number = std::to_string(k);
        file.conv(at + "conv" + number, widths[k], widths[k - 1],
                  form.bottleneck && k != 2 ? 1 : 3);
        file.norm(at + "bn" + number, form.pre ? widths[k - 1] : widths[k]);
      }
      if (in != out && !form.shortcut.empty()) {
        file.conv(at + form.shortcut + ".0", out, in, 1);
        if (!form.pre) file.norm(at + form.shortcut + ".1", out);
      }
      in = out;
    }
  }
  if (form.pre) file.norm("bn", in);
  file.linear(form.head, form.classes, in);
  return file;
}

}  // namespace rn::test
