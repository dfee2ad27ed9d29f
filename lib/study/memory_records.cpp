// Results of revnet-memprof for programs: tables, JSON.
#include "io/table.h"
#include "study/memory_result.h"

namespace rn::study {
namespace {

using io::Table;

const MemoryResult::Case no_case;

struct CaseRecord {
  const MemoryResult::Case* of = &no_case;
  double ratio = 0;
};

template <class Put>
void fields(const CaseRecord& record, Put put) {
  const MemoryResult::Case& c = *record.of;
  put("arch", c.arch);
  put("units", c.units);
  put("depth", c.depth);
  put("blocks", c.account.blocks);
  put("parameters", c.account.parameters);
  put("activations", c.activations);
  put("stream", c.stream);
  put("precision", c.precision);
  put("batch", c.batch);
  put("peak_activation", c.account.peak(Tag::activation));
  put("peak_statistics", c.account.peak(Tag::statistics));
  put("peak_total", c.account.peak_total());
  put("resident_growth", c.account.resident_growth);
  put("forward_seconds", c.seconds[0]);
  put("backward_seconds", c.seconds[1]);
  put("update_seconds", c.seconds[2]);
  put("step_seconds", c.step_seconds);
  put("ratio", record.ratio);
  put("forward_macs", c.macs.forward);
  put("backward_macs", c.macs.backward);
  put("recomputed_macs", c.macs.recomputed);
}

std::vector<CaseRecord> case_records(const MemoryResult& r) {
  std::vector<CaseRecord> records;
  for (const auto& c : r.cases) records.push_back({&c, r.against_stored(c)});
  return records;
}

}  // namespace

template <class Put>
void fields(const MemoryResult::Reconstructed& x, Put put) {
  put("arch", x.arch);
  put("units", x.units);
  put("stream", x.stream);
  put("precision", x.precision);
  put("block", x.block);
  put("relative", x.relative);
  put("largest", x.largest);
}

template <class Put>
void fields(const MemoryResult::Angle& x, Put put) {
  put("arch", x.arch);
  put("units", x.units);
  put("stream", x.stream);
  put("precision", x.precision);
  put("step", x.step);
  put("degrees", x.degrees);
  put("loss", x.loss);
}

template <class Put>
void fields(const MemoryResult::Fit& x, Put put) {
  put("arch", x.arch);
  put("activations", x.activations);
  put("stream", x.stream);
  put("precision", x.precision);
  put("points", x.points);
  put("bytes_per_unit", x.bytes_per_unit);
  put("exponent", x.exponent);
}

template <class Put>
void fields(const MemoryResult::Limit& x, Put put) {
  put("arch", x.arch);
  put("activations", x.activations);
  put("stream", x.stream);
  put("precision", x.precision);
  put("memory", x.memory);
  put("what", x.what);
  put("most", x.most);
  put("units", x.units);
  put("batch", x.batch);
  put("bytes", x.bytes);
  put("at_least", x.at_least);
}

namespace {

std::string peaks_table(const MemoryResult& r) {
  Table table("arch", "units", "activations", "stream", "precision", "phase", "tag", "live",
              "peak");
  for (const auto& c : r.cases) {
    for (int phase = 0; phase < phase_count; ++phase) {
      for (std::size_t tag = 0; tag < tag_count; ++tag) {
        const PhaseBytes& bytes = c.account.phases[static_cast<std::size_t>(phase)];
        table.row(c.arch, c.units, c.activations, c.stream, c.precision,
                  to_string(static_cast<Phase>(phase)),
                  rn::to_string(static_cast<Tag>(static_cast<int>(tag))), bytes.live[tag],
                  bytes.peak[tag]);
      }
    }
  }
  return table.str();
}

std::string timeline_table(const MemoryResult& r) {
  Table table;
  for (const char* name :
       {"arch", "units", "activations", "stream", "precision", "phase", "where", "in_use"}) {
    table.cells(name);
  }
  for (int tag = 0; tag < tag_count; ++tag) table.cells(rn::to_string(static_cast<Tag>(tag)));
  table.end();
  for (const auto& c : r.cases) {
    for (const TimelinePoint& p : c.account.timeline) {
      for (const auto& cell : {c.arch, std::to_string(c.units), c.activations, c.stream,
                               c.precision, std::string(to_string(p.phase)), p.where}) {
        table.cells(cell);
      }
      table.cells(p.in_use);
      for (const auto bytes : p.live) table.cells(bytes);
      table.end();
    }
  }
  return table.str();
}

}  // namespace

std::string to_table(const MemoryResult& r, MemoryTable table) {
  switch (table) {
    case MemoryTable::cases: return io::table_of(case_records(r));
    case MemoryTable::peaks: return peaks_table(r);
    case MemoryTable::timeline: return timeline_table(r);
    case MemoryTable::reconstruction: return io::table_of(r.reconstructed);
    case MemoryTable::angles: return io::table_of(r.angles);
    case MemoryTable::fits: return io::table_of(r.fits());
    case MemoryTable::limits: break;
  }
  return io::table_of(r.limits);
}

io::Json to_json(const MemoryResult& r) {
  std::vector<io::Json> cases = io::objects_of(case_records(r));
  for (std::size_t k = 0; k < cases.size(); ++k) {
    io::Json tags;
    for (int tag = 0; tag < tag_count; ++tag) {
      tags.add(rn::to_string(static_cast<Tag>(tag)),
               r.cases[k].account.peak(static_cast<Tag>(tag)));
    }
    cases[k].add("peak_bytes", tags);
  }
  return io::Json()
      .add("batch", r.batch)
      .add("seed", r.seed)
      .add("cases", cases)
      .add("reconstruction", io::objects_of(r.reconstructed))
      .add("angles", io::objects_of(r.angles))
      .add("fits", io::objects_of(r.fits()))
      .add("limits", io::objects_of(r.limits));
}

}  // namespace rn::study
