#include <hdf5.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "io/file.h"
#include "io/schema.h"
#include "models/catalog.h"
#include "support/catch.h"
#include "support/files.h"
#include "train/model_file.h"

namespace {

using namespace rn;
using train::ModelFile;

models::NetworkSpec small_spec() {
  models::NetworkSpec spec = models::make_arch("resnet20-cifar");
  spec.arch = "small";
  spec.height = spec.width = 8;
  spec.classes = 3;
  spec.blocks.erase(spec.blocks.begin() + 4, spec.blocks.end());  // three of 16 channels, one of 32
  return spec;
}

models::Network small_network(Dtype dtype = Dtype::f32) {
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

ModelFile small_file(const models::Network& network) {
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

io::Bytes small_bytes() {
  const models::Network network = small_network();
  return train::save_model(network, small_file(network), false);
}

train::LoadedModel load(io::Bytes bytes, std::optional<Dtype> dtype = {}) {
  return train::load_model(io::H5::open_image(std::move(bytes), "m.h5"), dtype);
}

bool same(const Tensor& a, const Tensor& b) {
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

io::Bytes edited(std::vector<std::string> without, const Edit& edit) {
  const io::H5 good = io::H5::open_image(small_bytes(), "good");
  Copy copy(good, std::move(without));
  if (edit) edit(copy.file);
  return copy.file.image();
}

std::string refusal(io::Bytes bytes) {
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

void says(const std::string& message, const std::string& text) {
  INFO(message << "\nshould say: " << text);
  CHECK(message.find(text) != std::string::npos);
}

std::vector<double> same_column(double value) { return std::vector<double>(4, value); }
std::vector<std::int64_t> column(std::int64_t value) { return std::vector<std::int64_t>(4, value); }

}  // namespace

TEST_CASE("a model file gives back every bit") {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64, Dtype::bf16}) {
    const models::Network network = small_network(dtype);
    const ModelFile file = small_file(network);
    const train::LoadedModel loaded = load(train::save_model(network, file), dtype);
    CHECK(loaded.network.spec() == network.spec());
    CHECK(loaded.file.spec == network.spec());
    CHECK(loaded.file.dtype == wide(dtype));
    CHECK(loaded.network.dtype() == dtype);
    const nn::Store &was = network.store(), &is = loaded.network.store();
    REQUIRE(is.parameters().size() == was.parameters().size());
    for (std::size_t i = 0; i < was.parameters().size(); ++i) {
      INFO(was.parameters()[i]->name);
      CHECK(same(is.parameters()[i]->value, was.parameters()[i]->value));
    }
    REQUIRE(is.states().size() == was.states().size());
    for (std::size_t i = 0; i < was.states().size(); ++i) {
      CHECK(same(is.states()[i]->value, was.states()[i]->value));
    }
    CHECK(loaded.file.class_names == file.class_names);
    CHECK(loaded.file.normalization.mean == file.normalization.mean);
    CHECK(loaded.file.normalization.stddev == file.normalization.stddev);
    CHECK(same(loaded.file.normalization.mean_image, file.normalization.mean_image));
    CHECK(loaded.file.data_uri == file.data_uri);
    CHECK(loaded.file.data_digest == file.data_digest);
    CHECK(loaded.file.lanes == 8);
    CHECK(loaded.file.norm_batches == file.norm_batches);
    CHECK(loaded.file.curves.train_loss == file.curves.train_loss);
    CHECK(loaded.file.curves.lr.empty());
    CHECK(std::isnan(loaded.file.curves.val_error[0]));
    CHECK(loaded.file.curves.val_error[1] == 40.5);
    CHECK(loaded.file.provenance.command_line == "resnet-train -o m.h5");
    REQUIRE(loaded.file.training);
    const train::TrainingState &a = *loaded.file.training, &b = *file.training;
    CHECK(a.epoch == b.epoch);
    CHECK(a.step_in_epoch == b.step_in_epoch);
    CHECK(a.step == b.step);
    CHECK(a.seed == b.seed);
    CHECK((a.batch == b.batch && a.precision == b.precision));
    CHECK(a.complete == b.complete);
    CHECK(a.source_images == b.source_images);
    CHECK(a.val_images == b.val_images);
    CHECK(a.loss_sum == b.loss_sum);
    CHECK(a.errors == b.errors);
    CHECK(a.images == b.images);
    CHECK(a.log_bytes == b.log_bytes);
    CHECK(a.recipe == b.recipe);
    REQUIRE(a.slots.size() == 1);
    REQUIRE(a.slots.at("momentum").size() == b.slots.at("momentum").size());
    for (const auto& [name, tensor] : b.slots.at("momentum")) {
      CHECK(same(a.slots.at("momentum").at(name), tensor));
    }
  }
}

TEST_CASE("the same model is the same bytes, also after loading it") {
  const io::Bytes bytes = small_bytes();
  CHECK(bytes == small_bytes());
  const train::LoadedModel loaded = load(bytes);
  CHECK(train::save_model(loaded.network, loaded.file, false) == bytes);
}

TEST_CASE("what changes from run to run can be left out") {
  const models::Network network = small_network();
  ModelFile file = small_file(network);
  const io::Bytes one = train::save_model(network, file, false);
  file.provenance = io::start_provenance("resnet-train", "resnet-train --threads 7 -o n.h5");
  file.data_uri = "cifar10:/else/where";
  CHECK(train::save_model(network, file, false) == one);
  CHECK(load(one).file.data_uri == "cifar10");
  CHECK(train::save_model(network, file, true) != one);
}

TEST_CASE("values and slots are cast on request") {
  const models::Network network = small_network();
  const ModelFile file = small_file(network);
  const train::LoadedModel loaded = load(train::save_model(network, file), Dtype::f64);
  CHECK(loaded.file.dtype == Dtype::f32);
  CHECK(loaded.network.dtype() == Dtype::f64);
  const Tensor wide = loaded.network.store().parameters()[0]->value;
  const Tensor narrow = network.store().parameters()[0]->value;
  CHECK(wide.data<double>()[11] == static_cast<double>(narrow.data<float>()[11]));
  for (const auto& [name, tensor] : loaded.file.training->slots.at("momentum")) {
    CHECK(tensor.dtype() == Dtype::f64);
  }
}

TEST_CASE("a model without training state") {
  const models::Network network = small_network();
  ModelFile file = small_file(network);
  file.training.reset();
  file.normalization.mean_image = {};
  file.curves = {};
  const train::LoadedModel loaded = load(train::save_model(network, file));
  CHECK_FALSE(loaded.file.training);
  CHECK_FALSE(loaded.file.normalization.mean_image);
  CHECK(loaded.file.curves.epoch.empty());
  CHECK(loaded.file.lanes == 8);
}

TEST_CASE("what this version does not know is passed over") {
  CHECK(refusal(edited({}, {})) == "(accepted)");
  CHECK(refusal(edited({}, [](io::H5& file) {
          file.set("/", "colour", "green");
          file.set("/training", "mood", 3.5);
          file.write_column("ema/decay", same_column(0.99));
          file.write_column("blocks/remark", std::vector<std::string>{"a", "b"});
          file.write_column("curves/temperature", same_column(3));
        })) == "(accepted)");
}

TEST_CASE("files that are no models") {
  const io::Bytes bytes = small_bytes();
  SECTION("truncated") {
    for (const std::size_t size : {bytes.size() - 1, bytes.size() / 2, std::size_t{100}}) {
      CHECK(refusal(io::Bytes(bytes.begin(), bytes.begin() + static_cast<long>(size))) !=
            "(accepted)");
    }
  }
  SECTION("empty and text") {
    CHECK(refusal({}) != "(accepted)");
    CHECK(refusal(io::Bytes(5000, std::byte{'x'})) != "(accepted)");
  }
  SECTION("foreign, another format, newer") {
    says(refusal(edited({"/@format"}, {})), "not one of resnet-tools");
    says(refusal(edited({"/@format"},
                        [](io::H5& f) { io::schema::mark(f, io::schema::Format::result); })),
         "a result");
    says(refusal(edited({"/@format_version"},
                        [](io::H5& f) { f.set("/", "format_version", std::int64_t{99}); })),
         "version 99");
  }
}

TEST_CASE("every tensor is accounted for") {
  const std::string weight = "parameters/stage1.block2.conv1.weight";
  const auto tensor = [](const Shape& shape, Dtype dtype) {
    return Tensor::zeros(shape, dtype, Tag::workspace);
  };
  says(refusal(edited({weight}, {})), weight + " is missing");
  says(refusal(edited(
           {}, [&](io::H5& f) { f.write("parameters/zeta.weight", tensor({3}, Dtype::f32)); })),
       "parameters/zeta.weight belongs to no layer");
  says(refusal(edited({weight},
                      [&](io::H5& f) {
                        f.write(weight, tensor({16, 9, 16}, Dtype::f32));
                      })),
       weight + " is float32 [16, 9, 16]; expected");
  says(refusal(edited({weight},
                      [&](io::H5& f) {
                        f.write(weight, tensor({16, 3, 3, 16}, Dtype::f64));
                      })),
       weight + " is float64");
  says(refusal(edited({weight},
                      [&](io::H5& f) {
                        f.write_column(weight, std::vector<std::string>{"a", "b"});
                      })),
       "stage1.block2.conv1.weight");
  says(refusal(edited({"state"}, {})), "is missing (and");
  const std::string slot = "optimizer/momentum/head.linear.bias";
  says(refusal(edited({"optimizer/momentum/stage1.block1.conv1.weight"}, {})),
       "optimizer/momentum/stage1.block1.conv1.weight is missing");
  says(refusal(edited(
           {}, [&](io::H5& f) { f.write("optimizer/momentum/zeta", tensor({3}, Dtype::f32)); })),
       "optimizer/momentum/zeta belongs to no layer");
  says(refusal(edited({"parameters"}, {})), "parameters");
}

TEST_CASE("hostile block tables") {
  const auto with = [](const std::string& path, const Edit& edit) {
    return refusal(edited({path}, edit));
  };
  says(with("blocks/width", {}), "blocks/width");
  says(with("blocks", {}), "blocks");
  says(with("blocks/width",
            [](io::H5& f) {
              f.write_column("blocks/width", std::vector<double>{1, 2});
            }),
       "blocks/width");
  says(with("blocks/bn_eps",
            [](io::H5& f) { f.write_column("blocks/bn_eps", std::vector<double>{1e-5}); }),
       "blocks/bn_eps has 1 rows, blocks/name has 4");
  says(with("blocks/kind",
            [](io::H5& f) { f.write_column("blocks/kind", std::vector<std::string>(4, "basik")); }),
       "block stage1.block1: block kind 'basik'");
  for (const char* name : {"../x", "a/b", "", "a\nb", ".hidden", "x."}) {
    says(with("blocks/name",
              [&](io::H5& f) { f.write_column("blocks/name", std::vector<std::string>(4, name)); }),
         "its name must have");
  }
  says(with("blocks/conv_bias",
            [](io::H5& f) {
              f.write_column("blocks/conv_bias",
                             std::vector<std::string>(4, "\x1b\n" + std::string(5000, 'x')));
            }),
       "convolution bias '\\x1b\\x0axxxx");
  says(with("blocks/name",
            [](io::H5& f) { f.write_column("blocks/name", std::vector<std::string>(4, "a.b")); }),
       "two blocks");
  says(with("blocks/stride", [](io::H5& f) { f.write_column("blocks/stride", column(-1)); }),
       "out of range");
  says(with("blocks/stride", [](io::H5& f) { f.write_column("blocks/stride", column(1LL << 40)); }),
       "out of range");
  says(with("blocks/conv_bias",
            [](io::H5& f) {
              f.write_column("blocks/conv_bias", std::vector<std::string>(4, "some"));
            }),
       "block stage1.block1: convolution bias 'some': expected one of none, all, last");
  says(with("blocks/padding",
            [](io::H5& f) {
              f.write_column("blocks/padding", std::vector<std::string>(4, "valid"));
            }),
       "padding 'valid': expected one of symmetric, same");
  says(with("stem@pool_zeros", [](io::H5& f) { f.set("stem", "pool_zeros", std::int64_t{2}); }),
       "expected 0 or 1");
  CHECK(with("blocks/survival", [](io::H5& f) {
          f.write_column("blocks/survival", same_column(std::nan("")));
        }) != "(accepted)");
  CHECK(with("blocks/in", [](io::H5& f) { f.write_column("blocks/in", column(1LL << 60)); }) !=
        "(accepted)");
  CHECK(with("stem@out", [](io::H5& f) { f.set("stem", "out", std::int64_t{-5}); }) !=
        "(accepted)");
  CHECK(with("head@classes", [](io::H5& f) { f.set("head", "classes", std::int64_t{0}); }) !=
        "(accepted)");
  says(with("/@arch", [](io::H5& f) { f.set("/", "arch", "a\nb"); }), "one line");
}

TEST_CASE("a table that asks for more than the file holds is refused before it gets memory") {
  const std::string message = refusal(edited(
      {"blocks/in", "blocks/width", "blocks/out", "blocks/shortcut", "stem@out"}, [](io::H5& f) {
        f.set("stem", "out", std::int64_t{65536});
        for (const char* name : {"blocks/in", "blocks/width", "blocks/out"}) {
          f.write_column(name, column(65536));
        }
        f.write_column("blocks/shortcut", std::vector<std::string>(4, "conv"));
      }));
  says(message, "needs at least");
}

TEST_CASE("a dimension of 0 does not hide huge ones") {
  // HDF5's own product is 0, and so is what such a data set stores.
  const hsize_t huge = hsize_t{1} << 62;
  for (const std::vector<hsize_t>& dims :
       {std::vector<hsize_t>{0, huge, huge, 4}, {huge, huge, 0, 4}, {huge, 0, 2, 2}}) {
    const test::TempDir dir;
    io::write_file(dir / "m.h5", small_bytes());
    const hid_t file = H5Fopen((dir / "m.h5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    H5Ldelete(file, "parameters/stem.conv.weight", H5P_DEFAULT);
    const hid_t space = H5Screate_simple(4, dims.data(), nullptr);
    const hid_t set = H5Dcreate2(file, "parameters/stem.conv.weight", H5T_IEEE_F32LE, space,
                                 H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    REQUIRE(set >= 0);
    H5Dclose(set), H5Sclose(space), H5Fclose(file);
    says(refusal(io::read_file(dir / "m.h5")), "is larger than");
  }
}

TEST_CASE("parts that do not fit each other") {
  const auto with = [](const std::string& path, const Edit& edit) {
    return refusal(edited({path}, edit));
  };
  says(with("classes", [](io::H5& f) { f.write_column("classes", std::vector<std::string>{"a"}); }),
       "1 class names for 3 classes");
  says(with("input/stddev",
            [](io::H5& f) {
              f.write_column("input/stddev", std::vector<double>{1, 0, 1});
            }),
       "input/stddev");
  says(with("input/mean",
            [](io::H5& f) {
              f.write_column("input/mean", std::vector<double>{1, std::nan(""), 1});
            }),
       "input/mean");
  says(with("input/mean_image",
            [](io::H5& f) {
              f.write("input/mean_image", Tensor::zeros({4}, Dtype::f32, Tag::input));
            }),
       "input/mean_image is float32 [4]");
  says(with("training@epoch", [](io::H5& f) { f.set("training", "epoch", std::int64_t{-1}); }),
       "training/epoch is -1");
  says(with("training@seed", {}), "seed");
  says(with("training@lanes", [](io::H5& f) { f.set("training", "lanes", std::int64_t{1} << 40); }),
       "training/lanes");
  says(with("training@precision", [](io::H5& f) { f.set("training", "precision", "fp8"); }),
       "training/precision is 'fp8'");
  const auto counted = [&](const std::vector<std::string>& names,
                           const std::vector<std::int64_t>& counts) {
    return with("norm_batches", [&](io::H5& f) {
      f.write_column("norm_batches/name", names);
      f.write_column("norm_batches/count", counts);
    });
  };
  says(counted({"stem.bn"}, {1, 2}), "norm_batches/name has 1 rows, norm_batches/count has 2");
  says(counted({"stem.bn"}, {-1}), "norm_batches/count of 'stem.bn' is -1");
  says(counted({"stem.bn"}, {INT64_MAX}), "norm_batches/count of 'stem.bn' is 9223372036854775807");
  says(counted({"stem.bn", "stem.bn"}, {1, 2}), "stands there twice");
  says(counted({"stem.conv"}, {1}), "'stem.conv', which is no norm of its block table");
  says(with("curves/train_loss",
            [](io::H5& f) { f.write_column("curves/train_loss", same_column(1)); }),
       "curves/train_loss has 4 rows");
}

TEST_CASE("save_model refuses what could not be read back") {
  const models::Network network = small_network();
  const auto refused = [&](const std::function<void(ModelFile&)>& spoil) {
    ModelFile file = small_file(network);
    spoil(file);
    CHECK_THROWS_AS(train::save_model(network, file), Error);
  };
  refused([](ModelFile& f) { f.class_names.pop_back(); });
  refused([](ModelFile& f) { f.normalization.mean.pop_back(); });
  refused([](ModelFile& f) { f.curves.lr = {1}; });
  refused([](ModelFile& f) { f.training->slots["momentum"].erase("stem.conv.weight"); });
  refused([](ModelFile& f) { f.training->slots["a/b"] = {}; });
}
