// Training that starts from a model.
#include "train/initial.h"
#include "train/run.h"

using namespace rn;
using namespace rn::train;
using test::contains;
using test::error_of;
using test::TempDir;
using test::tiny;

namespace {

data::Info images_of(std::int64_t size, std::int64_t channels, std::int64_t classes) {
  data::Info info{.uri = "test:set", .count = 1, .height = size, .width = size};
  info.channels = channels;
  for (std::int64_t c = 0; c < classes; ++c) info.class_names.push_back("name" + std::to_string(c));
  return info;
}

float first(const models::Network& network, const std::string& name) {
  for (const auto& p : network.store().parameters()) {
    if (p->name == name) return p->value.data<float>()[0];
  }
  FAIL(name);
  return 0;
}

}  // namespace

TEST_CASE("with no rate, what training starts from is what comes out", "[train]") {
  const TempDir folder;
  const TrainOptions begin = tiny(folder, "a.h5");
  REQUIRE(train::train(begin).ended == Ended::complete);
  TrainOptions o = tiny(folder, "b.h5");
  o.init = begin.output;
  o.schedule.lr = 0;
  o.seed = 7;  // other batches, another head if there were a new one
  REQUIRE(train::train(o).ended == Ended::complete);
  const LoadedModel a = load_model(begin.output), b = load_model(o.output);
  const auto &before = a.network.store().parameters(), &after = b.network.store().parameters();
  REQUIRE(before.size() == after.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto x = before[i]->value.span<float>(), y = after[i]->value.span<float>();
    CHECK(std::equal(x.begin(), x.end(), y.begin(), y.end()));
  }
  CHECK(a.file.normalization.mean == b.file.normalization.mean);
  CHECK(b.file.provenance.inputs.size() == 3);
  // What the norms had seen is counted on.
  CHECK(a.file.norm_batches.empty());
  const std::int64_t steps = a.file.training->step, more = b.file.training->step;
  REQUIRE(steps > 0);
  CHECK(b.file.norm_batches.at("stem.bn") == steps);
  CHECK(b.file.norm_batches.size() == norms_of(b.network).size());
  CHECK(batches_before(b.file, b.network).at("stem.bn") == steps + more);
  ModelFile most = b.file;
  most.norm_batches["stem.bn"] = ModelFile::most_batches - 1;
  CHECK(batches_before(most, b.network).at("stem.bn") == ModelFile::most_batches);

  o.output = folder / "c.h5";
  o.reset_head = true;
  REQUIRE(train::train(o).ended == Ended::complete);
  const LoadedModel c = load_model(o.output);
  CHECK(first(c.network, "stem.conv.weight") == first(a.network, "stem.conv.weight"));
  CHECK(first(c.network, "head.linear.weight") != first(a.network, "head.linear.weight"));
}

TEST_CASE("the table is fitted to the data, or the data refused", "[train]") {
  ModelFile file;
  file.spec = models::make_arch("resnet8-cifar", {.classes = 4});
  file.class_names = {"a", "b", "c", "d"};
  CHECK(initial_spec(file, images_of(32, 3, 4), false, true) == file.spec);
  CHECK(initial_spec(file, images_of(24, 3, 4), false, true).height == 24);
  CHECK(initial_spec(file, images_of(32, 3, 9), true, true).classes == 9);
  const auto refused = [&](const data::Info& info, bool keep) {
    return error_of(ErrorKind::input, [&] { initial_spec(file, info, false, keep); });
  };
  CHECK(contains(refused(images_of(32, 3, 9), true), "--reset-head"));
  CHECK(contains(refused(images_of(32, 1, 4), true), "channels"));
  file.normalization.mean_image = Tensor::zeros({32, 32, 3}, Dtype::f32, Tag::input);
  CHECK(contains(refused(images_of(24, 3, 4), true), "mean image"));
  CHECK(initial_spec(file, images_of(24, 3, 4), false, false).height == 24);
}
