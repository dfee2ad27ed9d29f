// Results of revnet-memprof as HDF5.
#include <cmath>
#include <optional>

#include "study/memory_result.h"
#include "study/result_file.h"

namespace rn::study {
namespace {

constexpr const char* kind = "memory";
constexpr const char* study = "study";

// A table of rows, column by column.
template <class Row>
class Writer {
 public:
  Writer(io::H5& file, const char* group, const std::vector<Row>& rows)
      : file_(file), group_(group), rows_(rows) {}

  template <class F>
  void text(const char* name, F&& value) {
    file_.write_column(path(name), column<std::string>(rows_, value));
  }
  template <class F>
  void integer(const char* name, F&& value, const char* units = "") {
    file_.write_column(path(name), column<std::int64_t>(rows_, value), units);
  }
  template <class F>
  void real(const char* name, F&& value, const char* units = "") {
    file_.write_column(path(name), column<double>(rows_, value), units);
  }

 private:
  std::string path(const char* name) const { return std::string(group_) + "/" + name; }
  io::H5& file_;
  const char* group_;
  const std::vector<Row>& rows_;
};

// Bytes of one case, phase and tag.
struct PeakRow {
  std::int64_t of = 0;
  int phase = 0, tag = 0;
  std::int64_t live = 0, peak = 0;
};
std::vector<PeakRow> peak_rows(const MemoryResult& r) {
  std::vector<PeakRow> rows;
  for (std::size_t i = 0; i < r.cases.size(); ++i) {
    for (int phase = 0; phase < phase_count; ++phase) {
      const PhaseBytes& bytes = r.cases[i].account.phases[static_cast<std::size_t>(phase)];
      for (int tag = 0; tag < tag_count; ++tag) {
        const auto t = static_cast<std::size_t>(tag);
        rows.push_back({static_cast<std::int64_t>(i), phase, tag, bytes.live[t], bytes.peak[t]});
      }
    }
  }
  return rows;
}

struct TimelineRow {
  std::int64_t of = 0;
  TimelinePoint point;
};
std::vector<TimelineRow> timeline_rows(const MemoryResult& r) {
  std::vector<TimelineRow> rows;
  for (std::size_t i = 0; i < r.cases.size(); ++i) {
    for (const TimelinePoint& point : r.cases[i].account.timeline) {
      rows.push_back({static_cast<std::int64_t>(i), point});
    }
  }
  return rows;
}

void write_cases(io::H5& file, const MemoryResult& r) {
  using Case = MemoryResult::Case;
  Writer<Case> w(file, "cases", r.cases);
  w.text("arch", [](const Case& c) { return c.arch; });
  w.integer("units", [](const Case& c) { return c.units; });
  w.integer("depth", [](const Case& c) { return c.depth; });
  w.integer("blocks", [](const Case& c) { return c.account.blocks; });
  w.integer("parameters", [](const Case& c) { return c.account.parameters; });
  w.text("activations", [](const Case& c) { return c.activations; });
  w.text("stream", [](const Case& c) { return c.stream; });
  w.text("precision", [](const Case& c) { return c.precision; });
  w.integer("batch", [](const Case& c) { return c.batch; });
  w.integer(
      "peak_activation", [](const Case& c) { return c.account.peak(Tag::activation); }, "bytes");
  for (int phase = 0; phase < phase_count; ++phase) {
    const auto p = static_cast<std::size_t>(phase);
    const std::string name = to_string(static_cast<Phase>(phase));
    w.integer((name + "_peak").c_str(),
              [p](const Case& c) { return c.account.phases[p].peak_total; }, "bytes");
    w.real((name + "_seconds").c_str(), [p](const Case& c) { return c.seconds[p]; }, "s");
  }
  w.integer(
      "resident_growth", [](const Case& c) { return c.account.resident_growth; }, "bytes");
  w.real(
      "step_seconds", [](const Case& c) { return c.step_seconds; }, "s");
  w.real(
      "forward_macs", [](const Case& c) { return c.macs.forward; }, "multiply-adds an image");
  w.real(
      "backward_macs", [](const Case& c) { return c.macs.backward; }, "multiply-adds an image");
  w.real(
      "recomputed_macs", [](const Case& c) { return c.macs.recomputed; }, "multiply-adds an image");
}

void write_account(io::H5& file, const MemoryResult& r) {
  const auto peaks = peak_rows(r);
  Writer<PeakRow> p(file, "peaks", peaks);
  p.integer("case", [](const PeakRow& x) { return x.of; });
  p.text("phase", [](const PeakRow& x) { return to_string(static_cast<Phase>(x.phase)); });
  p.text("tag", [](const PeakRow& x) { return rn::to_string(static_cast<Tag>(x.tag)); });
  p.integer(
      "live", [](const PeakRow& x) { return x.live; }, "bytes");
  p.integer(
      "peak", [](const PeakRow& x) { return x.peak; }, "bytes");
  const auto timeline = timeline_rows(r);
  Writer<TimelineRow> t(file, "timeline", timeline);
  t.integer("case", [](const TimelineRow& x) { return x.of; });
  t.text("phase", [](const TimelineRow& x) { return to_string(x.point.phase); });
  t.text("where", [](const TimelineRow& x) { return x.point.where; });
  t.integer(
      "in_use", [](const TimelineRow& x) { return x.point.in_use; }, "bytes");
  for (int tag = 0; tag < tag_count; ++tag) {
    const auto k = static_cast<std::size_t>(tag);
    t.integer(
        rn::to_string(static_cast<Tag>(tag)), [k](const TimelineRow& x) { return x.point.live[k]; },
        "bytes");
  }
}

// The columns that say of which network and mode a row is.
template <class Row>
void write_key(Writer<Row>& w) {
  w.text("arch", [](const Row& x) { return x.arch; });
  w.text("stream", [](const Row& x) { return x.stream; });
  w.text("precision", [](const Row& x) { return x.precision; });
}

void write_exactness(io::H5& file, const MemoryResult& r) {
  if (!r.reconstructed.empty()) {
    using Row = MemoryResult::Reconstructed;
    Writer<Row> w(file, "reconstruction", r.reconstructed);
    write_key(w);
    w.integer("units", [](const Row& x) { return x.units; });
    w.text("block", [](const Row& x) { return x.block; });
    w.real("relative", [](const Row& x) { return x.relative; });
    w.real("largest", [](const Row& x) { return x.largest; });
  }
  if (!r.angles.empty()) {
    using Row = MemoryResult::Angle;
    Writer<Row> w(file, "angles", r.angles);
    write_key(w);
    w.integer("units", [](const Row& x) { return x.units; });
    w.integer("step", [](const Row& x) { return x.step; });
    w.real(
        "degrees", [](const Row& x) { return x.degrees; }, "degrees");
    w.real(
        "loss", [](const Row& x) { return x.loss; }, "nats");
  }
}

void write_conclusions(io::H5& file, const MemoryResult& r) {
  const auto fits = r.fits();
  if (!fits.empty()) {
    using Row = MemoryResult::Fit;
    Writer<Row> w(file, "fits", fits);
    write_key(w);
    w.text("activations", [](const Row& x) { return x.activations; });
    w.real(
        "bytes_per_unit", [](const Row& x) { return x.bytes_per_unit; }, "bytes");
    w.real("exponent", [](const Row& x) { return x.exponent; });
    w.integer("points", [](const Row& x) { return x.points; });
  }
  if (!r.limits.empty()) {
    using Row = MemoryResult::Limit;
    Writer<Row> w(file, "limits", r.limits);
    write_key(w);
    w.text("activations", [](const Row& x) { return x.activations; });
    w.integer(
        "memory", [](const Row& x) { return x.memory; }, "bytes");
    w.text("what", [](const Row& x) { return x.what; });
    w.integer("most", [](const Row& x) { return x.most; });
    w.integer("units", [](const Row& x) { return x.units; });
    w.integer("batch", [](const Row& x) { return x.batch; });
    w.integer(
        "bytes", [](const Row& x) { return x.bytes; }, "bytes");
    w.integer("at_least", [](const Row& x) { return std::int64_t{x.at_least}; });
  }
}

// Columns of one table, all as long as the first that was read.
class Reader {
 public:
  Reader(const io::H5& file, const char* group) : file_(file), group_(group) {}
  bool there() const { return file_.has(group_); }
  std::size_t rows() const { return rows_.value_or(0); }
  std::vector<std::string> text(const char* name) {
    return checked(name, file_.read_strings(path(name)));
  }
  std::vector<std::int64_t> integers(const char* name) {
    std::vector<std::int64_t> values = checked(name, file_.read_ints(path(name)));
    for (const std::int64_t value : values) {
      if (value < 0) bad(fmt::format("{} is {}", path(name), value));
    }
    return values;
  }
  std::vector<double> reals(const char* name) {
    std::vector<double> values = checked(name, file_.read_doubles(path(name)));
    for (const double value : values) {
      if (!std::isfinite(value)) bad(fmt::format("{} is {}", path(name), value));
    }
    return values;
  }
  [[noreturn]] void bad(const std::string& what) const {
    fail(ErrorKind::input, "{}: the result is damaged: {}", file_.name(), what);
  }

 private:
  std::string path(const std::string& name) const { return std::string(group_) + "/" + name; }
  template <class T>
  std::vector<T> checked(const char* name, std::vector<T> values) {
    if (!rows_) rows_ = values.size();
    if (values.size() != *rows_) {
      bad(fmt::format("{} has {} rows, others have {}", path(name), values.size(), *rows_));
    }
    return values;
  }

  const io::H5& file_;
  const char* group_;
  std::optional<std::size_t> rows_;
};

int tag_of(const Reader& reader, const std::string& word) {
  for (int tag = 0; tag < tag_count; ++tag) {
    if (word == rn::to_string(static_cast<Tag>(tag))) return tag;
  }
  reader.bad(fmt::format("a tag is '{}'", word.substr(0, 40)));
}

Phase phase_of(const Reader& reader, const std::string& word) {
  for (int phase = 0; phase < phase_count; ++phase) {
    if (word == to_string(static_cast<Phase>(phase))) return static_cast<Phase>(phase);
  }
  reader.bad(fmt::format("a phase is '{}'", word.substr(0, 40)));
}

void read_cases(const io::H5& file, MemoryResult& r) {
  Reader t(file, "cases");
  const auto arch = t.text("arch"), activations = t.text("activations"), stream = t.text("stream"),
             precision = t.text("precision");
  const auto units = t.integers("units"), depth = t.integers("depth"),
             blocks = t.integers("blocks"), parameters = t.integers("parameters"),
             batch = t.integers("batch"), growth = t.integers("resident_growth");
  const auto step = t.reals("step_seconds"), forward = t.reals("forward_macs"),
             backward = t.reals("backward_macs"), again = t.reals("recomputed_macs");
  r.cases.resize(t.rows());
  for (std::size_t i = 0; i < r.cases.size(); ++i) {
    MemoryResult::Case& c = r.cases[i];
    c.arch = arch[i];
    c.units = units[i];
    c.depth = depth[i];
    c.activations = activations[i];
    c.stream = stream[i];
    c.precision = precision[i];
    c.batch = batch[i];
    c.account.blocks = blocks[i];
    c.account.parameters = parameters[i];
    c.account.resident_growth = growth[i];
    c.step_seconds = step[i];
    c.macs = {forward[i], backward[i], again[i]};
  }
  for (int phase = 0; phase < phase_count; ++phase) {
    const std::string name = to_string(static_cast<Phase>(phase));
    const auto peak = t.integers((name + "_peak").c_str());
    const auto seconds = t.reals((name + "_seconds").c_str());
    for (std::size_t i = 0; i < r.cases.size(); ++i) {
      r.cases[i].account.phases[static_cast<std::size_t>(phase)].peak_total = peak[i];
      r.cases[i].seconds[static_cast<std::size_t>(phase)] = seconds[i];
    }
  }
}

MemoryResult::Case& case_at(const Reader& reader, MemoryResult& r, std::int64_t index) {
  if (index >= static_cast<std::int64_t>(r.cases.size())) {
    reader.bad(fmt::format("a row is of case {}, of {}", index, r.cases.size()));
  }
  return r.cases[static_cast<std::size_t>(index)];
}

void read_account(const io::H5& file, MemoryResult& r) {
  Reader p(file, "peaks");
  const auto of = p.integers("case"), live = p.integers("live"), peak = p.integers("peak");
  const auto phase = p.text("phase"), tag = p.text("tag");
  for (std::size_t i = 0; i < p.rows(); ++i) {
    PhaseBytes& bytes =
        case_at(p, r, of[i]).account.phases[static_cast<std::size_t>(phase_of(p, phase[i]))];
    const auto k = static_cast<std::size_t>(tag_of(p, tag[i]));
    bytes.live[k] = live[i];
    bytes.peak[k] = peak[i];
  }
  Reader t(file, "timeline");
  const auto at = t.integers("case"), in_use = t.integers("in_use");
  const auto when = t.text("phase"), where = t.text("where");
  std::vector<std::vector<std::int64_t>> tags;
  for (int k = 0; k < tag_count; ++k)
    tags.push_back(t.integers(rn::to_string(static_cast<Tag>(k))));
  for (std::size_t i = 0; i < t.rows(); ++i) {
    TimelinePoint point{phase_of(t, when[i]), where[i], {}, in_use[i]};
    for (std::size_t k = 0; k < tags.size(); ++k) point.live[k] = tags[k][i];
    case_at(t, r, at[i]).account.timeline.push_back(std::move(point));
  }
}

void read_exactness(const io::H5& file, MemoryResult& r) {
  if (Reader t(file, "reconstruction"); t.there()) {
    const auto arch = t.text("arch"), stream = t.text("stream"), precision = t.text("precision"),
               block = t.text("block");
    const auto units = t.integers("units");
    const auto relative = t.reals("relative"), largest = t.reals("largest");
    for (std::size_t i = 0; i < t.rows(); ++i) {
      r.reconstructed.push_back(
          {arch[i], stream[i], precision[i], units[i], block[i], relative[i], largest[i]});
    }
  }
  if (Reader t(file, "angles"); t.there()) {
    const auto arch = t.text("arch"), stream = t.text("stream"), precision = t.text("precision");
    const auto units = t.integers("units"), step = t.integers("step");
    const auto degrees = t.reals("degrees"), loss = t.reals("loss");
    for (std::size_t i = 0; i < t.rows(); ++i) {
      r.angles.push_back(
          {arch[i], stream[i], precision[i], units[i], step[i], degrees[i], loss[i]});
    }
  }
  if (Reader t(file, "limits"); t.there()) {
    const auto arch = t.text("arch"), activations = t.text("activations"),
               stream = t.text("stream"), precision = t.text("precision"), what = t.text("what");
    const auto memory = t.integers("memory"), most = t.integers("most"),
               units = t.integers("units"), batch = t.integers("batch"),
               bytes = t.integers("bytes"), at_least = t.integers("at_least");
    for (std::size_t i = 0; i < t.rows(); ++i) {
      r.limits.push_back({arch[i], activations[i], stream[i], precision[i], memory[i], what[i],
                          most[i], units[i], batch[i], bytes[i], at_least[i] != 0});
    }
  }
}

}  // namespace

io::H5 to_h5(const MemoryResult& r) {
  io::H5 file = start_result(kind);
  file.set(study, "batch", r.batch);
  file.set(study, "steps", r.steps);
  file.set(study, "train_steps", r.train_steps);
  file.set(study, "seed", static_cast<std::int64_t>(r.seed));
  file.set(study, "data", r.data);
  write_cases(file, r);
  write_account(file, r);
  write_exactness(file, r);
  write_conclusions(file, r);
  return file;
}

MemoryResult read_memory(const io::H5& file) {
  check_kind(file, kind, "revnet-memprof");
  MemoryResult r;
  r.batch = file.get_int(study, "batch");
  r.steps = file.get_int(study, "steps");
  r.train_steps = file.get_int(study, "train_steps");
  r.seed = static_cast<std::uint64_t>(file.get_int(study, "seed"));
  r.data = file.get_string(study, "data");
  read_cases(file, r);
  read_account(file, r);
  read_exactness(file, r);
  return r;
}

}  // namespace rn::study
