// Writes the seed corpus: fuzz_make_corpus DIRECTORY makes a folder for each target in it.
#include <filesystem>
#include <fstream>

#include "fuzz/check.h"
#include "io/safetensors.h"
#include "io/weight_files.h"

using namespace rn;
using namespace rn::test;
using namespace std::literals;

namespace {

std::filesystem::path root;

void put(const std::string& target, const std::string& name, const std::string& bytes) {
  std::filesystem::create_directories(root / target);
  std::ofstream(root / target / name, std::ios::binary) << bytes;
}

PickleText state(bool nested) {
  PickleText p;
  p.op("}(");
  if (nested) p.text("epoch").integer(3).text("state_dict").ordered_dict().op("(");
  p.text("module.conv.weight").tensor("FloatStorage", "0", 4, {2, 2}, {1, 2});
  p.text("module.bn.num_batches_tracked").tensor("LongStorage", "1", 2, {}, {}, 1);
  p.op(nested ? "uu" : "u");
  return p;
}

void safetensors_seeds() {
  std::vector<io::Weight> weights;
  for (const Dtype dtype : {Dtype::f32, Dtype::f64, Dtype::i64}) {
    weights.push_back({to_string(dtype), "", Tensor::zeros({2, 1}, dtype, Tag::parameter)});
  }
  const io::Bytes bytes = io::write_safetensors(weights, {{"format", "pt"}});
  put("safetensors", "package", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  put("safetensors", "empty", safetensors("{}", ""));
  for (const char* dtype : {"F16", "BF16", "I16", "U16"}) {
    put("safetensors", dtype,
        safetensors(
            fmt::format(R"({{"x":{{"shape":[2],"data_offsets":[0,4],"dtype":"{}"}}}} )", dtype),
            "\1\2\3\4"));
  }
  put("safetensors", "scalar",
      safetensors(
          R"({"\u00e9":{"dtype":"BOOL","shape":[],"data_offsets":[0,1]},"e":{"dtype":"U8","shape":[0,9],"data_offsets":[1,1]}})",
          "\1"));
}

void pickle_seeds() {
  put("pickle", "state", state(false).end());
  put("pickle", "nested", state(true).end());
  put("pickle", "text", "(dp0\nS'a'\np1\n(lp2\nI1\naF1.5\naL3L\nasVb\n(I01\nI00\ntp3\ns.");
  put("pickle", "protocol1",
      "}q\0(U\1aK\1U\1bM\1\2U\1cJ\1\2\3\4U\1dG?\xf8\0\0\0\0\0\0U\1e]q\1(K\1K\2eu."s);
  put("pickle", "protocol4",
      "\x80\x04\x95\x2f\0\0\0\0\0\0\0}\x94(\x8c\1a\x94\x8c\3foo\x94\x8c\3Bar\x94\x93\x94)\x81\x94}\x94\x8c\1x\x94K\1sb\x8c\1s\x94\x8f\x94(K\1\x90\x8c\1t\x94K\1K\2\x86\x94u."s);
  put("pickle", "objects",
      "(cfoo\nBar\nK\1o(K\2ifoo\nBaz\nPid\nU\2idQcfoo\nBar\n)R}b\x86\x86\x86.");
  put("pickle", "python2", "ccollections\nOrderedDict\n(](](U\1aK\1e](U\1bK\2eetR.");
  put("pickle", "cycle", "]q\0h\0ah\0a."s);
}

void torch_seeds() {
  // The first byte chooses what is made of the rest (fuzz_torch.cpp).
  const Entries entries = {{"0", raw<float>({1, 2, 3, 4})}, {"1", raw<std::int64_t>({5, 6})}};
  const Entries counts = {{"0", counted<float>({1, 2, 3, 4})},
                          {"1", counted<std::int64_t>({5, 6})}};
  for (const bool nested : {false, true}) {
    const std::string content = state(nested).end();
    const std::string name = nested ? "nested" : "bare";
    put("torch", "zip-" + name, "\0"s + torch_zip(content, entries));
    put("torch", "legacy-" + name, "\0"s + torch_legacy(content, counts));
    put("torch", "in-zip-" + name, "\1\0\0"s + content);
    put("torch", "in-legacy-" + name, "\2\0\0"s + content);
  }
  put("torch", "entries",
      "\4\0\0\3\0\x10" + state(false).end() + "\1\x10" + raw<float>({1, 2, 3, 4}));
}

void h5_seeds() {
  // Choices, not files: which image to begin with, then strokes.
  for (int start = 0; start < 13; ++start) {
    for (int kind = 0; kind < 9; ++kind) {
      std::string bytes(1, static_cast<char>(start));
      for (int i = 0; i < 3; ++i) {
        bytes +=
            "\1\3\2\3"s + static_cast<char>(7 * kind + i) + static_cast<char>(kind) + "\1\2\3\4"s;
      }
      put("h5", fmt::format("start{}-stroke{}", start, kind), bytes);
    }
  }
}

void results_seeds() {
  // Choices: which result to begin with, then single numbers and strokes.
  for (int start = 0; start < 24; ++start) {
    const std::string first(1, static_cast<char>(start));
    put("results", fmt::format("sound{}", start), first);
    const int kind = start % 9;
    put("results", fmt::format("sound{}-number", start),
        first + "\1"s + static_cast<char>(6 * start) + "\1\2"s + static_cast<char>(kind + 1) +
            "\1\1\3\2\1\5\4\3"s);
    put("results", fmt::format("sound{}-stroke", start),
        first + "\2"s + static_cast<char>(8 * start) + "\1\2\3"s + static_cast<char>(kind) +
            "\1\2\3\4"s);
  }
}

void convert_seeds() {
  // Choices again: which weight file to begin with, then strokes.
  for (int start = 0; start < 12; ++start) {
    const std::string first(1, static_cast<char>(start));
    put("convert", fmt::format("sound{}", start), first);
    for (int kind = 0; kind < 6; ++kind) {
      put("convert", fmt::format("sound{}-stroke{}", start, kind),
          first + "\1\1"s + static_cast<char>(11 * start + kind) + static_cast<char>(kind) +
              "\1\2\3\4\5\6\7"s);
    }
    put("convert", fmt::format("sound{}-text", start), first + "\1\2\1\0\0\0\x50\1\7\0"s);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) fuzz::broken("usage: fuzz_make_corpus DIRECTORY");
  root = argv[1];
  safetensors_seeds();
  pickle_seeds();
  torch_seeds();
  convert_seeds();
  h5_seeds();
  results_seeds();
  return 0;
}
