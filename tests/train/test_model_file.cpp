#include <cmath>

#include "support/files.h"
#include "train/small_model.h"

using namespace rn;
using namespace rn::test;

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
