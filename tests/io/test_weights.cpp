#include "io/safetensors.h"
#include "io/weight_files.h"
#include "io/weights.h"
#include "support/catch.h"
#include "support/files.h"

using namespace rn;
using namespace rn::io;
using namespace rn::test;

namespace {

std::string refused(const std::string& bytes) {
  return error_of(ErrorKind::input, [&] { read_weights(as_bytes(bytes), "w"); });
}

}  // namespace

TEST_CASE("weights: the bytes decide, not the name") {
  const TempDir dir;
  Weight weight{"module.w", "f32", Tensor::zeros({2}, Dtype::f32, Tag::parameter)};
  const Bytes bytes = write_safetensors(std::span(&weight, 1));
  put(dir / "model.pth", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  const WeightFile file = read_weights(dir / "model.pth");
  CHECK(file.format == WeightFormat::safetensors);
  CHECK(file.name == dir / "model.pth");
  CHECK(file.prefix == "module.");
  CHECK(file.weights[0].name == "w");
  CHECK(contains(error_of(ErrorKind::input, [&] { read_weights(dir / "model.pth", "ema"); }),
                 "safetensors files have no entries to choose from, such as 'ema'"));
  CHECK(contains(error_of(ErrorKind::input, [&] { read_weights(dir / "absent"); }), "absent"));
}

TEST_CASE("weights: a prefix goes only when all share it, and never all of a name") {
  const auto cut = [](std::vector<std::string> names) {
    std::vector<Weight> weights;
    for (std::string& name : names) {
      weights.push_back({std::move(name), "f32", Tensor::zeros({1}, Dtype::f32, Tag::parameter)});
    }
    return read_weights(write_safetensors(weights), "w");
  };
  CHECK(cut({"module._orig_mod.a", "module._orig_mod.b"}).prefix == "module._orig_mod.");
  CHECK(cut({"_orig_mod.a", "b"}).prefix.empty());
  CHECK(cut({"module."}).weights[0].name == "module.");
  CHECK(cut({"module.module.module.module.module.a"}).weights[0].name == "module.a");
  CHECK(cut({"n_averaged"}).weights.size() == 1);
  CHECK(cut({"n_averaged", "module.a"}).prefix == "module.");
}

TEST_CASE("weights: what is no weight file is called by its name") {
  using namespace std::literals;
  CHECK(contains(refused(""), "w: is empty; expected safetensors, PyTorch"));
  CHECK(contains(refused("version https://git-lfs.github.com/spec/v1\n"), "Git LFS pointer"));
  CHECK(contains(refused("<!DOCTYPE html>"), "a web page"));
  CHECK(contains(refused("\x1f\x8b\x08"), "gzip"));
  CHECK(contains(refused("\x93NUMPY\x01"), "a NumPy array"));
  CHECK(contains(refused(std::string(257, 'x') + "ustar"), "tar archive"));
  CHECK(contains(refused("\x80\x02}."), "a Python pickle, but not one that torch.save wrote"));
  CHECK(contains(refused("hello"), "no weight file known here"));
  CHECK(contains(refused("\x89HDF"), "HDF5"));
  CHECK(contains(refused("PK\x03\x04"), "damaged zip archive"));
}
