#include <hdf5.h>

#include <functional>

#include "io/file.h"
#include "io/keras_file.h"
#include "io/weight_files.h"
#include "support/catch.h"
#include "support/files.h"

using namespace rn;
using namespace rn::io;
using namespace rn::test;

namespace {

Tensor ramp(const Shape& shape, float first = 0) {
  Tensor t(shape, Dtype::f32, Tag::parameter);
  for (float& v : t.span<float>()) v = first++;
  return t;
}

WeightFile read(const H5& file) { return read_weights(file.image(), "k.h5"); }
std::string refused(const H5& file) {
  const std::string message = error_of(ErrorKind::input, [&] { read(file); });
  CHECK(contains(message, "k.h5"));
  return message;
}
std::vector<std::string> names(const WeightFile& file) {
  std::vector<std::string> all;
  for (const Weight& weight : file.weights) all.push_back(weight.name);
  return all;
}
using Names = std::vector<std::string>;

// A file in the older layout: layers with their weights' names.
H5 keras(const std::vector<std::pair<std::string, Names>>& layers, const std::string& base = {}) {
  H5 file = H5::create();
  Names all;
  for (const auto& [layer, weights] : layers) {
    all.push_back(layer);
    float first = 0;
    for (const std::string& weight : weights) {
      file.write(base + layer + "/" + weight, ramp({2}, first += 10));
    }
    file.set(base + layer, "weight_names", weights);
  }
  file.set(base.empty() ? "/" : base, "layer_names", all);
  return file;
}

// What only libhdf5 itself can make, by way of a file.
WeightFile foreign(const std::function<void(hid_t)>& fill) {
  const TempDir dir;
  const std::string path = dir / "foreign.h5";
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  fill(file);
  H5Fclose(file);
  return read_weights(path);
}

void put_numbers(hid_t at, const char* name, hid_t type, hsize_t count, const void* values) {
  const hid_t space = H5Screate_simple(1, &count, nullptr);
  const hid_t set = H5Dcreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  if (values) H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  H5Dclose(set);
  H5Sclose(space);
}

void put_texts(hid_t at, const char* name, std::vector<const char*> texts) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  const hsize_t count = texts.size();
  const hid_t space = H5Screate_simple(1, &count, nullptr);
  const hid_t attribute = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, type, texts.data());
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
}

hid_t group(hid_t at, const char* name) {
  return H5Gcreate2(at, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
}

}  // namespace

TEST_CASE("Keras: layers and weights in the order of the lists") {
  H5 file = keras({{"conv1", {"conv1/kernel:0", "conv1/bias:0"}},
                   {"relu", {}},
                   {"bn", {"bn/gamma", "bn/beta"}},         // Keras 3 has no ":0"
                   {"dense", {"my_model/dense/kernel:0"}},  // a scope before the name
                   {"resnet50", {"conv1_conv/kernel:0"}},   // a model inside
                   {"a/b", {"a/b/kernel:0"}}});
  file.set("/", "keras_version", "2.4.0");
  file.set("/", "backend", "tensorflow");
  const WeightFile read_back = read(file);
  CHECK(read_back.format == WeightFormat::keras_h5);
  CHECK(names(read_back) == Names{"conv1/kernel", "conv1/bias", "bn/gamma", "bn/beta",
                                  "dense/kernel", "resnet50/conv1_conv/kernel", "a/b/kernel"});
  CHECK(read_back.weights[1].value.data<float>()[1] == 21);
  CHECK(read_back.weights[1].stored == "f32");
  CHECK(read_back.metadata.at("keras_version") == "2.4.0");
  CHECK(read_back.metadata.at("backend") == "tensorflow");
}

TEST_CASE("Keras: whole models, lists cut into parts, variable-length text, narrow numbers") {
  H5 whole = keras({{"d", {"d/kernel:0"}}}, "model_weights/");
  whole.set("/", "model_config", "{\"class_name\": \"Functional\"}");
  whole.write("optimizer_weights/iterations:0", ramp({1}));
  const WeightFile read_back = read(whole);
  CHECK(names(read_back) == Names{"d/kernel"});
  CHECK(read_back.ignored == Names{"optimizer_weights"});
  CHECK(contains(read_back.metadata.at("model_config"), "Functional"));

  H5 cut = H5::create();
  cut.set("/", "layer_names0", Names{"b"});
  cut.set("/", "layer_names1", Names{"a"});
  cut.set("b", "weight_names0", Names{"b/y"});
  cut.set("b", "weight_names1", Names{"b/x"});
  cut.set("a", "weight_names", Names{});
  for (const char* name : {"b/b/x", "b/b/y"}) cut.write(name, ramp({1}));
  CHECK(names(read(cut)) == Names{"b/y", "b/x"});

  const WeightFile variable = foreign([](hid_t file) {
    put_texts(file, "layer_names", {"dense"});
    const hid_t dense = group(file, "dense");
    put_texts(dense, "weight_names", {"kernel", "bias", "count", "half"});
    const std::uint64_t kernel[] = {0xf83f, 0x0440};  // 1.5 and 2.5, big-endian
    const std::int16_t bias[] = {-3};
    const std::uint32_t count[] = {4000000000u};
    put_numbers(dense, "kernel", H5T_IEEE_F64BE, 2, kernel);
    put_numbers(dense, "bias", H5T_NATIVE_INT16, 1, bias);
    put_numbers(dense, "count", H5T_NATIVE_UINT32, 1, count);
    const hid_t half = H5Tcopy(H5T_IEEE_F32LE);  // as numpy's float16
    H5Tset_fields(half, 15, 10, 5, 0, 10);
    H5Tset_size(half, 2);
    H5Tset_ebias(half, 15);
    const std::uint16_t halves[] = {0x3c00, 0xc100, 1};
    put_numbers(dense, "half", half, 3, halves);
    H5Tclose(half);
    H5Gclose(dense);
  });
  CHECK(names(variable) == Names{"dense/kernel", "dense/bias", "dense/count", "dense/half"});
  CHECK(variable.weights[0].stored == "f64");
  CHECK(variable.weights[0].value.data<double>()[0] == 1.5);
  CHECK(variable.weights[1].stored == "i16");
  CHECK(variable.weights[1].value.data<std::int64_t>()[0] == -3);
  CHECK(variable.weights[2].value.data<std::int64_t>()[0] == 4000000000);
  CHECK(variable.weights[3].stored == "f16");
  const float* half = variable.weights[3].value.data<float>();
  CHECK(half[0] == 1);
  CHECK(half[1] == -2.5f);
  CHECK(half[2] == 0x1p-24f);
}

TEST_CASE("Keras 3: numbered variables get their names") {
  H5 file = H5::create();
  const auto layer = [&](const std::string& path, const std::string& name, int count) {
    if (!name.empty()) file.set(path + "/vars", "name", name);
    for (int i = 0; i < count; ++i) {
      file.write(path + "/vars/" + std::to_string(i), ramp({2}, static_cast<float>(i)));
    }
  };
  layer("layers/conv2d", "stem_conv", 2);
  layer("layers/conv2d_10", "late", 1);
  layer("layers/conv2d_2", "early", 1);
  layer("layers/batch_normalization", "stem_bn", 4);
  layer("layers/batch_normalization_1", "bare_bn", 2);  // without scale or centre: no names known
  layer("layers/functional/layers/dense", "fc", 2);
  layer("layers/re_lu", "relu", 0);
  layer("layers/odd", "", 12);
  file.set("layers/functional/vars", "name", "inner");
  file.set("vars", "name", "outer");
  layer("optimizer", "adam", 2);
  const WeightFile read_back = read(file);
  CHECK(read_back.format == WeightFormat::keras3_h5);
  Names wanted = {"stem_bn/gamma", "stem_bn/beta", "stem_bn/moving_mean", "stem_bn/moving_variance",
                  "bare_bn/0",     "bare_bn/1",    "stem_conv/kernel",    "stem_conv/bias",
                  "early/kernel",  "late/kernel",  "inner/fc/kernel",     "inner/fc/bias"};
  for (int i = 0; i < 12; ++i) wanted.push_back("odd/" + std::to_string(i));
  CHECK(names(read_back) == wanted);
  CHECK(read_back.weights.back().value.data<float>()[0] == 11);
  CHECK(read_back.ignored == Names{"optimizer"});

  const WeightFile bfloat = foreign([](hid_t f) {
    const hid_t layers = group(f, "layers"), dense = group(layers, "dense"),
                vars = group(dense, "vars");
    const hid_t opaque = H5Tcreate(H5T_OPAQUE, 2);
    const std::uint16_t values[] = {0x3f80, 0xc020};
    put_numbers(vars, "0", opaque, 2, values);
    const hid_t set = H5Dopen2(vars, "0", H5P_DEFAULT);
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, 8);
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(set, "dtype", type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, type, "bfloat16");
    H5Aclose(attribute), H5Sclose(space), H5Tclose(type), H5Dclose(set), H5Tclose(opaque);
    H5Gclose(vars), H5Gclose(dense), H5Gclose(layers);
  });
  CHECK(bfloat.weights[0].name == "dense/kernel");
  CHECK(bfloat.weights[0].stored == "bf16");
  CHECK(bfloat.weights[0].value.data<float>()[1] == -2.5f);
}

TEST_CASE("Keras: what is written reads back, in the layout that Keras loads") {
  std::vector<KerasLayer> layers(2);
  layers[0].name = "conv1_conv";
  layers[0].weights.push_back({"kernel", "f32", ramp({3, 3, 3, 4})});
  layers[0].weights.push_back({"bias", "f32", ramp({4})});
  layers[1].name = "conv1_bn";
  layers[1].weights.push_back({"gamma", "f32", ramp({4}, 5)});
  const H5 file = write_keras(layers);
  CHECK(file.has("conv1_conv/conv1_conv/kernel:0"));
  CHECK(file.get_strings("conv1_conv", "weight_names", 10).empty() == false);
  const WeightFile back = read(file);
  CHECK(names(back) == Names{"conv1_conv/kernel", "conv1_conv/bias", "conv1_bn/gamma"});
  CHECK(back.weights[0].value.shape() == Shape{3, 3, 3, 4});
  CHECK(back.weights[2].value.data<float>()[3] == 8);
  CHECK(write_keras(layers).image() == file.image());

  const WeightFile whole = read(write_keras(layers, "{}"));
  CHECK(names(whole) == names(back));
  CHECK(whole.metadata.at("model_config") == "{}");

  // Lists over 64,512 bytes are cut, as Keras itself does it.
  std::vector<KerasLayer> many(1500);
  for (std::size_t i = 0; i < many.size(); ++i) {
    many[i].name = std::string(60, 'x') + std::to_string(i);
    many[i].weights.push_back({"w", "f32", ramp({1}, static_cast<float>(i))});
  }
  const H5 long_lists = write_keras(many);
  CHECK(long_lists.has_attribute("/", "layer_names0"));
  CHECK(long_lists.has_attribute("/", "layer_names1"));
  CHECK(!long_lists.has_attribute("/", "layer_names"));
  const WeightFile all = read(long_lists);
  REQUIRE(all.weights.size() == 1500);
  CHECK(all.weights[1499].value.data<float>()[0] == 1499);
}

TEST_CASE("Keras: archives of Keras 3") {
  H5 file = H5::create();
  file.write("layers/dense/vars/0", ramp({2}));
  const Bytes image = file.image();
  const std::string h5(reinterpret_cast<const char*>(image.data()), image.size());
  const WeightFile archive = read_weights(
      as_bytes(
          zip({{"metadata.json", "{}"}, {"config.json", "{\"a\": 1}"}, {"model.weights.h5", h5}})),
      "k.keras");
  CHECK(names(archive) == Names{"dense/kernel"});
  CHECK(archive.name == "k.keras");
  CHECK(archive.metadata.at("model_config") == "{\"a\": 1}");
  const std::string message = error_of(ErrorKind::input, [&] {
    read_weights(as_bytes(zip({{"config.json", "{}"}, {"model.weights.h5", "no HDF5"}})),
                 "k.keras");
  });
  CHECK(contains(message, "k.keras: model.weights.h5: not an HDF5 file"));
}

TEST_CASE("Keras: files that lie") {
  H5 none = H5::create();
  none.set("/", "a", "b");
  CHECK(contains(refused(none), "not of Keras: no layer_names, no layers"));
  H5 ours = H5::create();
  ours.set("/", "format", "resnet-tools model");
  CHECK(contains(refused(ours), "is a file of resnet-tools already"));
  CHECK(contains(refused(keras({})), "no weights in it"));
  CHECK(contains(refused(keras({{"relu", {}}})), "no weights in it"));

  const auto lists = [](const Names& layers, const Names& weights) {
    H5 file = H5::create();
    file.write("l/w", ramp({1}));
    file.write("g/h/w", ramp({1}));
    file.set("l", "weight_names", weights);
    file.set("/", "layer_names", layers);
    return refused(file);
  };
  CHECK(contains(lists({"x"}, {"w"}), "layer 'x' is listed, but there is no such group"));
  CHECK(contains(lists({"l/w"}, {"w"}), "layer 'l/w' is listed, but there is no such group"));
  CHECK(contains(lists({"l"}, {"x"}), "'l/x': is listed, but there is no such data set"));
  CHECK(contains(lists({"l"}, {"../g/h/w"}), "no such data set"));
  CHECK(contains(lists({"l", "l"}, {"w"}), "'l/w' is there twice"));
  CHECK(contains(lists({"l"}, {"w", "w"}), "'l/w' is there twice"));
  CHECK(contains(lists({"l"}, {"w", "./w"}), "'l/./w': is listed, but there is no such"));
  CHECK(contains(lists({""}, {"w"}), "the layer '' is empty"));
  CHECK(contains(lists({"l"}, {""}), "the weight '' is empty"));
  CHECK(contains(lists({"l\n"}, {"w"}), "'l\\x0a'"));
  CHECK(contains(lists({std::string(600, 'l')}, {"w"}), "longer than 512 bytes"));

  H5 number = H5::create();
  number.set("/", "layer_names", std::int64_t{3});
  CHECK(contains(refused(number), "attribute 'layer_names' of '/' is no list of texts"));
  H5 text = keras({{"l", {}}});
  text.set("l", "weight_names", Names{"t"});
  text.write_column("l/t", Names{"text"});
  CHECK(contains(refused(text), "'l/t' holds no numbers of a type read here"));
}

TEST_CASE("Keras: claims are checked before memory is taken") {
  const auto with = [](const std::function<void(hid_t)>& fill) {
    return error_of(ErrorKind::input, [&] {
      foreign([&](hid_t file) {
        put_texts(file, "layer_names", {"l"});
        const hid_t l = group(file, "l");
        fill(l);
        H5Gclose(l);
      });
    });
  };
  // A huge data set that was never written.
  CHECK(contains(with([](hid_t l) {
                   put_texts(l, "weight_names", {"w"});
                   put_numbers(l, "w", H5T_IEEE_F32LE, hsize_t{1} << 40, nullptr);
                 }),
                 "'l/w'"));
  // The same data under many names.
  CHECK(contains(with([](hid_t l) {
                   std::vector<std::string> all;
                   std::vector<const char*> pointers;
                   for (int i = 0; i < 300; ++i) all.push_back("w" + std::to_string(i));
                   for (const std::string& name : all) pointers.push_back(name.c_str());
                   put_texts(l, "weight_names", pointers);
                   const std::vector<float> values(10'000);
                   put_numbers(l, "w0", H5T_IEEE_F32LE, values.size(), values.data());
                   for (int i = 1; i < 300; ++i) {
                     H5Lcreate_hard(l, "w0", l, pointers[static_cast<std::size_t>(i)], H5P_DEFAULT,
                                    H5P_DEFAULT);
                   }
                 }),
                 "out of proportion to the file"));
  // Links out of the file are not followed.
  CHECK(contains(with([](hid_t l) {
                   put_texts(l, "weight_names", {"w"});
                   H5Lcreate_external("other.h5", "/w", l, "w", H5P_DEFAULT, H5P_DEFAULT);
                 }),
                 "no such data set"));
  // Groups that contain themselves.
  CHECK(contains(error_of(ErrorKind::input,
                          [] {
                            foreign([](hid_t file) {
                              const hid_t layers = group(file, "layers");
                              for (int i = 0; i < 40; ++i) {
                                H5Lcreate_hard(file, "layers", layers, std::to_string(i).c_str(),
                                               H5P_DEFAULT, H5P_DEFAULT);
                              }
                              H5Gclose(layers);
                            });
                          }),
                 "is a group that is reached by another path too"));
  // A ladder: few links, and more ways down than there are atoms.
  CHECK(contains(error_of(ErrorKind::input,
                          [] {
                            foreign([](hid_t file) {
                              hid_t at = group(file, "layers");
                              for (int i = 0; i < 15; ++i) {
                                const hid_t next = group(at, "a");
                                for (int k = 0; k < 200; ++k) {
                                  H5Lcreate_hard(at, "a", at, ("b" + std::to_string(k)).c_str(),
                                                 H5P_DEFAULT, H5P_DEFAULT);
                                }
                                H5Gclose(at);
                                at = next;
                              }
                              H5Gclose(at);
                            });
                          }),
                 "is a group that is reached by another path too"));
  // Depth alone is bounded too.
  H5 deep = H5::create();
  std::string path = "layers";
  for (int i = 0; i < 20; ++i) path += "/g";
  deep.write(path + "/vars/0", ramp({1}));
  CHECK(contains(refused(deep), "groups nested deeper than 16"));
  // A list in more parts than any list needs.
  H5 parts = H5::create();
  for (int i = 0; i < 1002; ++i) parts.set("/", "layer_names" + std::to_string(i), Names{});
  CHECK(contains(refused(parts), "in more than 1000 parts"));
}
