// Where the values of a stream come from: drawn, or an image network's.
#include <map>

#include "base/error.h"
#include "models/st_resnet.h"

namespace rn::models {
namespace {

// Taps of the temporal convolutions of a table, by the names of their weights.
std::map<std::string, std::int64_t> temporal_weights(const NetworkSpec& spec) {
  std::map<std::string, std::int64_t> taps;
  for (const nn::BlockSpec& block : spec.blocks) {
    if (block.temporal == 1) continue;
    const char* second = block.kind == nn::BlockKind::basic ? ".conv2.weight" : ".conv3.weight";
    for (const char* conv : {".conv1.weight", second}) taps[block.name + conv] = block.temporal;
  }
  return taps;
}

std::string base_name(const nn::Store& store, const std::string& name) {
  return name.substr(store.prefix().size());
}

// Weights [O, KH, KW, K*I] from those of images [O, KH, KW, I], each tap a share of 1 / K.
Tensor inflated(const Tensor& weights, std::int64_t taps) {
  Shape shape = weights.shape();
  const std::int64_t in = shape[3];
  shape[3] *= taps;
  Tensor out(shape, weights.dtype(), Tag::workspace);
  with_float(weights.dtype(), "inflate", [&]<class T>() {
    const T* from = weights.data<T>();
    T* to = out.data<T>();
    for (std::int64_t i = 0; i < out.size(); ++i) {
      to[i] = from[i / (taps * in) * in + i % in] / static_cast<T>(taps);
    }
  });
  return out;
}

// The middle tap alone, [O, KH, KW, I].
Tensor middle_tap(const Tensor& weights, std::int64_t taps) {
  Shape shape = weights.shape();
  const std::int64_t in = shape[3] /= taps;
  Tensor out(shape, weights.dtype(), Tag::workspace);
  with_float(weights.dtype(), "middle_tap", [&]<class T>() {
    const T* from = weights.data<T>();
    T* to = out.data<T>();
    for (std::int64_t i = 0; i < out.size(); ++i) {
      to[i] = from[(i / in * taps + taps / 2) * in + i % in];
    }
  });
  return out;
}

// Weights of other input channels: at each of them the mean over the given ones.
Tensor mean_over_channels(const Tensor& weights, std::int64_t channels) {
  Shape shape = weights.shape();
  const std::int64_t in = shape[3];
  shape[3] = channels;
  Tensor out(shape, weights.dtype(), Tag::workspace);
  with_float(weights.dtype(), "mean_over_channels", [&]<class T>() {
    const T* from = weights.data<T>();
    T* to = out.data<T>();
    for (std::int64_t i = 0; i < out.size(); i += channels, from += in) {
      double sum = 0;
      for (std::int64_t c = 0; c < in; ++c) sum += static_cast<double>(from[c]);
      for (std::int64_t c = 0; c < channels; ++c) {
        to[i + c] = static_cast<T>(sum / static_cast<double>(in));
      }
    }
  });
  return out;
}

void demand_alike(const NetworkSpec& image, const NetworkSpec& stream) {
  const auto differ = [&](const std::string& what) {
    fail(ErrorKind::input,
         "network '{}' cannot begin as '{}': {}; make the stream of the table that the images were "
         "trained with",
         stream.arch, image.arch, what);
  };
  if (image.blocks.size() != stream.blocks.size()) {
    differ(
        fmt::format("it has {} blocks, the other {}", stream.blocks.size(), image.blocks.size()));
  }
  for (std::size_t i = 0; i < image.blocks.size(); ++i) {
    nn::BlockSpec block = stream.blocks[i];
    block.temporal = image.blocks[i].temporal;
    block.bn_momentum = image.blocks[i].bn_momentum;  // of training, not of what it computes
    if (block != image.blocks[i]) differ(fmt::format("block '{}' differs", block.name));
  }
  if (image.stem != stream.stem) differ("the first layer differs");
  if (image.head.norm_relu != stream.head.norm_relu) differ("the head differs");
  if (image.bn_eps != stream.bn_eps) differ("bn_eps differs");
}

}  // namespace

void average_taps(Network& stream) {
  const auto taps = temporal_weights(stream.spec());
  for (const auto& parameter : stream.store().parameters()) {
    const auto found = taps.find(base_name(stream.store(), parameter->name));
    if (found == taps.end()) continue;
    const Tensor weights = parameter->value.on(cpu);
    parameter->value.copy_from(inflated(middle_tap(weights, found->second), found->second));
  }
}

std::vector<std::string> take_image_network(const Network& image, Network& stream) {
  demand_alike(image.spec(), stream.spec());
  const auto taps = temporal_weights(stream.spec()), image_taps = temporal_weights(image.spec());
  require(image_taps.empty() || image_taps == taps, "take_image_network: other temporal extents");
  const bool new_head = image.spec().classes != stream.spec().classes;
  std::map<std::string, Tensor> values;
  for (const auto& p : image.store().parameters()) {
    values[base_name(image.store(), p->name)] = p->value;
  }
  for (const auto& s : image.store().states()) values[base_name(image.store(), s->name)] = s->value;

  std::vector<std::string> changed;
  const auto take = [&](const std::string& full, const Tensor& to) {
    const std::string name = base_name(stream.store(), full);
    if (new_head && name.starts_with("head.linear.")) return changed.push_back(full);
    Tensor from = values.at(name).on(cpu);
    if (const auto found = taps.find(name); found != taps.end() && image_taps.empty()) {
      from = inflated(from, found->second);
      changed.push_back(full);
    } else if (name == "stem.conv.weight" && from.dim(3) != to.dim(3)) {
      from = mean_over_channels(from, to.dim(3));
      changed.push_back(full);
    }
    to.copy_from(from.dtype() == to.dtype() ? from : from.cast(to.dtype(), to.tag()));
  };
  for (const auto& p : stream.store().parameters()) take(p->name, p->value);
  for (const auto& s : stream.store().states()) take(s->name, s->value);
  return changed;
}

}  // namespace rn::models
