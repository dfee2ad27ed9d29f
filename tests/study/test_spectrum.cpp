// The gradient by path length against all paths, one by one, and against a polynomial.
#include "study/paths_nets.h"

using namespace rn;
using namespace rn::test;
using study::BatchSpectrum;
using study::LengthTable;
using study::Spectrum;
using study::SpectrumOptions;

namespace {

nn::Pass pass_of(TinyNet& net, bool batch_statistics) {
  return {.pool = net.pool, .batch_statistics = batch_statistics, .keep = true};
}

// Every one of the 2^n paths through the whole network, added up by length.
LengthTable enumerate(TinyNet& net, bool batch_statistics, std::int64_t longest) {
  const nn::Pass pass = pass_of(net, batch_statistics);
  const Tensor d = net.forward(pass);
  const Vector whole = values_of(net.network.backward(d, pass, net.saved, true));
  std::vector<Vector> sums(static_cast<std::size_t>(longest + 1), Vector(whole.size(), 0));
  const std::uint64_t paths = std::uint64_t{1} << net.network.block_count();
  for (std::uint64_t path = 0; path < paths; ++path) {
    const auto length = static_cast<std::size_t>(std::popcount(path));
    if (length >= sums.size()) continue;
    net.set_ways(path);
    add_to(sums[length], net.network.backward(d, pass, net.saved, true));
  }
  return table_of(sums, whole, net.images.dim(0));
}

BatchSpectrum spectrum_of(TinyNet& net, const SpectrumOptions& options) {
  Spectrum spectrum(net.network, options);
  BatchSpectrum out = spectrum.begin(net.images.dim(0));
  spectrum.run(net.images, net.labels, net.pool, out);
  return out;
}

}  // namespace

TEST_CASE("the spectrum is the sum over all paths of a length", "[study]") {
  const bool batch = GENERATE(false, true);
  for (const NetCase& c : net_cases()) {
    for (const int blocks : {1, 2, 3, 5, 7}) {
      INFO(c.name << ", " << blocks << " blocks, " << (batch ? "batch" : "frozen"));
      TinyNet net(c, blocks);
      const LengthTable all = enumerate(net, batch, blocks);
      const BatchSpectrum exact = spectrum_of(net, {.batch_statistics = batch});
      CHECK(worst(exact.images.norms, all.norms) < 1e-10);
      CHECK(worst(exact.images.shares, all.shares) < 1e-10);
    }
  }
}

TEST_CASE("also of ten blocks, and cut short", "[study]") {
  for (const auto at : {0, 2, 5, 6}) {
    const NetCase c = net_cases()[static_cast<std::size_t>(at)];
    INFO(c.name);
    TinyNet net(c, 10, 2);
    const LengthTable all = enumerate(net, false, 10);
    const BatchSpectrum exact = spectrum_of(net, {});
    CHECK(worst(exact.images.norms, all.norms) < 1e-10);
    CHECK(worst(exact.images.shares, all.shares) < 1e-10);
    const LengthTable some = enumerate(net, false, 4);
    const BatchSpectrum cut = spectrum_of(net, {.max_length = 4});
    CHECK(cut.images.lengths == 5);
    CHECK(worst(cut.images.norms, some.norms) < 1e-10);
    CHECK(worst(cut.images.shares, some.shares) < 1e-10);
  }
}

TEST_CASE("the lengths add up to the ordinary gradient", "[study]") {
  const bool batch = GENERATE(false, true);
  for (const NetCase& c : net_cases()) {
    INFO(c.name);
    TinyNet net(c, 9);
    const nn::Pass pass = pass_of(net, batch);
    const Tensor d = net.forward(pass);
    const Vector whole = values_of(net.network.backward(d, pass, net.saved, true));
    const BatchSpectrum exact =
        spectrum_of(net, {.boundaries = true, .weights = !batch, .batch_statistics = batch});
    const std::size_t size = whole.size() / 3;
    for (std::size_t n = 0; n < 3; ++n) {
      double square = 0, share = 0;
      for (std::size_t i = n * size; i < (n + 1) * size; ++i) square += whole[i] * whole[i];
      CHECK(exact.whole[n] == Approx(std::sqrt(square)).epsilon(1e-12));
      for (std::size_t k = 0; k < 10; ++k) share += exact.images.shares[n * 10 + k];
      CHECK(share == Approx(1).epsilon(1e-12));
    }
    // At boundary i there are paths of at most n - i branches, through block i's weights one less.
    for (std::size_t i = 0; i <= 9; ++i) {
      double share = 0;
      for (std::size_t k = 0; k < 10; ++k) share += exact.boundaries.shares[i * 10 + k] / 3;
      CHECK(share == Approx(1).epsilon(1e-12));
      for (std::size_t k = 10 - i; k < 10; ++k) CHECK(exact.boundaries.norms[i * 10 + k] == 0);
      if (batch || i == 9) continue;
      share = 0;
      for (std::size_t k = 0; k < 10; ++k) share += exact.weights.shares[i * 10 + k] / 3;
      CHECK(share == Approx(1).epsilon(1e-12));
      for (std::size_t k = 9 - i; k < 10; ++k) CHECK(exact.weights.norms[i * 10 + k] == 0);
    }
  }
}

// With every branch's backward gate set to z, the gradient is the polynomial sum_k z^k G[k].
TEST_CASE("the spectrum is the coefficients of the gated gradient", "[study]") {
  for (const NetCase& c : net_cases()) {
    const int n = 15;
    INFO(c.name);
    TinyNet net(c, n, 2);
    const nn::Pass pass = pass_of(net, false);
    const Tensor d = net.forward(pass);
    const Vector whole = values_of(net.network.backward(d, pass, net.saved, true));
    const double pi = std::acos(-1.0);
    // Coefficients in Chebyshev polynomials by their discrete orthogonality, then in powers.
    std::vector<Vector> chebyshev(n + 1), power(n + 1, Vector(whole.size(), 0));
    for (int j = 0; j <= n; ++j) {
      const double angle = pi * (j + 0.5) / (n + 1);
      for (auto& block : net.saved.blocks) block.gates.backward = {std::cos(angle), 1};
      const Tensor g = net.network.backward(d, pass, net.saved, true);
      for (int k = 0; k <= n; ++k)
        add_to(chebyshev[static_cast<std::size_t>(k)], g,
               (k == 0 ? 1.0 : 2.0) / (n + 1) * std::cos(k * angle));
    }
    std::vector<Vector> t{{1}, {0, 1}};  // powers of T_k
    for (std::size_t k = 0; k <= n; ++k) {
      if (k >= 2) {
        Vector next(k + 1, 0);
        for (std::size_t i = 0; i < k; ++i) next[i + 1] += 2 * t[k - 1][i];
        for (std::size_t i = 0; i + 1 < k; ++i) next[i] -= t[k - 2][i];
        t.push_back(next);
      }
      for (std::size_t i = 0; i < t[k].size(); ++i)
        for (std::size_t e = 0; e < whole.size(); ++e) power[i][e] += t[k][i] * chebyshev[k][e];
    }
    const LengthTable from_polynomial = table_of(power, whole, 2);
    const BatchSpectrum exact = spectrum_of(net, {});
    CHECK(worst(exact.images.norms, from_polynomial.norms) < 1e-9);
    CHECK(worst(exact.images.shares, from_polynomial.shares) < 1e-9);
  }
}

TEST_CASE("slices over lengths give the same numbers", "[study]") {
  const bool batch = GENERATE(false, true);
  for (const NetCase& c : net_cases()) {
    INFO(c.name << (batch ? ", batch" : ", frozen"));
    TinyNet net(c, 6);
    SpectrumOptions options{.boundaries = true, .weights = !batch, .batch_statistics = batch};
    const BatchSpectrum whole = spectrum_of(net, options);
    for (const std::int64_t slice : {1, 2, 3, 6}) {
      options.slice = slice;
      const BatchSpectrum sliced = spectrum_of(net, options);
      CHECK(worst(sliced.images.norms, whole.images.norms) < 1e-13);
      CHECK(worst(sliced.images.shares, whole.images.shares) < 1e-13);
      CHECK(worst(sliced.boundaries.norms, whole.boundaries.norms) < 1e-13);
      CHECK(worst(sliced.boundaries.shares, whole.boundaries.shares) < 1e-13);
      if (!batch) CHECK(worst(sliced.weights.norms, whole.weights.norms) < 1e-13);
      if (!batch) CHECK(worst(sliced.weights.shares, whole.weights.shares) < 1e-13);
    }
  }
}

// From the loss down to a boundary through products of single blocks.
TEST_CASE("boundaries: paths between the boundary and the loss", "[study]") {
  const bool batch = GENERATE(false, true);
  for (const NetCase& c : net_cases()) {
    const int n = 4;
    INFO(c.name << (batch ? ", batch" : ", frozen"));
    TinyNet net(c, n);
    const BatchSpectrum exact = spectrum_of(net, {.boundaries = true, .batch_statistics = batch});
    const nn::Pass pass = pass_of(net, batch);
    std::vector<Tensor> values{net.network.enter(net.images, pass, net.saved).clone()};
    for (int i = 0; i < n; ++i)
      values.push_back(net.network.forward(values.back(), i, i + 1, pass, net.saved).clone());
    const Tensor logits = net.network.leave(values.back(), pass, net.saved);
    const Tensor losses({3}, Dtype::f64, Tag::workspace), d(logits.shape(), Dtype::f64, Tag::input);
    ops::softmax_cross_entropy({}, logits, net.labels, losses, d);
    const Tensor head =
        nn::materialize(net.network.head_backward(d, pass, net.saved), pass).clone();
    std::map<std::uint64_t, Tensor> paths{{0, head}};
    for (int i = n; i >= 0; --i) {
      std::vector<Vector> sums(
          n + 1, Vector(static_cast<std::size_t>(values[static_cast<std::size_t>(i)].size()), 0));
      Vector whole;
      for (const auto& [path, g] : paths) {
        add_to(sums[static_cast<std::size_t>(std::popcount(path))], g);
        add_to(whole, g);
      }
      const LengthTable all = table_of(sums, whole, 3);
      for (std::size_t k = 0; k <= n; ++k) {
        double norm = 0, share = 0;
        for (std::size_t image = 0; image < 3; ++image) {
          norm += all.norms[image * (n + 1) + k];
          share += all.shares[image * (n + 1) + k];
        }
        const std::size_t cell = static_cast<std::size_t>(i) * (n + 1) + k;
        CHECK(exact.boundaries.norms[cell] == Approx(norm).epsilon(1e-9).margin(1e-12));
        CHECK(exact.boundaries.shares[cell] == Approx(share).epsilon(1e-9).margin(1e-12));
      }
      if (i == 0) break;
      std::map<std::uint64_t, Tensor> below;
      for (const auto& [path, g] : paths) {
        for (const bool branch : {false, true}) {
          models::Saved own;
          const nn::Gate way = branch ? nn::Gate{1, 0} : nn::Gate{0, 1};
          below[path | std::uint64_t{branch} << (i - 1)] =
              net.network
                  .block_vjp(i - 1, values[static_cast<std::size_t>(i - 1)], g, way, pass, own)
                  .clone();
        }
      }
      paths = std::move(below);
    }
  }
}

// Weights of block i: over all paths behind it, images one by one.
TEST_CASE("gradients of weights by the length of the path behind the block", "[study]") {
  for (const NetCase& c : net_cases()) {
    const int n = 4;
    INFO(c.name);
    TinyNet net(c, n);
    const BatchSpectrum exact = spectrum_of(net, {.weights = true});
    std::vector<LengthTable> sums(n);
    for (LengthTable& table : sums) table.assign(1, n + 1);
    const Tensor images = net.images.clone(), labels = net.labels.clone();
    net.network.store().require_gradients();
    for (std::int64_t image = 0; image < 3; ++image) {
      net.images = images.slice(image, image + 1);
      net.labels = labels.slice(image, image + 1);
      const nn::Pass pass = pass_of(net, false);
      const Tensor d = net.forward(pass);
      for (std::size_t i = 0; i < n; ++i) {
        std::vector<Vector> lengths(n + 1);
        const std::uint64_t behind = std::uint64_t{1} << (n - 1 - i);
        for (std::uint64_t path = 0; path < behind; ++path) {
          net.set_ways(path << (i + 1) | std::uint64_t{1} << i);
          net.network.store().zero_gradients();
          net.network.backward(d, pass, net.saved);
          Vector gradient;
          const std::string prefix = net.network.block(static_cast<std::int64_t>(i)).spec().name;
          for (const auto& p : net.network.store().parameters()) {
            if (!p->name.starts_with(prefix + ".conv") || p->kind != nn::ParameterKind::conv_weight)
              continue;
            const Vector part = values_of(p->gradient);
            gradient.insert(gradient.end(), part.begin(), part.end());
          }
          Vector& sum = lengths[static_cast<std::size_t>(std::popcount(path))];
          sum.resize(gradient.size(), 0);
          for (std::size_t e = 0; e < gradient.size(); ++e) sum[e] += gradient[e];
        }
        Vector whole(lengths[0].size(), 0);
        for (Vector& sum : lengths) {
          sum.resize(whole.size(), 0);
          for (std::size_t e = 0; e < whole.size(); ++e) whole[e] += sum[e];
        }
        const LengthTable one = table_of(lengths, whole, 1);
        for (std::size_t k = 0; k <= n; ++k) {
          sums[i].norms[k] += one.norms[k];
          sums[i].shares[k] += one.shares[k];
        }
      }
    }
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t k = 0; k <= n; ++k) {
        CHECK(exact.weights.norms[i * (n + 1) + k] ==
              Approx(sums[i].norms[k]).epsilon(1e-9).margin(1e-12));
        CHECK(exact.weights.shares[i * (n + 1) + k] ==
              Approx(sums[i].shares[k]).epsilon(1e-9).margin(1e-12));
      }
    }
  }
}

TEST_CASE("networks without residual blocks, and lengths out of range, are refused", "[study]") {
  models::NetworkSpec spec = tiny_spec(net_cases()[0], 3);
  const auto kind_of = [](const models::NetworkSpec& s, const SpectrumOptions& o) {
    try {
      const models::Network network(s, Dtype::f64);
      Spectrum spectrum(network, o);
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::failed;
  };
  CHECK(kind_of(spec, {.max_length = 4}) == ErrorKind::usage);
  CHECK(kind_of(spec, {.weights = true, .batch_statistics = true}) == ErrorKind::usage);
  for (nn::BlockSpec& block : spec.blocks) {
    block = {.name = block.name, .kind = nn::BlockKind::plain, .in = 4, .width = 4, .out = 4};
  }
  CHECK(kind_of(spec, {}) == ErrorKind::input);
  spec.blocks.clear();
  CHECK(kind_of(spec, {}) == ErrorKind::input);
}
