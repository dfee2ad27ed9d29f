// A small model file to look at, to change and to damage.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>

#include "io/file.h"
#include "io/schema.h"
#include "models/catalog.h"
#include "support/catch.h"
#include "train/model_file.h"

namespace rn::test {

using train::ModelFile;

inline models::NetworkSpec small_spec() {
  models::NetworkSpec spec = models::make_arch("resnet20-cifar");
  spec.arch = "small";
  spec.height = spec.width = 8;
  spec.classes = 3;
  spec.blocks.erase(spec.blocks.begin() + 4, spec.blocks.end());  // three of 16 channels, one of 32
  return spec;
}

inline models::Network small_network(Dtype dtype = Dtype::f32) {
  models::Network network(small_spec(), dtype);
  network.initialize(7);
  double x = 0.1;
  for (const auto& state : network.store().states()) {
    with_float(wide(dtype), "test", [&]<class T>() {
      for (T& v : state->value.span<T>()) v = static_cast<T>(x += 0.01);
    });
  }
  return network;
}

inline ModelFile small_file(const models::Network& network) {
  ModelFile file;
  file.normalization.mean = {0.5, 0.25, 0.125};
  file.normalization.stddev = {0.2, 0.3, 0.4};
  file.normalization.mean_image = Tensor::zeros({8, 8, 3}, Dtype::f32, Tag::input);
  file.normalization.mean_image.data<float>()[5] = 0.75F;
  file.class_names = {"cat", "dog", "ship"};
  file.data_uri = "cifar10:/some/where";
  file.data_digest = "abc";
  file.lanes = 8;
  file.curves.epoch = {1, 2};
  file.curves.train_loss = {1.5, 1.25};
  file.curves.val_error = {std::numeric_limits<double>::quiet_NaN(), 40.5};
  train::TrainingState state;
  state.epoch = 2;
  state.step_in_epoch = 3;
  state.step = 103;
  state.seed = 0xfedcba9876543210ULL;
  state.batch = 128;
  state.precision = network.dtype();
  state.complete = true;
  state.source_images = 50000;
  state.val_images = 5000;
  state.loss_sum = 0.1 + 0.2;
  state.errors = 17;
  state.images = 384;
  state.log_bytes = 999;
  state.recipe = "arch = \"small\"\nepochs = 3\n";
  float x = 0;
  for (const auto& parameter : network.store().parameters()) {
    Tensor slot(parameter->value.shape(), parameter->value.dtype(), Tag::optimizer);
    with_float(slot.dtype(), "test", [&]<class T>() {
      for (T& v : slot.span<T>()) v = static_cast<T>(x += 0.5F);
    });
    state.slots["momentum"].emplace(parameter->name, slot);
  }
  file.training = std::move(state);
  file.norm_batches = {{"stem.bn", 5}, {"stage1.block2.bn1", 78200}};
  file.provenance = io::start_provenance("resnet-train", "resnet-train -o m.h5");
  return file;
}

inline io::Bytes small_bytes() {
  const models::Network network = small_network();
  return train::save_model(network, small_file(network), false);
}

inline train::LoadedModel load(io::Bytes bytes, std::optional<Dtype> dtype = {}) {
  return train::load_model(io::H5::open_image(std::move(bytes), "m.h5"), dtype);
}

inline bool same(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

// A copy of a file, without the data sets ("path") and attributes ("path@name") listed.
class Copy {
 public:
  Copy(const io::H5& from, std::vector<std::string> without)
      : file(io::H5::create()), from_(from), without_(std::move(without)) {
    group("");
  }
  io::H5 file;

 private:
  bool left_out(const std::string& path) const {
    return std::find(without_.begin(), without_.end(), path) != without_.end();
  }
  void attributes(const std::string& path) {
    const std::string at = path.empty() ? "/" : path;
    for (const std::string& name : from_.attributes(at)) {
      if (left_out(at + "@" + name)) continue;
      try {
        file.set(at, name, from_.get_string(at, name));
      } catch (const Error&) {
        try {
          file.set(at, name, from_.get_int(at, name));
        } catch (const Error&) {
          file.set(at, name, from_.get_double(at, name));
        }
      }
    }
  }
  void group(const std::string& path) {
    attributes(path);
    for (const std::string& name : from_.list(path.empty() ? "/" : path)) {
      const std::string child = path.empty() ? name : path + "/" + name;
      if (left_out(child)) continue;
      try {
        from_.list(child);
      } catch (const Error&) {
        dataset(child);
        continue;
      }
      group(child);
    }
  }
  void dataset(const std::string& path) {
    try {
      file.write(path, from_.read(path, Tag::workspace));
    } catch (const Error&) {
      file.write_column(path, from_.read_strings(path));
    }
    attributes(path);
  }

  const io::H5& from_;
  std::vector<std::string> without_;
};

using Edit = std::function<void(io::H5&)>;

inline io::Bytes edited(std::vector<std::string> without, const Edit& edit) {
  const io::H5 good = io::H5::open_image(small_bytes(), "good");
  Copy copy(good, std::move(without));
  if (edit) edit(copy.file);
  return copy.file.image();
}

inline std::string refusal(io::Bytes bytes) {
  try {
    load(std::move(bytes));
  } catch (const Error& error) {
    INFO(error.what());
    CHECK(error.kind() == ErrorKind::input);
    const std::string message = error.what();
    CHECK(message.find('\n') == std::string::npos);
    CHECK(message.find("m.h5") == 0);
    return message;
  }
  return "(accepted)";
}

inline void says(const std::string& message, const std::string& text) {
  INFO(message << "\nshould say: " << text);
  CHECK(message.find(text) != std::string::npos);
}

inline std::vector<double> same_column(double value) { return std::vector<double>(4, value); }
inline std::vector<std::int64_t> column(std::int64_t value) {
  return std::vector<std::int64_t>(4, value);
}

}  // namespace rn::test
