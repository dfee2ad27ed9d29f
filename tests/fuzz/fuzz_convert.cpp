// Recognition of networks: sound weight files of every family with hostile names, shapes, tables
// and descriptions. What is taken in must become a model file that reads back.
#include "convert/export.h"
#include "convert/keras_files.h"
#include "convert/table_text.h"
#include "convert/transfer.h"
#include "fuzz/check.h"
#include "fuzz/choices.h"
#include "train/model_file.h"

using namespace rn;

namespace {

const char* const words[] = {"conv1",
                             "conv2",
                             "conv3",
                             "bn1",
                             "bn2",
                             "bn",
                             "fc",
                             "linear",
                             "layer1",
                             "layer2",
                             "layer10",
                             ".0.",
                             ".1.",
                             ".99999999999.",
                             "stage1",
                             "block1",
                             "stem",
                             "head",
                             "downsample",
                             "shortcut",
                             "weight",
                             "bias",
                             "running_mean",
                             "num_batches_tracked",
                             "conv2_block1_1_conv",
                             "conv2_block9999_1_conv",
                             "res2a_branch2a",
                             "res3b17_branch2a",
                             "post_bn",
                             "kernel",
                             "gamma",
                             "conv2d",
                             "conv2d_7",
                             "batch_normalization",
                             "dense",
                             "/",
                             ".",
                             "\n",
                             "\"",
                             "0",
                             "1",
                             "2",
                             "-1",
                             "3",
                             "7",
                             "31",
                             "65536",
                             "4294967296",
                             "1e400",
                             "0.5",
                             "nan",
                             "null",
                             "[]",
                             "{}",
                             "[1,1]",
                             "true",
                             "Add",
                             "Conv2D",
                             "BatchNormalization",
                             "Activation",
                             "relu",
                             "ZeroPadding2D",
                             "MaxPooling2D",
                             "Flatten",
                             "InputLayer",
                             "basic",
                             "bottleneck",
                             "plain",
                             "pre",
                             "post",
                             "shared",
                             "pad_both",
                             "identity",
                             "conv_bn",
                             "same",
                             "average",
                             "../x",
                             ""};

test::Foreign exported(bool keras) {
  test::Foreign file = test::torch_resnet({.counts = {1, 1}, .base = 2, .classes = 3});
  const convert::Recognized found = convert::recognize(file, {});
  const models::Network network = convert::load(file, found);
  test::Foreign out(keras ? io::WeightFormat::keras_h5 : io::WeightFormat::safetensors);
  out.weights =
      keras ? convert::unload(network, convert::Convention::keras,
                              convert::keras_names(found.spec).layers, {})
            : convert::unload(network, convert::Convention::torch, convert::torch_names(found.spec),
                              convert::NormCounters{{"stem.bn", 7}});
  out.metadata[convert::table_key] = convert::table_text(found.spec);
  return out;
}

// As Keras lists layers that only have numbers.
test::Foreign numbered() {
  test::Foreign file(io::WeightFormat::keras_h5);
  int convs = 0, norms = 0;
  for (const auto& [out, in] : {std::pair{2, 3}, {2, 2}, {2, 2}, {4, 2}, {4, 4}}) {
    file.keras_conv("conv2d_" + std::to_string(++convs), out, in, 3);
    file.keras_norm("batch_normalization_" + std::to_string(++norms), out);
  }
  file.keras_dense("dense", 3, 4);
  return file;
}

const std::vector<test::Foreign>& sound() {
  static const std::vector<test::Foreign> files = {
      test::torch_resnet({.counts = {1, 1}, .base = 2, .classes = 3}),
      test::torch_resnet({.counts = {1, 1, 1, 1}, .bottleneck = true, .base = 1, .stem = 7}),
      test::torch_resnet({.counts = {1, 1}, .base = 2, .pre = true}),
      test::torch_resnet({.counts = {1, 1}, .base = 2, .shortcut = ""}),
      exported(false),
      exported(true),
      test::application({1, 1, 1, 1}, false, false, 1),
      test::application({1, 1, 1, 1}, true, false, 1),
      test::application({1, 1, 1, 1}, false, true, 1),
      test::described(test::small_model(true)),
      test::described(test::small_model(false)),
      numbered()};
  return files;
}

Shape shape_of(fuzz::Choices& choices, const Shape& from) {
  static const std::int64_t sizes[] = {1, 2, 3, 4, 0, 5, 7, 8, 9, 16, 31, 32, 33};
  Shape shape = from;
  if (choices.one_in(3)) shape.resize(choices.below(6), 1);
  if (!shape.empty()) shape[choices.below(shape.size())] = choices.of(sizes);
  const auto count = count_elements(shape);
  return count && *count < 1 << 16 ? shape : from;
}

// Another word in the place of one, or something else than that.
void edit(fuzz::Choices& choices, std::string& text) {
  const std::size_t at = choices.below(text.size() + 1);
  const std::string word = choices.one_in(8) ? choices.text(12) : choices.of(words);
  std::size_t end = at;
  switch (choices.below(4)) {
    case 0: {  // letters and digits up to the next sign
      while (end < text.size() && std::isalnum(static_cast<unsigned char>(text[end])) != 0) ++end;
      break;
    }
    case 1: end = std::min(at + choices.below(20), text.size()); break;
    case 2: end = text.size(); break;
    default: break;
  }
  text.replace(at, end - at, word);
  if (text.size() > 100'000) text.resize(100'000);
}

void stroke(fuzz::Choices& choices, test::Foreign& file) {
  if (file.weights.empty() || choices.one_in(3)) {
    if (file.metadata.empty()) file.metadata[convert::table_key];
    auto text = file.metadata.begin();
    if (choices.one_in(10)) {
      file.metadata.erase(text);
    } else {
      edit(choices, text->second);
    }
    return;
  }
  const std::size_t at = choices.below(file.weights.size());
  io::Weight& weight = file.weights[at];
  switch (choices.below(6)) {
    case 0:
      weight.value =
          Tensor::zeros(shape_of(choices, weight.value.shape()), Dtype::f32, Tag::workspace);
      break;
    case 1: edit(choices, weight.name); break;
    case 2: weight.name = file.weights[choices.below(file.weights.size())].name; break;
    case 3: file.weights.erase(file.weights.begin() + static_cast<std::ptrdiff_t>(at)); break;
    case 4: {
      io::Weight copy = weight;
      edit(choices, copy.name);
      file.weights.insert(file.weights.begin() + static_cast<std::ptrdiff_t>(at), copy);
      break;
    }
    default:
      weight.value = Tensor::zeros(weight.value.shape(),
                                   choices.one_in(2) ? Dtype::f64 : Dtype::i64, Tag::workspace);
  }
}

// A table that was taken is one that is written and read back the same, with the weights.
void check_kept(const models::Network& network, const convert::NormCounters& counters) {
  const models::NetworkSpec& spec = network.spec();
  const std::string table = convert::table_text(spec);
  if (!table.empty() && !(convert::parse_table(table, "fuzz") == spec)) {
    fuzz::broken("a table that reads back otherwise");
  }
  train::ModelFile file;
  file.normalization.mean.assign(static_cast<std::size_t>(spec.channels), 0.5);
  file.normalization.stddev.assign(static_cast<std::size_t>(spec.channels), 0.25);
  file.class_names.assign(static_cast<std::size_t>(spec.classes), "class");
  file.norm_batches = counters;
  const io::Bytes image = train::save_model(network, file, false);
  const train::LoadedModel back = train::load_model(io::H5::open_image(image, "fuzz"));
  if (!(back.file.spec == spec) || back.file.norm_batches != counters)
    fuzz::broken("a model that reads back otherwise");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(data, size);
  test::Foreign file = sound()[choices.below(sound().size())];
  convert::RecognizeOptions options;
  if (choices.one_in(4)) options.pad_both = choices.one_in(2);
  for (int i = 0; i < 24 && !choices.done(); ++i) stroke(choices, file);
  std::optional<models::Network> network;
  convert::NormCounters counters;
  fuzz::holds([&] {
    const convert::Recognized found = convert::recognize(file, options);
    network = convert::load(file, found);
    counters = convert::load_counters(file, found);
  });
  if (!network && size <= 1) fuzz::broken("a sound file is refused");
  if (!network) return 0;
  try {
    check_kept(*network, counters);
    convert::keras_names(network->spec());
  } catch (const Error& error) {
    fuzz::broken(std::string("a network that cannot be kept: ") + error.what());
  }
  return 0;
}
