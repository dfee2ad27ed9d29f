// Spectra of classifiers' metrics against whole Jacobians by central differences; singular values
// of single blocks against dense decompositions; shards; files.
#include <cmath>

#include "models/tiny_networks.h"
#include "ops/lapack.h"
#include "study/block_lanczos.h"
#include "study/geometry_result.h"
#include "support/catch.h"

using namespace rn;
using namespace rn::study;
using namespace rn::test;

namespace {

// Logits of one image from a boundary on (0: the image).
std::vector<double> logits_from(Bench& bench, const Tensor& value, std::int64_t boundary) {
  const nn::Pass pass = bench.pass(false);
  Tensor logits;
  if (boundary == 0) {
    logits = bench.network.forward(value, pass, bench.saved);
  } else {
    const Tensor last =
        bench.network.forward(value, boundary - 1, bench.network.block_count(), pass, bench.saved);
    logits = bench.network.leave(last, pass, bench.saved);
  }
  return {logits.data<double>(), logits.data<double>() + logits.size()};
}

// [C, size], by central differences.
std::vector<double> jacobian(Bench& bench, const Tensor& at, std::int64_t boundary) {
  constexpr double step = 1e-6;
  const Tensor x = at.clone();
  const std::int64_t size = x.size(), classes = bench.network.spec().classes;
  std::vector<double> out(static_cast<std::size_t>(classes * size));
  for (std::int64_t i = 0; i < size; ++i) {
    const double kept = x.data<double>()[i];
    x.data<double>()[i] = kept + step;
    const auto up = logits_from(bench, x, boundary);
    x.data<double>()[i] = kept - step;
    const auto down = logits_from(bench, x, boundary);
    x.data<double>()[i] = kept;
    for (std::int64_t k = 0; k < classes; ++k) {
      const auto c = static_cast<std::size_t>(k);
      out[static_cast<std::size_t>(k * size + i)] = (up[c] - down[c]) / (2 * step);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("spectra at every boundary equal those of whole Jacobians") {
  std::vector<Case> list = cases();
  list.push_back(more_cases()[1]);
  for (const Case& c : list) {
    for (const OutputMetric metric : {OutputMetric::logits, OutputMetric::fisher}) {
      INFO(c.name << ", " << to_string(metric));
      Bench bench(c.spec, false);
      MetricSpectrum spectrum(bench.network, metric, 1e-12);
      ImageSpectra out;
      out.start(2, spectrum.boundaries(), 3);
      out.vectors = 2;
      spectrum.run(bench.images.slice(0, 2), bench.pool, out);
      CHECK(spectrum.names().front() == "input");
      for (std::int64_t n = 1; n < 2; ++n) {
        const Tensor image = bench.images.slice(n, n + 1);
        std::vector<double> p(3), root(9);
        softmax_fisher(logits_from(bench, image, 0).data(), 3, p.data(), root.data());
        if (metric == OutputMetric::logits) root = {1, 0, 0, 0, 1, 0, 0, 0, 1};
        for (std::int64_t b = 0; b < spectrum.boundaries(); ++b) {
          Tensor value = image;
          if (b > 0) {
            value = bench.network.enter(image, bench.pass(false), bench.saved).clone();
            value = bench.network.forward(value, 0, b - 1, bench.pass(false), bench.saved).clone();
          }
          const std::int64_t size = value.size();
          REQUIRE(size == spectrum.sizes()[static_cast<std::size_t>(b)]);
          const std::vector<double> factor =
              products(root, jacobian(bench, value, b), 1, 3, 3, size);
          std::vector<double> right;
          const std::vector<double> singular = ops::singular_values(factor, 3, size, &right);
          const double scale = singular[0] * singular[0];
          double trace = 0;
          const auto cell = static_cast<std::size_t>(n * spectrum.boundaries() + b);
          for (std::size_t k = 0; k < 3; ++k) {
            trace += singular[k] * singular[k];
            CHECK(std::abs(out.eigenvalues[cell * 3 + k] - singular[k] * singular[k]) <=
                  1e-6 * scale);
          }
          CHECK(out.trace[cell] == Approx(trace).epsilon(1e-6));
          CHECK(out.rank[cell] <= (metric == OutputMetric::fisher ? 2 : 3));
          CHECK(out.effective_rank[cell] >= 1);
          CHECK(out.effective_rank[cell] <= 3);
          if (b > 0) continue;
          // The leading eigenvector, up to what differences leave of it.
          double dot = 0;
          for (std::int64_t i = 0; i < size; ++i) {
            dot += right[static_cast<std::size_t>(i)] *
                   out.eigenvectors[static_cast<std::size_t>(n * size + i)];
          }
          CHECK(dot == Approx(1).epsilon(1e-4));
        }
      }
    }
  }
}

TEST_CASE("the spectra of an image are its own, whatever is beside it") {
  Bench bench(cases()[0].spec, false);
  MetricSpectrum spectrum(bench.network, OutputMetric::fisher, 1e-12);
  ImageSpectra all, one;
  all.start(5, spectrum.boundaries(), 3);
  one.start(5, spectrum.boundaries(), 3);
  spectrum.run(bench.images, bench.pool, all);
  for (std::int64_t n = 0; n < 5; ++n)
    spectrum.run(bench.images.slice(n, n + 1), bench.pool, one, n);
  CHECK(all.eigenvalues == one.eigenvalues);
  CHECK(all.answer == one.answer);
  CHECK_THROWS_AS(MetricSpectrum(Network(plain(true), Dtype::f64), OutputMetric::fisher, 0), Error);
}

TEST_CASE("Fisher's metric keeps small eigenvalues where one class has nearly all") {
  const double z[3] = {40, 0, -1};
  double p[3], a[9];
  softmax_fisher(z, 3, p, a);
  CHECK(a[0] == Approx(std::exp(-40.0) * (1 + std::exp(-1.0))).epsilon(1e-12));
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      double sum = 0;
      for (int k = 0; k < 3; ++k) sum += a[3 * k + i] * a[3 * k + j];
      const double want = (i == j ? p[i] : 0) - p[i] * p[j];
      CHECK(std::abs(sum - want) <= 1e-15);
    }
  }
}

TEST_CASE("singular values of single blocks equal those of dense Jacobians") {
  for (const Case& c : cases()) {
    INFO(c.name);
    Bench bench(c.spec, false);
    Tensor value = bench.network.enter(bench.images, bench.pass(false), bench.saved).clone();
    for (std::int64_t place = 0; place < 3; ++place) {
      const LanczosResult found = block_singular_values(
          bench.network, place, value, {.values = 3, .steps = 60, .seed = 1}, bench.pool);
      const std::int64_t size = value.size() / 5;
      for (std::int64_t n = 0; n < 2; ++n) {
        const Tensor x = value.slice(n, n + 1);
        std::vector<double> columns;
        std::int64_t out_size = 0;
        for (std::int64_t i = 0; i < size; ++i) {
          Tensor unit = Tensor::zeros(x.shape(), Dtype::f64, Tag::activation);
          unit.data<double>()[i] = 1;
          const Tensor column =
              bench.network.block_jvp(place, x, unit, {}, bench.pass(false), bench.saved);
          out_size = column.size();
          columns.insert(columns.end(), column.data<double>(), column.data<double>() + out_size);
        }
        const std::vector<double> dense = ops::singular_values(columns, size, out_size);
        for (std::size_t k = 0; k < 3; ++k) {
          const auto at = static_cast<std::size_t>(n * 3) + k;
          CHECK(found.values[at] == Approx(dense[k]).epsilon(1e-6));
          CHECK(found.residuals[at] < 1e-3 * dense[0]);
        }
      }
      value =
          bench.network.forward(value, place, place + 1, bench.pass(false), bench.saved).clone();
    }
  }
}

TEST_CASE("results go into files and come back; shards are put together") {
  Bench bench(cases()[0].spec, false);
  MetricSpectrum spectrum(bench.network, OutputMetric::fisher, 1e-6);
  const auto study_of = [&](Shard shard) {
    GeometryResult r;
    r.arch = "tiny";
    r.model_digest = r.data_digest = "0";
    r.data = "synth:x";
    r.split = "test";
    r.options.output = OutputMetric::fisher;
    r.class_names = {"a", "b", "c"};
    r.images = 5;
    r.shard = shard;
    r.boundaries = spectrum.names();
    r.sizes = spectrum.sizes();
    for (std::int64_t i = shard.index; i < 5; i += shard.count) r.index.push_back(i);
    const auto count = static_cast<std::int64_t>(r.index.size());
    r.spectra.start(count, spectrum.boundaries(), 3);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t n = r.index[static_cast<std::size_t>(i)];
      spectrum.run(bench.images.slice(n, n + 1), bench.pool, r.spectra, i);
    }
    r.answers = r.spectra.answer;
    r.labels.assign(r.answers.size(), 1);
    return r;
  };
  const GeometryResult whole = study_of({});
  const auto bytes = to_h5(whole).image();
  const GeometryResult back = read_geometry(io::H5::open_image(bytes, "file"));
  CHECK(to_h5(back).image() == bytes);
  const GeometryResult merged = merge({study_of({1, 2}), study_of({0, 2})}, {"b", "a"});
  CHECK(to_h5(merged).image() == bytes);
  CHECK_THROWS_AS(merge({study_of({1, 2})}, {"b"}), Error);
  CHECK_THROWS_AS(merge({study_of({1, 2}), study_of({1, 2})}, {"b", "b"}), Error);
  const SpectrumMeans m = spectrum_means(whole.spectra);
  double sum = 0;
  for (std::size_t n = 0; n < 5; ++n) sum += whole.spectra.trace[n * whole.boundaries.size()];
  CHECK(m.trace.mean[0] == Approx(sum / 5));
  CHECK(to_table(whole).starts_with("boundary\tsize\tleading"));
}
