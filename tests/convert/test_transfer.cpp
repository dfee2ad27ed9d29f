// Values, and that every tensor is accounted for.
#include "convert/export.h"
#include "convert/table_text.h"
#include "convert/transfer.h"
#include "models/catalog.h"
#include "support/files.h"
#include "weight_files.h"

namespace {

using namespace rn;
using test::contains;
using test::Foreign;

models::Network converted(const io::WeightFile& file,
                          const convert::RecognizeOptions& options = {}) {
  return convert::load(file, convert::recognize(file, options));
}

const Tensor& value(const models::Network& network, const std::string& name) {
  for (const auto& p : network.store().parameters()) {
    if (p->name == name) return p->value;
  }
  for (const auto& s : network.store().states()) {
    if (s->name == name) return s->value;
  }
  throw std::runtime_error("no " + name);
}

bool same(const models::Network& a, const models::Network& b) {
  bool equal = a.spec() == b.spec();
  const auto compare = [&](const Tensor& x, const Tensor& y) {
    equal =
        equal && x.shape() == y.shape() && x.dtype() == y.dtype() &&
        std::equal(static_cast<const char*>(x.raw()), static_cast<const char*>(x.raw()) + x.bytes(),
                   static_cast<const char*>(y.raw()));
  };
  const auto &p = a.store().parameters(), &q = b.store().parameters();
  const auto &s = a.store().states(), &t = b.store().states();
  if (p.size() != q.size() || s.size() != t.size()) return false;
  for (std::size_t i = 0; i < p.size(); ++i) compare(p[i]->value, q[i]->value);
  for (std::size_t i = 0; i < s.size(); ++i) compare(s[i]->value, t[i]->value);
  return equal;
}

Tensor logits(const models::Network& network) {
  const auto& spec = network.spec();
  Tensor images({2, spec.height, spec.width, spec.channels}, network.dtype(), Tag::input);
  for (std::int64_t i = 0; i < images.size(); ++i) {
    images.data<float>()[i] = test::value_of("image", i) - 0.75F;
  }
  TensorPool pool;
  nn::Pass pass{pool, cpu_stream(), false, false};
  models::Saved saved;
  return network.forward(images, pass, saved).clone();
}

models::Network random(const std::string& arch, Dtype dtype,
                       const models::ArchOptions& options = {}) {
  models::Network network(models::make_arch(arch, options), dtype);
  network.initialize(3);
  std::int64_t i = 0;
  const auto fill = [&](const Tensor& tensor) {
    with_float(dtype, "test", [&]<class T>() {
      for (T& x : tensor.span<T>()) x = static_cast<T>(test::value_of("random", ++i)) + T(1e-9);
    });
  };
  for (const auto& p : network.store().parameters()) fill(p->value);
  for (const auto& s : network.store().states()) fill(s->value);
  return network;
}

io::WeightFile exported(const models::Network& network, bool keras) {
  Foreign file(keras ? io::WeightFormat::keras_h5 : io::WeightFormat::safetensors);
  const auto& spec = network.spec();
  file.weights =
      keras ? convert::unload(network, convert::Convention::keras,
                              convert::keras_names(spec).layers, {})
            : convert::unload(network, convert::Convention::torch, convert::torch_names(spec),
                              convert::NormCounters{{"stem.bn", 7}});
  return file;
}

}  // namespace

TEST_CASE("the layers of a table are the parameters of its network") {
  for (const models::ArchEntry& arch : models::archs()) {
    models::ArchOptions options;
    // Small, for those that are large.
    if (arch.name.find("revnet") != std::string::npos || arch.name.find("gomez") == 0) {
      options.widths = {4, 4, 8, 12};
      if (arch.name.find("-cifar") == std::string::npos) options.widths.push_back(16);
    } else {
      options.base_width = 4;
    }
    if (arch.name.find("1202") != std::string::npos) continue;
    const models::Network network(models::make_arch(arch.name, options), Dtype::f32);
    std::map<std::string, Shape> listed;
    for (const auto& layer : convert::layers_of(network.spec())) {
      for (const auto& slot : convert::slots_of(layer)) {
        listed[layer.name + "." + slot.name] = slot.shape;
      }
    }
    std::map<std::string, Shape> made;
    for (const auto& p : network.store().parameters()) made[p->name] = p->value.shape();
    for (const auto& s : network.store().states()) made[s->name] = s->value.shape();
    INFO(arch.name);
    CHECK(listed == made);
    CHECK(convert::parameter_count(network.spec()) == network.store().parameter_count());
  }
}

TEST_CASE("PyTorch's values stand where they belong") {
  const Foreign file = test::torch_resnet({.counts = {1, 1, 1}, .shortcut = "shortcut"});
  const models::Network network = converted(file);
  // Mapped by hand, from the definition of OIHW and OHWI.
  const Tensor& conv = value(network, "stage2.block1.conv1.weight");
  REQUIRE(conv.shape() == Shape{32, 3, 3, 16});
  for (std::int64_t o = 0; o < 32; ++o) {
    for (std::int64_t i = 0; i < 16; ++i) {
      for (std::int64_t y = 0; y < 3; ++y) {
        for (std::int64_t x = 0; x < 3; ++x) {
          const float theirs =
              test::value_of("layer2.0.conv1.weight", ((o * 16 + i) * 3 + y) * 3 + x);
          if (conv.data<float>()[((o * 3 + y) * 3 + x) * 16 + i] != theirs) FAIL("misplaced");
        }
      }
    }
  }
  CHECK(value(network, "stage2.block1.shortcut.conv.weight").data<float>()[17] ==
        test::value_of("layer2.0.shortcut.0.weight", 17));
  CHECK(value(network, "stage2.block1.shortcut.bn.running_var").data<float>()[5] ==
        test::value_of("layer2.0.shortcut.1.running_var", 5));
  CHECK(value(network, "stage3.block1.bn2.bias").data<float>()[63] ==
        test::value_of("layer3.0.bn2.bias", 63));
  CHECK(value(network, "head.linear.weight").data<float>()[100] ==
        test::value_of("fc.weight", 100));

  // The same in a network made by hand gives the same outputs.
  models::ArchOptions options;
  options.shortcut = "conv_bn";
  models::Network hand(models::make_arch("resnet8-cifar", options), Dtype::f32);
  for (const auto& p : hand.store().parameters()) p->value.copy_from(value(network, p->name));
  for (const auto& s : hand.store().states()) s->value.copy_from(value(network, s->name));
  const Tensor a = logits(network), b = logits(hand);
  CHECK(std::equal(a.span<float>().begin(), a.span<float>().end(), b.span<float>().begin()));
}

TEST_CASE("Keras' values stand where they belong") {
  Foreign file(io::WeightFormat::keras_h5);
  file.keras_conv("conv2d", 4, 3, 3);
  file.keras_norm("batch_normalization", 4);
  file.keras_conv("conv2d_1", 4, 4, 3);
  file.keras_norm("batch_normalization_1", 4);
  file.keras_conv("conv2d_2", 4, 4, 3);
  file.keras_norm("batch_normalization_2", 4);
  file.keras_conv("conv2d_3", 8, 4, 3);
  file.keras_norm("batch_normalization_3", 8);
  file.keras_conv("conv2d_4", 8, 8, 3);
  file.keras_conv("conv2d_5", 8, 4, 1);
  file.keras_norm("batch_normalization_4", 8);
  file.keras_dense("dense", 5, 8);
  const models::Network network = converted(file);
  REQUIRE(network.spec().blocks.size() == 2);
  const nn::BlockSpec& second = network.spec().blocks[1];
  CHECK(second.name == "stage2.block1");
  CHECK(second.stride == 2);
  CHECK(second.padding == nn::Padding::same);
  CHECK(second.shortcut == nn::ShortcutKind::conv);
  CHECK(second.conv_bias == nn::ConvBias::all);
  CHECK(second.bn_eps == 1e-3);
  const Tensor& conv = value(network, "stage2.block1.conv1.weight");
  for (std::int64_t o = 0; o < 8; ++o) {
    for (std::int64_t i = 0; i < 4; ++i) {
      for (std::int64_t k = 0; k < 9; ++k) {
        const float theirs = test::value_of("conv2d_3/kernel", (k * 4 + i) * 8 + o);
        if (conv.data<float>()[(o * 9 + k) * 4 + i] != theirs) FAIL("misplaced");
      }
    }
  }
  CHECK(value(network, "stage2.block1.shortcut.conv.bias").data<float>()[3] ==
        test::value_of("conv2d_5/bias", 3));
  CHECK(value(network, "stage2.block1.bn2.running_mean").data<float>()[7] ==
        test::value_of("batch_normalization_4/moving_mean", 7));
  CHECK(value(network, "head.linear.weight").data<float>()[1 * 8 + 2] ==
        test::value_of("dense/kernel", 2 * 5 + 1));
}

TEST_CASE("tensors that are missing, mis-shaped or left over are named") {
  const auto net = [] { return test::torch_resnet({.counts = {2, 2, 2}, .shortcut = "shortcut"}); };
  const auto refusal = [](const Foreign& file) {
    return test::error_of(ErrorKind::input, [&] { converted(file); });
  };
  Foreign file = net();
  file.remove("layer1.0.bn1.running_var");
  file.remove("bn1.bias");
  file.add("extra.weight", {3});
  file.remove("layer2.1.bn2.bias");
  file.add("layer2.1.bn2.bias", {31});
  const std::string all = refusal(file);
  CHECK(contains(all, "net: does not fit"));
  CHECK(contains(all, "2 missing: bn1.bias, layer1.0.bn1.running_var"));
  CHECK(contains(all, "1 mis-shaped: layer2.1.bn2.bias [31] instead of [32]"));
  CHECK(contains(all, "1 left over: extra.weight"));
  file = net();
  for (int i = 0; i < 14; ++i) file.add("more" + std::to_string(i), {1});
  CHECK(contains(refusal(file), "14 left over: more0, more1"));
  CHECK(contains(refusal(file), "(and 4 more)"));
  file = net();
  file.remove("fc.bias");
  file.weights.push_back({"fc.bias", "i32", Tensor::zeros({10}, Dtype::i64, Tag::workspace)});
  CHECK(contains(refusal(file), "fc.bias holds i32"));
  file = net();  // counters may be absent
  std::erase_if(file.weights,
                [](const io::Weight& w) { return w.name.ends_with("num_batches_tracked"); });
  CHECK_NOTHROW(converted(file));
}

TEST_CASE("counters of norms come along") {
  Foreign file = test::torch_resnet({.counts = {1, 1}});
  const auto set = [&](const std::string& name, const Tensor& value) {
    file.remove(name);
    file.weights.push_back({name, "i64", value});
  };
  const auto number = [](std::int64_t value) {
    const Tensor tensor = Tensor::zeros({}, Dtype::i64, Tag::workspace);
    *tensor.data<std::int64_t>() = value;
    return tensor;
  };
  set("bn1.num_batches_tracked", number(78200));
  set("layer2.0.downsample.1.num_batches_tracked", number(3));
  file.remove("layer1.0.bn1.num_batches_tracked");
  const convert::Recognized found = convert::recognize(file, {});
  const convert::NormCounters counters = convert::load_counters(file, found);
  CHECK(counters == convert::NormCounters{{"stem.bn", 78200}, {"stage2.block1.shortcut.bn", 3}});
  const auto weights = convert::unload(convert::load(file, found), convert::Convention::torch,
                                       convert::torch_names(found.spec), counters);
  std::map<std::string, std::int64_t> written;
  for (const io::Weight& w : weights) {
    if (w.value.dtype() == Dtype::i64) written[w.name] = *w.value.data<std::int64_t>();
  }
  CHECK(written.size() == 6);
  CHECK(written.at("bn1.num_batches_tracked") == 78200);
  CHECK(written.at("layer2.0.downsample.1.num_batches_tracked") == 3);
  CHECK(written.at("layer1.0.bn1.num_batches_tracked") == 0);

  for (const Tensor& bad :
       {number(-1), number(INT64_MAX), Tensor::zeros({2}, Dtype::i64, Tag::workspace),
        Tensor::zeros({}, Dtype::f32, Tag::workspace)}) {
    set("bn1.num_batches_tracked", bad);
    CHECK(contains(test::error_of(ErrorKind::input, [&] { convert::load_counters(file, found); }),
                   "net: bn1.num_batches_tracked is"));
  }
}

TEST_CASE("there and back is the same network, bit for bit") {
  const struct {
    const char* arch;
    const char* shortcut;
    bool keras;
  } cases[] = {{"resnet20-cifar", "", false},    {"resnet20-cifar", "conv_bn", false},
               {"preresnet20-cifar", "", false}, {"resnet18", "", false},
               {"resnet50", "", false},          {"resnet50-keras", "", true},
               {"resnet50v2-keras", "", true}};
  for (const auto& c : cases) {
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      INFO(c.arch << " " << c.shortcut);
      models::ArchOptions options;
      options.base_width = 4;
      options.shortcut = c.shortcut;
      options.classes = 7;
      const models::Network network = random(c.arch, dtype, options);
      CHECK(same(converted(exported(network, c.keras)), network));
    }
  }
}

TEST_CASE("what names cannot tell comes back with the table") {
  models::ArchOptions options;
  options.base_width = 4;
  options.shortcut = "pad_both";
  for (const bool keras : {false, true}) {
    const models::Network network = random("resnet20-cifar", Dtype::f32, options);
    io::WeightFile file = exported(network, keras);
    file.metadata[convert::table_key] = convert::table_text(network.spec());
    CHECK(same(converted(file), network));
    CHECK(converted(file, {.pad_both = false}).spec().blocks[3].shortcut ==
          nn::ShortcutKind::pad_end);
    file.metadata[convert::table_key] = convert::table_text(models::make_arch("resnet8-cifar"));
    CHECK(contains(test::error_of(ErrorKind::input, [&] { converted(file); }), "does not fit"));
  }
}

TEST_CASE("layers without shortcuts come back with the table") {
  for (const bool norm : {true, false}) {
    models::ArchOptions options;
    options.base_width = 4;
    options.batch_norm = norm;
    const models::Network network = random("vgg15-cifar", Dtype::f32, options);
    for (const bool keras : {false, true}) {
      io::WeightFile file = exported(network, keras);
      file.metadata[convert::table_key] = convert::table_text(network.spec());
      CHECK(same(converted(file), network));
    }
  }
}

TEST_CASE("the text of a table") {
  for (const models::ArchEntry& arch : models::archs()) {
    if (arch.name == "ck") continue;  // is not exported
    const models::NetworkSpec spec = models::make_arch(arch.name);
    CHECK(convert::parse_table(convert::table_text(spec), "f") == spec);
  }
  const std::string good = convert::table_text(models::make_arch("resnet8-cifar"));
  const auto damaged = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return test::error_of(ErrorKind::input, [&] { convert::parse_table(text, "f"); });
  };
  CHECK(contains(damaged("stem 16", "stem x"), "f: resnet_tools_table is damaged at 'stem x"));
  CHECK(contains(damaged("head 0\n", ""), "missing"));
  CHECK(contains(damaged("block ", "brick "), "damaged at 'brick"));
  CHECK(contains(damaged("basic 16 16 16", "basic 16 16 17"), "width"));
  CHECK(contains(damaged("head 0", "head 0 1"), "damaged"));
  CHECK(contains(damaged("stage1.block1", "../x"), "its name must have"));
  CHECK(contains(damaged("basic", "basik"), "f: resnet_tools_table: block kind 'basik'"));
  models::NetworkSpec blank = models::make_arch("resnet8-cifar");
  blank.blocks[0].name = "a b";
  CHECK(convert::table_text(blank).empty());
}
