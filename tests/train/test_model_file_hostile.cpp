// Files that are no models, that lie, or that ask for more than they hold.
#include <hdf5.h>

#include <cmath>

#include "support/files.h"
#include "train/small_model.h"

using namespace rn;
using namespace rn::test;

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
