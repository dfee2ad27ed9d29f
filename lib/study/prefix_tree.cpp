#include "study/prefix_tree.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/parallel.h"
#include "base/rng.h"

namespace rn::study {
namespace {

// value += sigma * rms * N(0, 1), by image and from its own stream: no matter how images are cut
// into slices.
void add_noise(const Tensor& to, const Place& place, std::int64_t sample, std::uint64_t seed) {
  const Tensor value = to.on(cpu);
  with_activation(value.dtype(), "noise", [&]<class T>() {
    const std::int64_t size = value.size() / value.dim(0);
    parallel_for(static_cast<int>(value.dim(0)), [&](int n) {
      T* x = value.data<T>() + n * size;
      double square = 0;
      for (std::int64_t i = 0; i < size; ++i)
        square += static_cast<double>(x[i]) * static_cast<double>(x[i]);
      const double scale = place.noise * std::sqrt(square / static_cast<double>(size));
      Rng rng(seed, RngPurpose::study, static_cast<std::uint64_t>(sample + n),
              static_cast<std::uint64_t>(place.block) << 8 | 0xff);
      for (std::int64_t i = 0; i < size; ++i)
        x[i] = T(x[i] + static_cast<Wide<T>>(scale * rng.normal()));
    });
  });
  if (!to.device().is_cpu()) to.copy_from(value);
}

// Elements of one image at each boundary: 0 before the first block, n behind the last.
std::vector<std::int64_t> boundary_sizes(const models::NetworkSpec& spec) {
  std::vector<std::int64_t> sizes;
  for (const Shape& shape : models::boundary_shapes(spec)) {
    sizes.push_back(element_count(shape));
  }
  return sizes;
}

}  // namespace

struct PrefixTree::Walk {
  models::Network& network;
  const nn::Pass& pass;
  const Result& result;
  std::int64_t sample;
  std::uint64_t seed;
  models::Saved saved;
};

PrefixTree::PrefixTree(const models::NetworkSpec& spec, const std::vector<Lesion>& lesions)
    : spec_(spec), lesions_(lesions), sorted_(lesions.size()) {
  for (const Lesion& lesion : lesions) {
    require(lesion.places.size() == spec.blocks.size(), "lesion '{}' has {} places for {} blocks",
            lesion.name, lesion.places.size(), spec.blocks.size());
  }
  std::iota(sorted_.begin(), sorted_.end(), std::size_t{0});
  std::stable_sort(sorted_.begin(), sorted_.end(), [&](std::size_t a, std::size_t b) {
    return lesions_[a].places < lesions_[b].places;
  });
}

std::vector<PrefixTree::Group> PrefixTree::groups(std::size_t begin, std::size_t end,
                                                  std::size_t depth) const {
  std::vector<Group> found;
  for (std::size_t at = begin; at < end; ++at) {
    if (at == begin || place(at, depth) != place(at - 1, depth)) found.push_back({at, at});
    found.back().end = at + 1;
  }
  std::stable_sort(found.begin(), found.end(), [](const Group& a, const Group& b) {
    return a.end - a.begin < b.end - b.begin;
  });
  return found;
}

Tensor PrefixTree::step(Walk& walk, const Place& place, const Tensor& value) {
  nn::Residual& block = walk.network.block(place.block);
  block.gates.forward = {place.branch, place.shortcut};
  nn::Signal in;
  in.value = ops::operand(value);
  auto& saved = walk.saved.blocks[static_cast<std::size_t>(place.block)];
  const nn::Signal out = block.forward(in, walk.pass, saved);
  block.gates = {};
  Tensor next = nn::materialize(out, walk.pass);
  if (place.noise > 0) {
    if (next.raw() == value.raw()) {  // handed through: others may read it
      const Tensor own = walk.pass.pool.take(value.shape(), value.dtype());
      own.copy_from(value);
      next = own;
    }
    add_noise(next, place, walk.sample, walk.seed);
  }
  return next;
}

void PrefixTree::descend(Walk& walk, std::size_t begin, std::size_t end, std::size_t depth,
                         Tensor value) {
  for (; depth < spec_.blocks.size(); ++depth) {
    const std::vector<Group> parts = groups(begin, end, depth);
    for (std::size_t g = 0; g + 1 < parts.size(); ++g) {
      descend(walk, parts[g].begin, parts[g].end, depth + 1,
              step(walk, place(parts[g].begin, depth), value));
    }
    begin = parts.back().begin;
    end = parts.back().end;
    value = step(walk, place(begin, depth), value);
  }
  const Tensor logits = walk.network.leave(value, walk.pass, walk.saved);
  for (std::size_t at = begin; at < end; ++at) walk.result(sorted_[at], logits);
}

void PrefixTree::run(models::Network& network, const Tensor& images, std::int64_t sample,
                     std::uint64_t seed, const nn::Pass& pass, const Result& result) {
  network.reset_gates();
  Walk walk{network, pass, result, sample, seed, {}};
  Tensor value = network.enter(images, pass, walk.saved);
  walk.saved.release();
  walk.saved.blocks.resize(spec_.blocks.size());
  descend(walk, 0, sorted_.size(), 0, std::move(value));
}

void PrefixTree::count(TreeCost& cost, const std::vector<std::int64_t>& sizes, std::size_t begin,
                       std::size_t end, std::size_t depth, std::int64_t held) const {
  for (; depth < spec_.blocks.size(); ++depth) {
    const std::vector<Group> parts = groups(begin, end, depth);
    for (std::size_t g = 0; g < parts.size(); ++g) {
      const bool last = g + 1 == parts.size();
      cost.evaluations += place(parts[g].begin, depth).branch != 0;
      // The block's input and output, and what is in between: two tensors of the larger kind.
      const std::int64_t larger = std::max(sizes[depth], sizes[depth + 1]);
      cost.bytes_per_image =
          std::max(cost.bytes_per_image, held + sizes[depth] + sizes[depth + 1] + 2 * larger);
      if (!last) {
        count(cost, sizes, parts[g].begin, parts[g].end, depth + 1, held + sizes[depth]);
      }
    }
    begin = parts.back().begin;
    end = parts.back().end;
  }
}

TreeCost PrefixTree::cost(Dtype dtype) const {
  TreeCost cost;
  for (const Lesion& lesion : lesions_) {
    for (const Place& place : lesion.places) cost.naive += place.branch != 0;
  }
  if (!lesions_.empty()) count(cost, boundary_sizes(spec_), 0, sorted_.size(), 0, 0);
  // Reversible streams are as wide as parameters.
  const bool wide_stream = !spec_.blocks.empty() && spec_.blocks.back().reversible;
  cost.bytes_per_image *= static_cast<std::int64_t>(size_of(wide_stream ? wide(dtype) : dtype));
  return cost;
}

}  // namespace rn::study
