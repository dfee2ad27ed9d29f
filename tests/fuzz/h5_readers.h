// Every reader of HDF5 here, over one image.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "data/h5_set.h"
#include "fuzz/check.h"
#include "fuzz/h5_images.h"
#include "io/keras_file.h"
#include "io/provenance.h"
#include "io/schema.h"
#include "plot/curves.h"
#include "study/describe.h"
#include "study/geometry_result.h"
#include "study/lesion_studies.h"
#include "study/paths_result.h"
#include "train/describe.h"
#include "train/st_model_file.h"

namespace rn::fuzz {

// A file in memory with a name.
class NamedFile {
 public:
  explicit NamedFile(const io::Bytes& image) : memory_(memfd_create("fuzz", 0)) {
    if (memory_ < 0 ||
        write(memory_, image.data(), image.size()) != static_cast<ssize_t>(image.size())) {
      broken("no file in memory");
    }
  }
  NamedFile(const NamedFile&) = delete;
  NamedFile& operator=(const NamedFile&) = delete;
  ~NamedFile() { close(memory_); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(memory_); }

 private:
  int memory_;
};

inline void read_samples(const data::Source& source) {
  const data::Info& info = source.info();
  std::vector<double> point(info.points ? static_cast<std::size_t>(info.channels) : 0);
  io::Bytes pixels(static_cast<std::size_t>(info.height * info.width * info.channels));
  for (std::int64_t i = 0; i < info.count; ++i) {
    source.announce(i);
    const std::int32_t label =
        info.points
            ? source.read_point(i, point)
            : source.read(i, {reinterpret_cast<std::uint8_t*>(pixels.data()), pixels.size()});
    if (label < 0 || label >= info.classes()) broken("a label of no class");
  }
}

// Data sets are opened by name: in memory, on disk, and as one of two shards.
inline void read_data(const io::Bytes& image) {
  static const NamedFile sibling(shard_image(1));
  const NamedFile file(image);
  for (const data::Split split : {data::Split::train, data::Split::val, data::Split::test}) {
    for (const data::Streaming streaming : {data::Streaming::automatic, data::Streaming::on}) {
      const data::Request request{"h5:fuzz", "fuzz", split, 1000};
      for (const auto& files : {std::vector<std::string>{file.path()},
                                std::vector<std::string>{sibling.path(), file.path()}}) {
        holds([&] { read_samples(*data::open_h5_files(request, files, streaming)); });
      }
    }
  }
}

inline void read_study(const io::H5& file) {
  study::describe_text(file);
  study::describe_json(file);
  holds([&] {
    const study::PathsResult r = study::read_paths(file);
    study::to_table(r, study::main_table(r));
    study::to_h5(r);
  });
  for (const auto& found : study::studies_of({study::read_lesions(file)}, {"fuzz"})) {
    study::to_table(found.result);
    study::to_h5(found.result);
  }
}

inline void read_geometry(const io::H5& file) {
  const study::GeometryResult result = study::read_geometry(file);
  study::to_text(result);
  study::to_json(result);
  study::to_h5(result);
}

inline void read_everything(const io::Bytes& image) {
  static const bool quiet = (spdlog::set_level(spdlog::level::off), true);
  static_cast<void>(quiet);
  holds([&] { check_weights(io::read_keras(io::H5::open_image(image, "fuzz"))); });
  io::schema::Format format{};
  const bool ours = holds([&] {
    const io::H5 file = io::H5::open_image(image, "fuzz");
    holds([&] { io::read_provenance(file); });
    holds([&] { train::read_model_file(file); });
    holds([&] { train::load_model(file); });
    holds([&] { train::load_st_model(file); });
    holds([&] { plot::read_curves(file, "fuzz"); });
    format = io::schema::identify(file);
    const bool model = format == io::schema::Format::model;
    const train::DescribeOptions all{.blocks = model, .parameters = model, .provenance = true};
    holds([&] { train::describe_text(file, all); });
    holds([&] { train::describe_json(file, all); });
    if (study::knows(file)) holds([&] { read_study(file); });
    holds([&] { read_geometry(file); });
  });
  if (ours && format == io::schema::Format::data) read_data(image);
}

}  // namespace rn::fuzz
