#include "io/torch_file.h"
#include "io/weight_files.h"
#include "support/catch.h"
#include "support/files.h"

using namespace rn;
using namespace rn::io;
using namespace rn::test;
using namespace std::literals;

namespace {

using Values = std::vector<float>;

const Entries four = {{"0", raw<float>({1, 2, 3, 4})}};

// A file of either kind with this content and one storage of 1 2 3 4.
std::string zipped(const PickleText& content) { return torch_zip(content.end(), four); }
std::string legacy(const PickleText& content) {
  return torch_legacy(content.end(), {{"0", counted<float>({1, 2, 3, 4})}});
}
WeightFile read(const std::string& file, const std::string& entry = {}) {
  return read_weights(as_bytes(file), "m.pt", entry);
}
std::string refused(const std::string& file, const std::string& entry = {}) {
  const std::string message = error_of(ErrorKind::input, [&] { read(file, entry); });
  CHECK(contains(message, "m.pt: "));
  return message;
}
Values values(const Weight& weight) {
  const auto span = weight.value.span<float>();
  return {span.begin(), span.end()};
}

PickleText one(const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& strides,
               std::int64_t offset = 0, std::int64_t count = 4,
               const std::string& type = "FloatStorage") {
  return PickleText().op("}").text("a.w").tensor(type, "0", count, shape, strides, offset).op("s");
}

// {name: the tensor 1 2 3 4}, to be put into other dicts.
PickleText& put_state(PickleText& p, const std::string& name) {
  return p.op("}").text(name).tensor("FloatStorage", "0", 4, {4}, {1}).op("s");
}

}  // namespace

TEST_CASE("torch: zip and legacy files hold the same") {
  const PickleText content = one({2, 2}, {2, 1});
  const WeightFile z = read(zipped(content)), l = read(legacy(content));
  CHECK(z.format == WeightFormat::torch_zip);
  CHECK(l.format == WeightFormat::torch_legacy);
  for (const WeightFile* file : {&z, &l}) {
    REQUIRE(file->weights.size() == 1);
    CHECK(file->weights[0].name == "a.w");
    CHECK(file->weights[0].stored == "f32");
    CHECK(file->weights[0].value.shape() == Shape{2, 2});
    CHECK(values(file->weights[0]) == Values{1, 2, 3, 4});
    CHECK(file->nesting.empty());
  }
}

TEST_CASE("torch: views are copied out as they look") {
  for (const auto& make : {zipped, legacy}) {
    CHECK(values(read(make(one({2, 2}, {1, 2}))).weights[0]) == Values{1, 3, 2, 4});
    CHECK(values(read(make(one({2}, {2}, 1))).weights[0]) == Values{2, 4});
    CHECK(values(read(make(one({3}, {0}, 3))).weights[0]) == Values{4, 4, 4});
    CHECK(values(read(make(one({1, 2, 2}, {77, 0, 1}))).weights[0]) == Values{1, 2, 1, 2});
    CHECK(values(read(make(one({}, {}, 2))).weights[0]) == Values{3});
    CHECK(read(make(one({0, 5}, {5, 1}))).weights[0].value.size() == 0);
  }
}

TEST_CASE("torch: every type of storage, also in the other byte order") {
  const auto stored = [](const std::string& type, const std::string& bytes) {
    return read(torch_zip(one({1}, {1}, 0, 1, type).end(), {{"0", bytes}})).weights[0];
  };
  CHECK(stored("DoubleStorage", raw<double>({2.5})).value.data<double>()[0] == 2.5);
  CHECK(stored("HalfStorage", raw<std::uint16_t>({0x3c00})).value.data<float>()[0] == 1);
  CHECK(stored("BFloat16Storage", raw<std::uint16_t>({0x3f80})).value.data<float>()[0] == 1);
  CHECK(stored("LongStorage", raw<std::int64_t>({-3})).value.data<std::int64_t>()[0] == -3);
  CHECK(stored("IntStorage", raw<std::int32_t>({-3})).value.data<std::int64_t>()[0] == -3);
  CHECK(stored("ShortStorage", raw<std::int16_t>({-3})).value.data<std::int64_t>()[0] == -3);
  CHECK(stored("CharStorage", "\xfd").value.data<std::int64_t>()[0] == -3);
  CHECK(stored("ByteStorage", "\xfd").stored == "u8");
  CHECK(stored("BoolStorage", "\x01").stored == "bool");
  CHECK(contains(refused(torch_zip(one({1}, {1}, 0, 1, "ComplexFloatStorage").end(), four)),
                 "'a.w': its storage is 'torch.ComplexFloatStorage'"));

  const std::string swapped = "\x40\x20\x00\x00"s;  // 2.5, big-endian
  const std::string big = zip(
      {{"a/data.pkl", one({1}, {1}, 0, 1).end()}, {"a/byteorder", "big"}, {"a/data/0", swapped}});
  CHECK(values(read(big).weights[0]) == Values{2.5});
  const std::string old =
      torch_legacy(one({1}, {1}, 0, 1).end(), {{"0", "\0\0\0\0\0\0\0\1"s + swapped}}, "\x89");
  CHECK(values(read(old).weights[0]) == Values{2.5});
  CHECK(contains(refused(zip({{"a/data.pkl", one({1}, {1}).end()}, {"a/byteorder", "middle"}})),
                 "byte order 'middle'"));
}

TEST_CASE("torch: parameters, subclasses, typed rebuilds and views of old") {
  PickleText p;
  p.op("}(");
  p.text("p").global("torch._utils", "_rebuild_parameter").op("(");
  p.tensor("FloatStorage", "0", 4, {4}, {1}).op("\x88").ordered_dict().op("tR");
  p.text("s").global("torch._tensor", "_rebuild_from_type_v2").op("(");
  p.global("torch._utils", "_rebuild_tensor_v2").global("my", "Tensor").op("(");
  p.storage("FloatStorage", "0", 4).integer(1).tuple({2}).tuple({1}).op("\x89").ordered_dict();
  p.op("t}tR");
  p.text("v3").global("torch._utils", "_rebuild_tensor_v3").op("(");
  p.op("(").text("storage").global("torch.storage", "UntypedStorage").text("0").text("cpu");
  p.integer(16).op("tQ").integer(1).tuple({3}).tuple({2}).op("\x89").ordered_dict();
  p.global("torch", "uint16").op("tR");
  p.text("size").global("torch._utils", "_rebuild_tensor").op("(");
  p.storage("FloatStorage", "0", 4).integer(0).global("torch", "Size").tuple({2}).op("\x85R");
  p.tuple({1}).op("tR").op("u");
  const WeightFile file = read(zipped(p));
  REQUIRE(file.weights.size() == 4);
  CHECK(values(file.weights[0]) == Values{1, 2, 3, 4});
  CHECK(values(file.weights[1]) == Values{2, 3});
  CHECK(file.weights[2].stored == "u16");
  CHECK(file.weights[2].value.data<std::int64_t>()[0] == 0x3f80);  // the upper half of 1.0f
  CHECK(values(file.weights[3]) == Values{1, 2});

  // A storage that is a window on another: (view key, offset, size).
  PickleText view;
  view.op("}").text("a.w").global("torch._utils", "_rebuild_tensor").op("((");
  view.text("storage").global("torch", "FloatStorage").text("0").text("cpu").integer(4);
  view.op("(").text("v").integer(1).integer(2).op("ttQ").integer(0).tuple({2}).tuple({1}).op("tRs");
  CHECK(values(read(legacy(view)).weights[0]) == Values{2, 3});
}

TEST_CASE("torch: a state dict is found where checkpoints have it") {
  PickleText p;
  p.op("}(").text("epoch").integer(3);
  p.text("args").global("argparse", "Namespace").op(")\x81}b");
  p.text("best").global("numpy.core.multiarray", "scalar").op("(").text("?").op("tR");
  put_state(p.text("model"), "module.conv.weight");
  put_state(p.text("optimizer"), "x").op("u");
  const WeightFile file = read(zipped(p));
  CHECK(file.nesting == "model");
  CHECK(file.prefix == "module.");
  REQUIRE(file.weights.size() == 1);
  CHECK(file.weights[0].name == "conv.weight");
  CHECK(file.ignored == std::vector<std::string>{"epoch", "args", "best", "optimizer"});
  CHECK(read(zipped(p), "optimizer").weights[0].name == "x");
  CHECK(contains(refused(zipped(p), "ema"), "has no entry 'ema'; it has 'epoch', 'args'"));

  // Averaged weights come first, and their counter is no weight.
  PickleText both;
  both.op("}(");
  put_state(both.text("model"), "w");
  both.text("model_ema").op("}(").text("n_averaged").tensor("FloatStorage", "0", 4, {}, {});
  both.text("module.module.w").tensor("FloatStorage", "0", 4, {1}, {1}, 3).op("uu");
  const WeightFile averaged = read(zipped(both));
  CHECK(averaged.nesting == "model_ema");
  CHECK(averaged.prefix == "module.module.");
  REQUIRE(averaged.weights.size() == 1);
  CHECK(averaged.weights[0].name == "w");
  CHECK(values(averaged.weights[0]) == Values{4});
  CHECK(values(read(zipped(both), "model").weights[0]) == Values{1, 2, 3, 4});

  // Not all names share it: it stays.
  PickleText mixed;
  mixed.op("}(").text("module.a").tensor("FloatStorage", "0", 4, {1}, {1});
  mixed.text("b").tensor("FloatStorage", "0", 4, {1}, {1}).op("u");
  CHECK(read(zipped(mixed)).weights[0].name == "module.a");
}

TEST_CASE("torch: what is not a state dict is called by its name") {
  PickleText module;
  module.global("models", "ResNet").op(")\x81}").text("_modules").op("}sb");
  CHECK(contains(refused(zipped(module)), "whole pickled model of class 'models.ResNet'"));
  CHECK(contains(refused(zipped(module)), "save model.state_dict()"));
  CHECK(contains(refused(zipped(PickleText()
                                    .op("}")
                                    .text("model")
                                    .op(module.end().substr(2, module.end().size() - 3))
                                    .op("s"))),
                 "'model' is a whole pickled model"));
  PickleText old;  // its class as torch < 1.6 names it, with the source
  old.op("(").text("module").global("models", "ResNet").text("m.py").text("class").op("tQ");
  old.op(")\x81}").text("_modules").op("}sb");
  CHECK(contains(refused(torch_legacy(old.end(), {})), "class 'models.ResNet'"));
  CHECK(contains(refused(zipped(PickleText().op("]"))), "holds a list, not a state dict"));
  CHECK(contains(refused(zipped(PickleText().tensor("FloatStorage", "0", 4, {4}, {1}))),
                 "holds one tensor"));
  CHECK(contains(refused(zipped(PickleText().op("}"))), "no tensors by name in it, but nothing"));
  CHECK(contains(refused(zipped(PickleText().op("}").text("epoch").integer(1).op("s"))),
                 "no tensors by name in it, but 'epoch'"));
  CHECK(contains(refused(zip({{"a/data.pkl", "N."}, {"a/constants.pkl", "N."}})), "TorchScript"));
  CHECK(contains(refused(zip({{"a/b/data.pkl", "N."}})), "no data.pkl"));
}

TEST_CASE("torch: where a tensor is expected, anything else is named") {
  const auto with = [](const std::string& module, const std::string& name) {
    PickleText p;
    p.op("}(").text("a.w").global(module, name).op("(tR");
    p.text("b").tensor("FloatStorage", "0", 4, {4}, {1}).op("u");
    return refused(zipped(p));
  };
  CHECK(contains(with("os", "system"), "'a.w': is made by 'os.system', which is not read here"));
  CHECK(contains(with("torch._utils", "_rebuild_sparse_tensor"),
                 "'a.w': is made by 'torch._utils._rebuild_sparse_tensor'"));
  CHECK(contains(with("torch._utils", "_rebuild_tensor_v2"),
                 "'a.w': 'torch._utils._rebuild_tensor_v2' with 0 arguments"));
  CHECK(contains(with("torch._utils", "_rebuild_parameter"), "is made by"));
  CHECK(contains(with("x\x01", "y"), "'x\\x01.y'"));
  PickleText key;
  key.op("}").integer(1).tensor("FloatStorage", "0", 4, {4}, {1}).op("s");
  CHECK(contains(refused(zipped(key)), "under a key that is a number"));
  PickleText twice;
  twice.op("}(").text("w").tensor("FloatStorage", "0", 4, {1}, {1});
  twice.text("w").tensor("FloatStorage", "0", 4, {1}, {1}).op("u");
  CHECK(contains(refused(zipped(twice)), "'w' is there twice"));
  PickleText nested;
  nested.op("}").text("a.w").global("torch._utils", "_rebuild_parameter").op("(]tRs");
  CHECK(contains(refused(zipped(nested)), "'a.w': is a list, not a tensor"));
  CHECK(contains(refused(zipped(PickleText().op("}").text(std::string(600, 'n')).op("Ns"))),
                 "a name of 600 bytes"));
}

TEST_CASE("torch: shapes, strides and offsets that lie") {
  for (const auto& make : {zipped, legacy}) {
    CHECK(contains(refused(make(one({5}, {1}))), "leaves its storage of 4 elements"));
    CHECK(contains(refused(make(one({2, 2}, {3, 1}))), "leaves its storage"));
    CHECK(contains(refused(make(one({4}, {1}, 1))), "leaves its storage"));
    CHECK(contains(refused(make(one({4}, {1}, -1))), "storage offset -1"));
    CHECK(contains(refused(make(one({2}, {-1}, 1))), "leaves its storage"));
    CHECK(contains(refused(make(one({-2}, {1}))), "negative"));
    CHECK(contains(refused(make(one({2, 2}, {1}))), "2 dimensions and 1 strides"));
    CHECK(contains(refused(make(one({1LL << 62, 4}, {0, 0}))), "too large"));
    CHECK(contains(refused(make(one({1LL << 40}, {0}))), "out of proportion"));
    CHECK(contains(refused(make(one({2}, {1LL << 62}))), "leaves its storage"));
    CHECK(contains(refused(make(one({3}, {1LL << 62}, 1LL << 62))), "leaves its storage"));
    CHECK(contains(refused(make(one(std::vector<std::int64_t>(40, 1), {1}))), "40 dimensions"));
    CHECK(contains(refused(make(one({4}, {1}, 0, -4))), "no storage as torch writes it"));
    CHECK(contains(refused(make(one({4}, {1}, 0, 1LL << 60))), "no storage as torch writes it"));
  }
  // The stride of a dimension of 1 means nothing, and torch writes anything there.
  for (const std::int64_t any : {std::int64_t{0}, std::int64_t{7}, INT64_MAX}) {
    CHECK(values(read(zipped(one({1, 3}, {any, 1}, 1))).weights[0]) == Values{2, 3, 4});
  }
  CHECK(contains(refused(zipped(one({0, 1LL << 62, 4}, {1, 1, 1}))), "too large"));
  CHECK(contains(refused(zipped(one({4}, {1}, 0, 5))), "16 bytes; 20 are claimed"));
  // Many views of few bytes.
  PickleText many;
  many.op("}(");
  for (int i = 0; i < 100; ++i) {
    many.text("w" + std::to_string(i)).tensor("FloatStorage", "0", 4, {10'000}, {0});
  }
  CHECK(contains(refused(zipped(many.op("u"))), "out of proportion to the file"));
}

TEST_CASE("torch: what is given once does not multiply by being used often") {
  // One dict of metadata, searched for each tensor.
  PickleText marks;
  marks.op("}(").text("w").global("torch._utils", "_rebuild_tensor_v2").op("(");
  marks.storage("FloatStorage", "0", 4).integer(0).tuple({4}).tuple({1}).op("\x89").ordered_dict();
  marks.op("}(");
  for (int i = 0; i < 200; ++i) marks.text(std::to_string(i)).integer(i);
  CHECK(contains(refused(zipped(marks.op("utRu"))), "a view with marks"));
  // A long key of a storage.
  PickleText key;
  key.op("}").text("w").tensor("FloatStorage", std::string(600, 'k'), 4, {4}, {1}).op("s");
  CHECK(contains(refused(zipped(key)), "no storage as torch writes it"));
  CHECK(contains(refused(legacy(key)), "no storage as torch writes it"));
  // Long names of what is not read.
  PickleText beside;
  beside.op("}(").text(std::string(600, 'n')).integer(1).text("state_dict").op("}");
  beside.text("w").tensor("FloatStorage", "0", 4, {4}, {1}).op("su");
  CHECK(read(zipped(beside)).ignored.empty());
}

TEST_CASE("torch: cut at any byte is refused") {
  const PickleText content = one({2, 2}, {2, 1});
  for (const std::string& whole : {zipped(content), legacy(content)}) {
    REQUIRE_NOTHROW(read(whole));
    for (std::size_t keep = 0; keep < whole.size(); ++keep) {
      CAPTURE(keep);
      refused(whole.substr(0, keep));
    }
  }
}

TEST_CASE("torch: legacy storages that lie") {
  const std::string content = one({4}, {1}).end();
  const std::string floats = raw<float>({1, 2, 3, 4});
  const auto with = [&](std::uint64_t count) {
    return refused(torch_legacy(content, {{"0", little_endian(count, 8) + floats}}));
  };
  CHECK(contains(with(5), "truncated: storage '0' of 5 elements"));
  CHECK(contains(with(std::uint64_t{1} << 62), "truncated"));
  CHECK(contains(with(~std::uint64_t{0}), "truncated"));
  CHECK(contains(with(3), "leaves its storage of 3 elements"));
  CHECK(contains(refused(torch_legacy(content, {})), "storage '0' is missing"));
  CHECK(contains(refused(torch_legacy(content, {{"x", counted<float>({1})}})), "'x' is not used"));
  CHECK(contains(refused(torch_legacy(
                     content, {{"0", counted<float>({1, 2, 3, 4})}, {"0", counted<float>({1})}})),
                 "listed twice"));
  PickleText two;
  two.op("}(").text("a").tensor("FloatStorage", "0", 4, {4}, {1});
  two.text("b").tensor("DoubleStorage", "0", 4, {4}, {1}).op("u");
  CHECK(contains(refused(legacy(two)), "storage '0' has two types"));
}

TEST_CASE("torch: archives that lie") {
  const std::string content = one({4}, {1}).end();
  const std::string floats = four[0].second;
  const auto storage = [&](ZipEntry entry) {
    return zip({{"a/data.pkl", content}, std::move(entry)});
  };
  CHECK(values(read(storage(deflated("a/data/0", floats))).weights[0]) == Values{1, 2, 3, 4});
  CHECK(values(read(zip({{"data.pkl", content}, {"data/0", floats}})).weights[0]).size() == 4);
  CHECK(contains(refused(zip({{"a/data.pkl", content}})), "no entry 'a/data/0'"));
  CHECK(
      contains(refused(zip({{"a/data.pkl", content}, {"a/data/0", floats}, {"a/data/0", floats}})),
               "twice"));
  CHECK(contains(refused(storage({"a/data/0", floats, 0, -1, 12345})), "damaged"));  // checksum
  ZipEntry bomb = deflated("a/data/0", floats);
  bomb.size = 1 << 30;
  CHECK(contains(refused(storage(bomb)), "more than"));
  ZipEntry pickle_bomb = deflated("a/data.pkl", content);
  pickle_bomb.size = 200'000'000;
  CHECK(contains(refused(zip({pickle_bomb})), "damaged?"));
  ZipEntry longer = deflated("a/data/0", floats);
  longer.size = 12;  // unpacks to more than is claimed
  refused(storage(longer));
  CHECK(contains(refused(storage({"a/data/0", floats, 12})), "only stored and deflated"));  // bzip2
  CHECK(contains(refused(storage({"a/data/0", floats, 0, -1, -1, 1})), "encrypted"));
  CHECK(contains(refused(storage({"a/data/0", "\xff\xff garbage", 8, 16, 0})), "damaged"));
  CHECK(contains(refused("PK\x03\x04 and nothing else"), "damaged zip archive"));
}
