// Model files of networks for video: every bit comes back, training goes on from them, what is
// damaged or of another kind is refused by name; and what resnet-info says of them.
#include <cstring>

#include "models/st_networks.h"
#include "ops/loss.h"
#include "support/catch.h"
#include "support/files.h"
#include "train/describe.h"
#include "train/optimizer.h"
#include "train/small_model.h"
#include "train/st_model_file.h"

using namespace rn;
using namespace rn::test;
using train::LoadedStModel, train::StModelFile;

namespace {

StSpec small_st(const StOptions& more = {}) {
  StOptions options = more;
  options.flow_stack = 2;
  return models::make_st_spec(st_table(nn::BlockKind::bottleneck), options);
}

StModelFile file_of(const StSpec& spec) {
  StModelFile file;
  if (spec.appearance) file.frames = {.mean = {0.5, 0.25, 0.125}, .stddev = {0.2, 0.3, 0.4}};
  if (spec.motion) file.flow = {.mean = {0.5, 0.5, 0.5, 0.5}, .stddev = {0.1, 0.1, 0.1, 0.2}};
  file.common.class_names = {"run", "jump", "sit"};
  file.common.data_uri = "video:clips";
  file.common.curves.epoch = {1};
  file.common.curves.train_loss = {1.5};
  return file;
}

LoadedStModel reload(io::Bytes bytes, std::optional<Dtype> dtype = {}) {
  return train::load_st_model(io::H5::open_image(std::move(bytes), "st.h5"), dtype);
}

// A few steps of training, from step `from` on.
struct Training {
  StNetwork network;
  train::Optimizer optimizer;
  TensorPool pool;
  models::StSaved saved;

  explicit Training(StNetwork begin) : network(std::move(begin)), optimizer(prepared(network)) {}
  static train::Optimizer prepared(StNetwork& network) {
    network.store().require_gradients();
    return {{.momentum = 0.9, .weight_decay = 1e-3}, network.store()};
  }
  void run(std::int64_t from, std::int64_t to) {
    for (std::int64_t step = from; step < to; ++step) {
      const auto at = static_cast<std::uint64_t>(10 * step);
      const auto input = [&](std::int64_t channels, std::uint64_t which) {
        return random_tensor({6, 6, 6, channels}, at + which).cast(Dtype::f32, Tag::input);
      };
      const models::StInput batch{input(3, 1), input(4, 2), 2};
      const nn::Pass pass{pool, cpu_stream(), true, true};
      network.store().zero_gradients();
      const models::StLogits logits = network.forward(batch, pass, saved);
      const Tensor labels({logits.motion.dim(0)}, Dtype::i32, Tag::input);
      for (std::int64_t i = 0; i < labels.size(); ++i) {
        labels.data<std::int32_t>()[i] = static_cast<std::int32_t>((step + i) % 3);
      }
      const auto gradient = [&](const Tensor& of) {
        const Tensor losses({of.dim(0)}, Dtype::f64, Tag::workspace);
        const Tensor d(of.shape(), of.dtype(), Tag::workspace);
        ops::softmax_cross_entropy({.scale = 1.0 / static_cast<double>(of.dim(0))}, of, labels,
                                   losses, d);
        return d;
      };
      network.backward({gradient(logits.appearance), gradient(logits.motion)}, pass, saved);
      REQUIRE(optimizer.step(0.05, step + 1).empty());
      network.commit(saved);
    }
  }
  io::Bytes save(StModelFile file, std::int64_t steps) const {
    train::TrainingState state;
    state.step = steps;
    state.slots = optimizer.slots();
    file.common.training = std::move(state);
    return train::save_st_model(network, file, false);
  }
};

io::Bytes changed(const io::Bytes& bytes, std::vector<std::string> without,
                  const std::function<void(io::H5&)>& edit = {}) {
  const io::H5 from = io::H5::open_image(bytes, "st.h5");
  Copy copy(from, std::move(without));
  if (edit) edit(copy.file);
  return copy.file.image();
}

std::string st_refusal(const io::Bytes& bytes) {
  try {
    reload(bytes);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::input);
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a file of a network for video gives back every bit") {
  const std::vector<StOptions> all = {
      {},
      {.motion = false},
      {.appearance = false, .temporal_convs = false},
      {.connection = Connection::multiplicative,
       .gate = 0.25,
       .before_relu = true,
       .temporal_pool = TemporalPool::before_average,
       .pool_size = 3,
       .pool_stride = 1},
      {.temporal_pool = TemporalPool::after_average},
  };
  for (const StOptions& options : all) {
    for (const Dtype dtype : {Dtype::f32, Dtype::f64, Dtype::bf16}) {
      const StSpec spec = small_st(options);
      StNetwork network(spec, dtype);
      network.initialize(6);
      const StModelFile file = file_of(spec);
      const io::Bytes bytes = train::save_st_model(network, file, false);
      const LoadedStModel loaded = reload(bytes, dtype);
      CHECK(loaded.file.spec == spec);
      CHECK(loaded.network.spec() == spec);
      CHECK(loaded.network.gates == network.gates);
      CHECK(loaded.file.frames.mean == file.frames.mean);
      CHECK(loaded.file.flow.stddev == file.flow.stddev);
      CHECK(loaded.file.common.class_names == file.common.class_names);
      const nn::Store &was = network.store(), &is = loaded.network.store();
      REQUIRE(was.parameters().size() == is.parameters().size());
      for (std::size_t i = 0; i < was.parameters().size(); ++i) {
        CHECK(was.parameters()[i]->name == is.parameters()[i]->name);
        CHECK(same(was.parameters()[i]->value, is.parameters()[i]->value));
      }
      for (std::size_t i = 0; i < was.states().size(); ++i) {
        CHECK(same(was.states()[i]->value, is.states()[i]->value));
      }
      CHECK(train::save_st_model(loaded.network, loaded.file, false) == bytes);
    }
  }
}

TEST_CASE("training that goes on from a file is training that was not stopped") {
  const StSpec spec = small_st();
  const auto begin = [&] {
    StNetwork network(spec, Dtype::f32);
    network.initialize(11);
    return network;
  };
  Training whole(begin()), first(begin());
  whole.run(0, 4);
  first.run(0, 2);
  LoadedStModel loaded = reload(first.save(file_of(spec), 2));
  REQUIRE(loaded.file.common.training);
  CHECK(loaded.file.common.training->step == 2);
  const auto slots = loaded.file.common.training->slots;
  CHECK(slots.at("momentum").contains("motion.stage1.block2.conv1.weight"));
  Training second(std::move(loaded.network));
  second.optimizer.load(slots);
  second.run(2, 4);
  CHECK(second.save(file_of(spec), 4) == whole.save(file_of(spec), 4));
}

TEST_CASE("what is not a whole file of a network for video is refused by name") {
  StNetwork network(small_st({.temporal_pool = TemporalPool::after_average}), Dtype::f32);
  network.initialize(2);
  const io::Bytes bytes = train::save_st_model(network, file_of(network.spec()), false);
  CHECK(st_refusal(bytes) == "accepted");
  const auto contains = [](const char* text) { return Catch::Matchers::Contains(text); };
  CHECK_THAT(st_refusal(changed(bytes, {"parameters/motion.stem.conv.weight"})),
             contains("st.h5: parameters/motion.stem.conv.weight is missing"));
  CHECK_THAT(st_refusal(changed(bytes, {"/@connection"})), contains("connection"));
  const auto word = [&](const char* at, const char* name, const char* value) {
    return st_refusal(changed(bytes, {}, [&](io::H5& file) { file.set(at, name, value); }));
  };
  CHECK_THAT(word("/", "connection", "glue"), contains("'glue'"));
  CHECK_THAT(word("appearance/head", "temporal_pool", "now"), contains("'now'"));
  CHECK_THAT(word("/", "kind", "other"), contains("a network for images"));
  const auto number = [&](const char* at, const char* name, std::int64_t value) {
    return st_refusal(changed(bytes, {}, [&](io::H5& file) { file.set(at, name, value); }));
  };
  CHECK_THAT(number("motion/input", "channels", 6), contains("motion/input/mean"));
  CHECK_THAT(number("motion/head", "pool_size", 0), contains("pooling over time"));
  CHECK_THAT(number("motion/head", "classes", 4), contains("tables that differ"));
  CHECK_THAT(number("appearance/head", "pool_stride", 7), contains("tables that differ"));

  // The readers of one kind do not take the other.
  try {
    train::load_model(io::H5::open_image(bytes, "st.h5"));
    FAIL("taken for a network for images");
  } catch (const Error& error) {
    CHECK_THAT(error.what(), contains("st.h5: a network for video"));
  }
  CHECK_THAT(st_refusal(small_bytes()), contains("a network for images"));
}

TEST_CASE("temporal convolutions belong to networks for video") {
  const io::H5 from = io::H5::open_image(small_bytes(), "m.h5");
  Copy copy(from, {"blocks/temporal"});
  const std::vector<std::int64_t> temporal = {1, 3, 1, 1};
  copy.file.write_column("blocks/temporal", temporal);
  try {
    load(copy.file.image());
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK_THAT(error.what(), Catch::Matchers::Contains("stage1.block2"));
    CHECK(error.kind() == ErrorKind::input);
  }
}

TEST_CASE("a network for video is described") {
  StNetwork network(small_st({.gate = 0.5, .temporal_pool = TemporalPool::after_average}),
                    Dtype::f32);
  network.initialize(2);
  const io::H5 file =
      io::H5::open_image(train::save_st_model(network, file_of(network.spec()), false), "st.h5");
  const std::string text = train::describe_text(file, {});
  for (const char* what :
       {"tiny for video", "additive, gate 0.5", "6x6x4", "maximum over 5 frames, stride 2",
        "3: run jump sit", "temporal convolutions in 2 units"}) {
    CHECK_THAT(text, Catch::Matchers::Contains(what));
  }
  CHECK_THAT(train::describe_text(file, {.blocks = true}),
             Catch::Matchers::Contains("\nmotion.stage2.block2\tbottleneck\t6\t3\t6\t"));
  CHECK_THAT(train::describe_text(file, {.parameters = true}),
             Catch::Matchers::Contains("appearance.stage1.block2.conv1.weight\tparameter\t"
                                       "[3, 1, 1, 12]"));
  const std::string json = train::describe_json(file, {.blocks = true}).str();
  for (const char* what : {"\"kind\":\"st_resnet\"", "\"connection\":\"additive\"",
                           "\"temporal_pool\":\"after_average\"", "\"temporal_units\":2"}) {
    INFO(json);
    CHECK_THAT(json, Catch::Matchers::Contains(what));
  }
}
