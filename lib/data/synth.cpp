// Built-in data sets: pure functions of (split, index), generated when opened.
#include "base/parallel.h"
#include "data/kinds.h"
#include "data/points.h"
#include "data/shapes.h"
#include "io/file.h"

namespace rn::data {
namespace {

// Part of the digest: raise it when the pictures change.
constexpr const char* generator = "synth:shapes 1";
constexpr std::uint64_t generator_seed = 1;

}  // namespace

std::unique_ptr<Source> open_synth(const Request& request) {
  if (is_point_set(request.where)) return open_point_set(request);
  if (request.where == "actions" || request.where.starts_with("actions?")) {
    fail(ErrorKind::usage,
         "data '{}' are films: resnet-data {} -o FOLDER writes them, video-flow and "
         "video-twostream read them",
         request.uri, request.uri);
  }
  if (request.where != "shapes") {
    fail(
        ErrorKind::usage,
        "data '{}': built-in sets are synth:shapes, synth:spirals, synth:circles, synth:moons and, "
        "of films, synth:actions",
        request.uri);
  }
  const bool train = request.split != Split::test;
  const auto count = static_cast<std::size_t>(request.keep(train ? 10000 : 2000));
  constexpr std::size_t bytes = std::size_t{shapes_side} * shapes_side * 3;

  Info info{.uri = request.uri, .height = shapes_side, .width = shapes_side, .channels = 3};
  info.class_names.assign(std::begin(shape_names), std::end(shape_names));
  const std::string what = fmt::format("{} {} {}", generator, train ? "train" : "test", count);
  info.digest = io::sha256(std::as_bytes(std::span(what)));
  std::vector<std::uint8_t> images(count * bytes);
  std::vector<std::int32_t> labels(count);
  constexpr std::size_t part = 256;
  parallel_for(static_cast<int>((count + part - 1) / part), [&](int task) {
    const std::size_t begin = static_cast<std::size_t>(task) * part;
    for (std::size_t i = begin; i < std::min(begin + part, count); ++i) {
      Rng rng(generator_seed, RngPurpose::synth, train ? 0 : 1, i);
      const int kind = static_cast<int>(rng.below(shape_count));
      labels[i] = kind;
      draw_shape(kind, rng, std::span(images).subspan(i * bytes, bytes));
    }
  });
  return std::make_unique<MemorySource>(std::move(info), std::move(images), std::move(labels));
}

}  // namespace rn::data
