#include "fuzz/h5_images.h"

#include <vector>

#include "data/import.h"
#include "io/keras_file.h"
#include "io/schema.h"
#include "models/catalog.h"
#include "study/lesion_result.h"
#include "train/model_file.h"

namespace rn::fuzz {
namespace {

void copy_attributes(hid_t from, hid_t to) {
  const hsize_t count = count_attributes(from);
  for (hsize_t i = 0; i < count; ++i) {
    const hid_t opened =
        H5Aopen_by_idx(from, ".", H5_INDEX_NAME, H5_ITER_INC, i, H5P_DEFAULT, H5P_DEFAULT);
    char name[256] = {};
    H5Aget_name(opened, sizeof name, name);
    const hid_t type = H5Aget_type(opened), space = H5Aget_space(opened);
    std::vector<char> value(H5Aget_storage_size(opened) + 1);
    H5Aread(opened, type, value.data());
    const hid_t made = H5Acreate2(to, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(made, type, value.data());
    H5Aclose(made), H5Sclose(space), H5Tclose(type), H5Aclose(opened);
  }
}

// Of images made here: groups and data sets of fixed-size elements.
void copy_group(hid_t from, hid_t to) {
  copy_attributes(from, to);
  H5G_info_t info;
  H5Gget_info(from, &info);
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    char name[256] = {};
    H5Lget_name_by_idx(from, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name, H5P_DEFAULT);
    const hid_t object = H5Oopen(from, name, H5P_DEFAULT);
    if (H5Iget_type(object) == H5I_GROUP) {
      const hid_t made = H5Gcreate2(to, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      copy_group(object, made);
      H5Gclose(made);
    } else {
      const hid_t type = H5Dget_type(object), space = H5Dget_space(object);
      const hid_t made = H5Dcreate2(to, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      std::vector<char> value(H5Dget_storage_size(object) + 1);
      H5Dread(object, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value.data());
      H5Dwrite(made, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value.data());
      copy_attributes(object, made);
      H5Dclose(made), H5Sclose(space), H5Tclose(type);
    }
    H5Oclose(object);
  }
}

}  // namespace

models::NetworkSpec small_network(std::size_t blocks) {
  models::NetworkSpec spec = models::make_arch("resnet20-cifar");
  spec.arch = "small";
  spec.height = spec.width = 8;
  spec.classes = 3;
  spec.blocks.erase(spec.blocks.begin() + static_cast<std::ptrdiff_t>(blocks), spec.blocks.end());
  return spec;
}

io::Bytes in_old_layout(const io::Bytes& image) {
  const File from(image), to({});
  const hid_t source = H5Gopen2(from.id, "/", H5P_DEFAULT),
              target = H5Gopen2(to.id, "/", H5P_DEFAULT);
  copy_group(source, target);
  H5Gclose(target), H5Gclose(source);
  return to.image();
}

io::Bytes model_image() {
  const models::NetworkSpec spec = small_network(1);
  models::Network network(spec, Dtype::f32);
  network.initialize(7);
  train::ModelFile file;
  file.normalization.mean = {0.5, 0.25, 0.125};
  file.normalization.stddev = {0.2, 0.3, 0.4};
  file.class_names = {"cat", "dog", "ship"};
  file.data_uri = "synth:shapes";
  file.curves.epoch = {1, 2};
  file.curves.train_loss = {1.5, 1.25};
  train::TrainingState state;
  state.epoch = 1;
  state.batch = 128;
  file.training = state;
  return train::save_model(network, file, false);
}

io::Bytes keras_image(bool numbered) {
  const auto ramp = [](const Shape& shape) {
    return Tensor::zeros(shape, Dtype::f32, Tag::parameter);
  };
  if (!numbered) {
    std::vector<io::KerasLayer> layers(2);
    layers[0] = {"conv1", {}};
    layers[0].weights.push_back({"kernel", "f32", ramp({3, 3, 1, 2})});
    layers[0].weights.push_back({"bias", "f32", ramp({2})});
    layers[1] = {"bn", {}};
    for (const char* name : {"gamma", "beta", "moving_mean", "moving_variance"}) {
      layers[1].weights.push_back({name, "f32", ramp({2})});
    }
    return io::write_keras(layers, "{}").image();
  }
  io::H5 file = io::H5::create();
  for (const char* layer : {"conv2d", "batch_normalization", "functional/layers/dense"}) {
    const std::string vars = "layers/" + std::string(layer) + "/vars";
    for (const char* index : {"0", "1"}) file.write(vars + "/" + index, ramp({2, 2}));
    file.set(vars, "name", layer);
  }
  return file.image();
}

io::Bytes data_image() {
  return data::import({.uri = "synth:shapes", .limits = {.train = 2, .test = 1}, .keep = true})
      .file.image();
}

io::Bytes shard_image(std::int64_t index) {
  return data::import({.uri = "synth:shapes",
                       .limits = {.train = 4, .test = 2},
                       .keep = true,
                       .shard = {index, 2}})
      .file.image();
}

io::Bytes chunked_image() {
  io::H5 file = io::H5::create();
  io::schema::mark(file, io::schema::Format::data);
  const Tensor images = Tensor::zeros({5, 4, 4, 3}, Dtype::u8, Tag::input);
  file.create_rows("train/images", images.shape(), Dtype::u8, 1);
  file.write_rows("train/images", 0, images);
  file.write_column("train/labels", std::vector<std::int64_t>{0, 1, 0, 1, 1});
  file.write_column("classes", std::vector<std::string>{"a", "b"});
  return file.image();
}

io::Bytes lesion_image() {
  const models::NetworkSpec spec = small_network(1);
  study::LesionResult r;
  r.options.trials = 2;
  r.options.study = study::Study::shapley;
  r.arch = spec.arch;
  r.model_digest = "aa";
  r.data = "synth:shapes";
  r.data_digest = "bb";
  r.split = "test";
  r.images = r.done = 100;
  r.class_names = {"a", "b"};
  for (const auto& b : spec.blocks) r.blocks.push_back({b.name, b.stage(), b.downsamples(), false});
  r.lesions = study::lesions_of(spec, r.options);
  r.total = static_cast<std::int64_t>(r.lesions.size());
  for (std::int64_t i = 0; i < r.total; ++i) {
    r.index.push_back(i);
    study::Tally tally;
    tally.count = 100;
    tally.errors = 10 + i;
    tally.class_errors = {tally.errors, 0};
    r.tallies.push_back(tally);
  }
  return study::to_h5(r).image();
}

}  // namespace rn::fuzz
