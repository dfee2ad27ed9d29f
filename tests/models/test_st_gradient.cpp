// Gradients of spatiotemporal networks: whole tiny networks against finite differences;
// checkpoints, memory, bf16.
#include <cstring>

#include "device/ledger.h"
#include "models/st_networks.h"
#include "support/catch.h"

using namespace rn;
using namespace rn::test;
using models::make_st_spec;

namespace {

void compare(double analytic, double numeric, const std::string& what) {
  INFO(what << ": " << analytic << " against " << numeric);
  CHECK(std::abs(analytic - numeric) <= 2e-6 * (1 + std::abs(numeric)));
}

struct Named {
  std::string name;
  StSpec spec;
};

std::vector<Named> networks() {
  std::vector<Named> list;
  for (const nn::BlockKind kind : {nn::BlockKind::basic, nn::BlockKind::bottleneck}) {
    const std::string block = to_string(kind);
    for (const Connection connection :
         {Connection::none, Connection::additive, Connection::multiplicative}) {
      StOptions options{.flow_stack = 2, .connection = connection, .gate = 0.7};
      list.push_back({block + " " + to_string(connection), make_st_spec(st_table(kind), options)});
      if (connection == Connection::none) continue;
      options.before_relu = true;
      list.push_back({block + " before the ReLU, " + to_string(connection),
                      make_st_spec(st_table(kind), options)});
    }
    StOptions options{.flow_stack = 2, .pool_size = 3, .pool_stride = 1};
    options.temporal_pool = TemporalPool::after_average;
    list.push_back({block + " pooled after", make_st_spec(st_table(kind), options)});
    options.temporal_pool = TemporalPool::before_average;
    list.push_back({block + " pooled before", make_st_spec(st_table(kind), options)});
    options.temporal_convs = false;
    list.push_back({block + " no temporal", make_st_spec(st_table(kind), options)});
    options.motion = false;
    list.push_back({block + " appearance", make_st_spec(st_table(kind), options)});
    options.appearance = options.temporal_convs = true;
    options.motion = true;
    options.appearance = false;
    list.push_back({block + " motion", make_st_spec(st_table(kind), options)});
  }
  // A stem as for ImageNet, and biases.
  models::NetworkSpec table = st_table(nn::BlockKind::basic);
  table.height = table.width = 23;
  table.stem = {.out = 4, .kernel = 5, .stride = 2, .pad = 2, .max_pool = true};
  for (auto& unit : table.blocks) unit.conv_bias = nn::ConvBias::all;
  list.push_back({"pooled stem, biases", make_st_spec(table, {.flow_stack = 2, .gate = 1})});
  return list;
}

void check_gradients(StBench& bench) {
  bench.backward();
  std::int64_t at = 0;
  for (const auto& p : bench.network.store().parameters()) {
    // One somewhere, and the last: of a temporal convolution, at the last tap.
    const std::int64_t size = p->value.size();
    for (const std::int64_t i : {17 * ++at % size, size - 1}) {
      compare(p->gradient.data<double>()[i], bench.slope(p->value, i), p->name);
    }
  }
}

double gradient_size(const nn::Store& store) {
  double sum = 0;
  for (const auto& p : store.parameters()) {
    for (const double g : p->gradient.span<double>()) sum += std::abs(g);
  }
  return sum;
}

}  // namespace

TEST_CASE("gradients of spatiotemporal networks equal finite differences") {
  for (const bool batch : {true, false}) {
    for (const Named& named : networks()) {
      INFO(named.name << (batch ? ", batch statistics" : ", frozen statistics"));
      StBench bench(named.spec, 2, 4, batch);
      check_gradients(bench);
    }
  }
}

TEST_CASE("one stream's loss alone has the right gradient") {
  const StSpec spec = make_st_spec(st_table(nn::BlockKind::basic), {.flow_stack = 2, .gate = 0.7});
  StBench bench(spec, 2, 3, true);
  bench.weights.motion = Tensor();
  check_gradients(bench);  // motion's come through the connections
  CHECK(gradient_size(bench.network.motion()->store()) > 1e-3);
  bench.network.gates = {0, 0.7};  // each by itself
  check_gradients(bench);
  bench.network.gates = {0, 0};
  check_gradients(bench);
  CHECK(gradient_size(bench.network.motion()->store()) == 0);

  StBench other(spec, 2, 3, true);
  other.weights.appearance = Tensor();
  check_gradients(other);
  CHECK(gradient_size(other.network.appearance()->store()) == 0);
}

TEST_CASE("gradients are added, and a second pass is the first") {
  StBench bench(make_st_spec(st_table(nn::BlockKind::bottleneck), {.flow_stack = 2}), 2, 3, true);
  bench.backward();
  std::vector<Tensor> once;
  for (const auto& p : bench.network.store().parameters()) once.push_back(p->gradient.clone());
  bench.network.forward(bench.input, bench.pass(true), bench.saved);
  bench.network.backward(bench.weights, bench.pass(true), bench.saved);
  for (std::size_t p = 0; p < once.size(); ++p) {
    const auto& twice = bench.network.store().parameters()[p]->gradient;
    for (std::int64_t i = 0; i < twice.size(); ++i) {
      CHECK(twice.data<double>()[i] ==
            Approx(2 * once[p].data<double>()[i]).epsilon(1e-10).margin(1e-12));
    }
  }
}

TEST_CASE("from checkpoints: the same bytes") {
  for (const Named& named : networks()) {
    INFO(named.name);
    StBench stored(named.spec, 2, 4, true), checkpointed(named.spec, 2, 4, true);
    checkpointed.network.set_checkpoints({2});
    stored.backward();
    checkpointed.backward();
    for (std::size_t p = 0; p < stored.network.store().parameters().size(); ++p) {
      CHECK(same_bytes(stored.network.store().parameters()[p]->gradient,
                       checkpointed.network.store().parameters()[p]->gradient));
    }
  }
}

TEST_CASE("steps allocate nothing once one has been seen") {
  StBench bench(
      make_st_spec(st_table(nn::BlockKind::basic), {.flow_stack = 2,
                                                    .gate = 1,
                                                    .temporal_pool = TemporalPool::before_average,
                                                    .pool_size = 3}),
      2, 4, true);
  const auto step = [&] {
    bench.network.forward(bench.input, bench.pass(true), bench.saved);
    bench.network.backward(bench.weights, bench.pass(true), bench.saved);
    bench.network.commit(bench.saved);
  };
  bench.network.store().require_gradients();
  step();
  step();
  const std::int64_t before = Ledger::global().allocations();
  step();
  CHECK(Ledger::global().allocations() == before);
}

TEST_CASE("a committed step moves the running statistics of both streams") {
  StBench bench(make_st_spec(st_table(nn::BlockKind::basic), {.flow_stack = 2}), 2, 3, true);
  std::vector<Tensor> before;
  for (const auto& s : bench.network.store().states()) before.push_back(s->value.clone());
  bench.backward();
  bench.network.commit(bench.saved);
  for (std::size_t s = 0; s < before.size(); ++s) {
    CHECK_FALSE(same_bytes(before[s], bench.network.store().states()[s]->value));
  }
}

TEST_CASE("what is not finite is named with its stream") {
  StBench bench(make_st_spec(st_table(nn::BlockKind::basic), {.flow_stack = 2}), 1, 3);
  bench.network.forward(bench.input, bench.pass(true), bench.saved);
  CHECK(bench.network.first_nonfinite(bench.saved).empty());
  bench.network.motion()->store().parameters()[3]->value.data<double>()[0] = NAN;
  bench.network.forward(bench.input, bench.pass(true), bench.saved);
  CHECK(bench.network.first_nonfinite(bench.saved) == "motion.stage1.block1.conv1");
}

TEST_CASE("f32 and bf16 are f64 but for rounding, folded norms too") {
  for (const Named& named : networks()) {
    StBench exact(named.spec, 2, 4, false);
    exact.backward();
    const auto want = exact.network.forward(exact.input, exact.pass(false), exact.saved);
    for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
      INFO(named.name << " " << to_string(dtype));
      StNetwork other(named.spec, dtype);
      for (std::size_t p = 0; p < other.store().parameters().size(); ++p) {
        other.store().parameters()[p]->value.copy_from(
            exact.network.store().parameters()[p]->value.cast(Dtype::f32, Tag::input));
      }
      for (std::size_t s = 0; s < other.store().states().size(); ++s) {
        other.store().states()[s]->value.copy_from(
            exact.network.store().states()[s]->value.cast(Dtype::f32, Tag::input));
      }
      other.store().require_gradients();
      const auto cast = [](const Tensor& x, Dtype to) {
        return x ? x.cast(to, Tag::input) : Tensor();
      };
      const models::StInput input{cast(exact.input.frames, dtype), cast(exact.input.flow, dtype),
                                  2};
      models::StSaved saved;
      const models::StLogits kept = other.forward(input, exact.pass(true), saved);
      other.backward(
          {cast(exact.weights.appearance, Dtype::f32), cast(exact.weights.motion, Dtype::f32)},
          exact.pass(true), saved);
      models::StSaved none;
      const models::StLogits folded = other.forward(input, exact.pass(false), none);
      const auto relative = [](const Tensor& a, const Tensor& b) {
        double difference = 0, norm = 0;
        const Tensor x = a.cast(Dtype::f64, Tag::input);
        for (std::int64_t i = 0; i < b.size(); ++i) {
          difference += std::pow(x.data<double>()[i] - b.data<double>()[i], 2);
          norm += std::pow(b.data<double>()[i], 2);
        }
        return norm > 0 ? std::sqrt(difference / norm) : 0.0;
      };
      const double most = dtype == Dtype::f32 ? 1e-5 : 0.02;
      for (const auto& logits : {kept, folded}) {
        if (want.appearance) CHECK(relative(logits.appearance, want.appearance) < most);
        if (want.motion) CHECK(relative(logits.motion, want.motion) < most);
      }
      double difference = 0, norm = 0;
      for (std::size_t p = 0; p < other.store().parameters().size(); ++p) {
        const Tensor a = other.store().parameters()[p]->gradient.cast(Dtype::f64, Tag::input);
        const Tensor& b = exact.network.store().parameters()[p]->gradient;
        for (std::int64_t i = 0; i < b.size(); ++i) {
          difference += std::pow(a.data<double>()[i] - b.data<double>()[i], 2);
          norm += std::pow(b.data<double>()[i], 2);
        }
      }
      // In bf16 a rounding may move a value across a ReLU's corner: a mask is another then. What is
      // wrong is off by about 1.
      CHECK(std::sqrt(difference / norm) < (dtype == Dtype::f32 ? 1e-4 : 0.3));
    }
  }
}
