// Results of revnet-memprof for the reader: straight lines and powers, text.
#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "study/memory_result.h"

namespace rn::study {
namespace {

double mib(std::int64_t bytes) { return static_cast<double>(bytes) / 0x1p20; }

// Slope of the least-squares line.
double slope(const std::vector<double>& x, const std::vector<double>& y) {
  double mean_x = 0, mean_y = 0, xx = 0, xy = 0;
  const auto n = static_cast<double>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    mean_x += x[i] / n;
    mean_y += y[i] / n;
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  const bool level = std::all_of(y.begin(), y.end(), [&](double v) { return v == y.front(); });
  return xx > 0 && !level ? xy / xx : 0;  // 0 exactly where nothing grows
}

std::string kept(const std::string& activations, const std::string& stream) {
  return stream == "float" ? activations : fmt::format("{}, {}", activations, stream);
}

std::string units_of(std::int64_t units) { return units > 0 ? std::to_string(units) : "own"; }

std::string cases_text(const MemoryResult& r) {
  bool timed = false;
  for (const auto& c : r.cases) timed = timed || c.step_seconds > 0;
  std::string text = fmt::format("{:<22} {:>5} {:>6} {:<24} {:<5} {:>11} {:>9} {:>8}{}\n",
                                 "network", "units", "layers", "kept", "", "activations", "in all",
                                 "RSS", timed ? "   ms/step   ratio" : "");
  for (const auto& c : r.cases) {
    text += fmt::format("{:<22} {:>5} {:>6} {:<24} {:<5} {:>7.1f} MiB {:>5.0f} MiB {:>4.0f} MiB",
                        c.arch, units_of(c.units), c.depth, kept(c.activations, c.stream),
                        c.precision, mib(c.account.peak(Tag::activation)),
                        mib(c.account.peak_total()), mib(c.account.resident_growth));
    if (timed) {
      text += fmt::format(" {:>9.1f}", 1e3 * c.step_seconds);
      const double ratio = r.against_stored(c);
      text += ratio > 0 ? fmt::format(" {:>7.3f}", ratio) : "";
    }
    text += '\n';
  }
  return text;
}

std::string exactness_text(const MemoryResult& r) {
  std::string text;
  using Key = std::tuple<std::string, std::int64_t, std::string, std::string>;
  std::map<Key, const MemoryResult::Reconstructed*> worst;
  for (const auto& x : r.reconstructed) {
    const auto*& at = worst[{x.arch, x.units, x.precision, x.stream}];
    if (!at || x.relative > at->relative) at = &x;
  }
  for (const auto& [key, x] : worst) {
    text += fmt::format(
        "{} {} {} {}: inputs come back within {:.2g} of their size (largest "
        "difference {:.2g}), worst in {}\n",
        x->arch, units_of(x->units), x->precision, x->stream, x->relative, x->largest, x->block);
  }
  for (const auto& a : r.angles) {
    text +=
        fmt::format("{} {} {} {}: gradients {:.3g} degrees apart at step {}, loss {:.4g}\n", a.arch,
                    units_of(a.units), a.precision, a.stream, a.degrees, a.step, a.loss);
  }
  return text;
}

std::string conclusions_text(const MemoryResult& r) {
  std::string text;
  for (const auto& f : r.fits()) {
    text += fmt::format(
        "{}, {} {}: {:.0f} bytes of activations for each unit more; they grow with "
        "the power {:.2f} of depth\n",
        f.arch, kept(f.activations, f.stream), f.precision, f.bytes_per_unit, f.exponent);
  }
  for (const auto& l : r.limits) {
    const std::string where =
        fmt::format("{}, {} {}: {:.0f} MiB hold", l.arch, kept(l.activations, l.stream),
                    l.precision, mib(l.memory));
    if (l.most == 0) {
      text += fmt::format("{} none at batch {}\n", where, l.batch);
      continue;
    }
    text += l.what == "units"
                ? fmt::format("{} {}{} units a stage at batch {}", where,
                              l.at_least ? "at least " : "", l.most, l.batch)
                : fmt::format("{} a batch of {}{} at {} units", where,
                              l.at_least ? "at least " : "", l.most, units_of(l.units));
    text += fmt::format(": {:.1f} MiB in a step of it\n", mib(l.bytes));
  }
  return text;
}

}  // namespace

std::vector<MemoryResult::Fit> MemoryResult::fits() const {
  using Key = std::tuple<std::string, std::string, std::string, std::string>;
  struct Points {
    std::vector<double> units, bytes;
  };
  std::map<Key, Points> lines;
  for (const Case& c : cases) {
    if (c.units == 0) continue;
    Points& points = lines[{c.arch, c.activations, c.stream, c.precision}];
    points.units.push_back(static_cast<double>(c.units));
    points.bytes.push_back(static_cast<double>(c.account.peak(Tag::activation)));
  }
  std::vector<Fit> found;
  for (const auto& [key, points] : lines) {
    if (points.units.size() < 2) continue;
    std::vector<double> log_units, log_bytes;
    for (std::size_t i = 0; i < points.units.size(); ++i) {
      log_units.push_back(std::log(points.units[i]));
      log_bytes.push_back(std::log(std::max(1.0, points.bytes[i])));
    }
    const auto& [arch, activations, stream, precision] = key;
    found.push_back({arch, activations, stream, precision, slope(points.units, points.bytes),
                     slope(log_units, log_bytes), static_cast<std::int64_t>(points.units.size())});
  }
  return found;
}

double MemoryResult::against_stored(const Case& c) const {
  for (const auto& other : cases) {
    if (other.arch == c.arch && other.units == c.units && other.precision == c.precision &&
        other.batch == c.batch && other.stream == c.stream && other.activations == "stored" &&
        other.step_seconds > 0) {
      return c.step_seconds / other.step_seconds;
    }
  }
  return 0;
}

std::string to_text(const MemoryResult& r) {
  return cases_text(r) + exactness_text(r) + conclusions_text(r);
}

}  // namespace rn::study
