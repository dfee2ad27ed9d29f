// Results of revnet-memprof for the reader: straight lines and powers, text, tables, JSON.
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

// Step times beside those of the same network with stored activations.
double against_stored(const MemoryResult& r, const MemoryResult::Case& c) {
  for (const auto& other : r.cases) {
    if (other.arch == c.arch && other.units == c.units && other.precision == c.precision &&
        other.batch == c.batch && other.stream == c.stream && other.activations == "stored" &&
        other.step_seconds > 0) {
      return c.step_seconds / other.step_seconds;
    }
  }
  return 0;
}

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
      const double ratio = against_stored(r, c);
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

template <class... Args>
std::string row(const Args&... args) {
  std::string line;
  ((line += (line.empty() ? "" : "\t") + fmt::format("{}", args)), ...);
  return line + '\n';
}

std::string cases_table(const MemoryResult& r) {
  std::string text =
      row("arch", "units", "depth", "blocks", "parameters", "activations", "stream", "precision",
          "batch", "peak_activation", "peak_statistics", "peak_total", "resident_growth",
          "forward_seconds", "backward_seconds", "update_seconds", "step_seconds", "ratio",
          "forward_macs", "backward_macs", "recomputed_macs");
  for (const auto& c : r.cases) {
    text += row(c.arch, c.units, c.depth, c.account.blocks, c.account.parameters, c.activations,
                c.stream, c.precision, c.batch, c.account.peak(Tag::activation),
                c.account.peak(Tag::statistics), c.account.peak_total(), c.account.resident_growth,
                c.seconds[0], c.seconds[1], c.seconds[2], c.step_seconds, against_stored(r, c),
                c.macs.forward, c.macs.backward, c.macs.recomputed);
  }
  return text;
}

std::string peaks_table(const MemoryResult& r) {
  std::string text =
      row("arch", "units", "activations", "stream", "precision", "phase", "tag", "live", "peak");
  for (const auto& c : r.cases) {
    for (int phase = 0; phase < phase_count; ++phase) {
      for (std::size_t tag = 0; tag < tag_count; ++tag) {
        const PhaseBytes& bytes = c.account.phases[static_cast<std::size_t>(phase)];
        text += row(c.arch, c.units, c.activations, c.stream, c.precision,
                    to_string(static_cast<Phase>(phase)),
                    rn::to_string(static_cast<Tag>(static_cast<int>(tag))), bytes.live[tag],
                    bytes.peak[tag]);
      }
    }
  }
  return text;
}

std::string timeline_table(const MemoryResult& r) {
  std::string text = "arch\tunits\tactivations\tstream\tprecision\tphase\twhere\tin_use";
  for (int tag = 0; tag < tag_count; ++tag) {
    text += fmt::format("\t{}", rn::to_string(static_cast<Tag>(tag)));
  }
  text += '\n';
  for (const auto& c : r.cases) {
    for (const TimelinePoint& p : c.account.timeline) {
      text += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", c.arch, c.units, c.activations,
                          c.stream, c.precision, to_string(p.phase), p.where, p.in_use,
                          fmt::join(p.live, "\t"));
    }
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

std::string to_text(const MemoryResult& r) {
  return cases_text(r) + exactness_text(r) + conclusions_text(r);
}

std::string to_table(const MemoryResult& r, MemoryTable table) {
  std::string text;
  switch (table) {
    case MemoryTable::cases: return cases_table(r);
    case MemoryTable::peaks: return peaks_table(r);
    case MemoryTable::timeline: return timeline_table(r);
    case MemoryTable::reconstruction:
      text = row("arch", "units", "stream", "precision", "block", "relative", "largest");
      for (const auto& x : r.reconstructed) {
        text += row(x.arch, x.units, x.stream, x.precision, x.block, x.relative, x.largest);
      }
      return text;
    case MemoryTable::angles:
      text = row("arch", "units", "stream", "precision", "step", "degrees", "loss");
      for (const auto& x : r.angles) {
        text += row(x.arch, x.units, x.stream, x.precision, x.step, x.degrees, x.loss);
      }
      return text;
    case MemoryTable::fits:
      text =
          row("arch", "activations", "stream", "precision", "points", "bytes_per_unit", "exponent");
      for (const auto& x : r.fits()) {
        text += row(x.arch, x.activations, x.stream, x.precision, x.points, x.bytes_per_unit,
                    x.exponent);
      }
      return text;
    case MemoryTable::limits: break;
  }
  text = row("arch", "activations", "stream", "precision", "memory", "what", "most", "units",
             "batch", "bytes", "at_least");
  for (const auto& x : r.limits) {
    text += row(x.arch, x.activations, x.stream, x.precision, x.memory, x.what, x.most, x.units,
                x.batch, x.bytes, int{x.at_least});
  }
  return text;
}

io::Json to_json(const MemoryResult& r) {
  std::vector<io::Json> cases, angles, reconstructed, fits, limits;
  for (const auto& c : r.cases) {
    io::Json tags;
    for (int tag = 0; tag < tag_count; ++tag) {
      tags.add(rn::to_string(static_cast<Tag>(tag)), c.account.peak(static_cast<Tag>(tag)));
    }
    cases.push_back(io::Json()
                        .add("arch", c.arch)
                        .add("units", c.units)
                        .add("depth", c.depth)
                        .add("parameters", c.account.parameters)
                        .add("activations", c.activations)
                        .add("stream", c.stream)
                        .add("precision", c.precision)
                        .add("batch", c.batch)
                        .add("peak_bytes", tags)
                        .add("peak_total", c.account.peak_total())
                        .add("resident_growth", c.account.resident_growth)
                        .add("step_seconds", c.step_seconds)
                        .add("ratio", against_stored(r, c))
                        .add("forward_macs", c.macs.forward)
                        .add("backward_macs", c.macs.backward)
                        .add("recomputed_macs", c.macs.recomputed));
  }
  for (const auto& a : r.angles) {
    angles.push_back(io::Json()
                         .add("arch", a.arch)
                         .add("units", a.units)
                         .add("stream", a.stream)
                         .add("precision", a.precision)
                         .add("step", a.step)
                         .add("degrees", a.degrees)
                         .add("loss", a.loss));
  }
  for (const auto& x : r.reconstructed) {
    reconstructed.push_back(io::Json()
                                .add("arch", x.arch)
                                .add("units", x.units)
                                .add("stream", x.stream)
                                .add("precision", x.precision)
                                .add("block", x.block)
                                .add("relative", x.relative)
                                .add("largest", x.largest));
  }
  for (const auto& f : r.fits()) {
    fits.push_back(io::Json()
                       .add("arch", f.arch)
                       .add("activations", f.activations)
                       .add("stream", f.stream)
                       .add("precision", f.precision)
                       .add("bytes_per_unit", f.bytes_per_unit)
                       .add("exponent", f.exponent));
  }
  for (const auto& l : r.limits) {
    limits.push_back(io::Json()
                         .add("arch", l.arch)
                         .add("activations", l.activations)
                         .add("stream", l.stream)
                         .add("precision", l.precision)
                         .add("memory", l.memory)
                         .add("what", l.what)
                         .add("most", l.most)
                         .add("units", l.units)
                         .add("batch", l.batch)
                         .add("bytes", l.bytes)
                         .add("at_least", l.at_least));
  }
  return io::Json()
      .add("batch", r.batch)
      .add("seed", r.seed)
      .add("cases", cases)
      .add("reconstruction", reconstructed)
      .add("angles", angles)
      .add("fits", fits)
      .add("limits", limits);
}

}  // namespace rn::study
