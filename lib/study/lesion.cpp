#include "study/lesion.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/error.h"
#include "base/rng.h"

namespace rn::study {
namespace {

constexpr std::array<std::pair<Study, const char*>, 9> words{
    {{Study::delete_each, "delete-each"},
     {Study::delete_set, "delete"},
     {Study::keep_only, "keep-only"},
     {Study::delete_random, "delete-random"},
     {Study::shuffle, "shuffle"},
     {Study::delete_shortcut, "delete-shortcut"},
     {Study::noise, "noise"},
     {Study::shapley, "shapley"},
     {Study::pairs, "pairs"}}};

using Spec = models::NetworkSpec;

std::int64_t count(const Spec& spec) { return static_cast<std::int64_t>(spec.blocks.size()); }

Lesion intact(const Spec& spec) {
  Lesion lesion;
  lesion.name = "intact";
  for (std::int64_t i = 0; i < count(spec); ++i) lesion.places.push_back({.block = i});
  return lesion;
}

Place& at(Lesion& lesion, std::int64_t place) {
  return lesion.places[static_cast<std::size_t>(place)];
}

const std::string& name_of(const Spec& spec, std::int64_t block) {
  return spec.blocks[static_cast<std::size_t>(block)].name;
}

std::vector<std::int64_t> indices_of(const Spec& spec, const std::vector<std::string>& names) {
  std::vector<std::int64_t> found;
  for (const std::string& name : names) {
    const auto block = std::find_if(spec.blocks.begin(), spec.blocks.end(),
                                    [&](const nn::BlockSpec& b) { return b.name == name; });
    if (block == spec.blocks.end()) {
      std::string known;
      for (const nn::BlockSpec& b : spec.blocks) known += (known.empty() ? "" : ", ") + b.name;
      fail(ErrorKind::usage, "there is no block '{}'; the blocks are {}", name, known);
    }
    found.push_back(block - spec.blocks.begin());
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

// The first k of a shuffle of 0 .. n-1.
std::vector<std::int64_t> draw(Rng& rng, std::int64_t n, std::int64_t k) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(n));
  std::iota(all.begin(), all.end(), 0);
  for (std::int64_t i = 0; i < k; ++i) {
    const std::int64_t j = i + rng.below(static_cast<std::uint32_t>(n - i));
    std::swap(all[static_cast<std::size_t>(i)], all[static_cast<std::size_t>(j)]);
  }
  all.resize(static_cast<std::size_t>(k));
  return all;
}

Rng rng_of(const LesionOptions& o, std::int64_t k, std::int64_t trial) {
  return {o.seed, RngPurpose::study, static_cast<std::uint64_t>(trial),
          static_cast<std::uint64_t>(k) << 8 | static_cast<std::uint64_t>(o.study)};
}

void add_each(const Spec& spec, const LesionOptions& o, std::vector<Lesion>& lesions) {
  for (std::int64_t i = 0; i < count(spec); ++i) {
    Lesion lesion = intact(spec);
    lesion.name = name_of(spec, i);
    lesion.k = 1;
    if (o.study == Study::delete_each) at(lesion, i).branch = 0;
    if (o.study == Study::delete_shortcut) at(lesion, i).shortcut = 0;
    if (o.study == Study::noise) at(lesion, i).noise = o.sigma;
    lesions.push_back(std::move(lesion));
  }
}

void add_set(const Spec& spec, const LesionOptions& o, std::vector<Lesion>& lesions) {
  const bool keep = o.study == Study::keep_only;
  Lesion lesion = intact(spec);
  lesion.name = keep ? "keep-only" : "delete";
  for (Place& place : lesion.places) place.branch = keep ? 0 : 1;
  for (const std::int64_t i : indices_of(spec, o.names)) at(lesion, i).branch = keep ? 1 : 0;
  for (const Place& place : lesion.places) lesion.k += place.branch == 0;
  lesions.push_back(std::move(lesion));
}

void add_random(const Spec& spec, const LesionOptions& o, std::vector<Lesion>& lesions) {
  for (const std::int64_t k : o.ks) {
    if (k < 0 || k > count(spec)) {
      fail(ErrorKind::usage, "cannot delete {} blocks: the network '{}' has {}", k, spec.arch,
           count(spec));
    }
    for (std::int64_t trial = 0; trial < o.trials; ++trial) {
      Lesion lesion = intact(spec);
      lesion.name = fmt::format("k{}-t{}", k, trial);
      lesion.k = k;
      lesion.trial = trial;
      Rng rng = rng_of(o, k, trial);
      for (const std::int64_t i : draw(rng, count(spec), k)) at(lesion, i).branch = 0;
      lesions.push_back(std::move(lesion));
    }
  }
}

void add_shuffles(const Spec& spec, const LesionOptions& o, std::vector<Lesion>& lesions) {
  const auto pairs = exchangeable(spec);
  if (pairs.empty()) {
    fail(ErrorKind::usage, "the network '{}' has no two blocks that could change places",
         spec.arch);
  }
  for (const std::int64_t k : o.ks) {
    if (k < 0 || k > 100000) fail(ErrorKind::usage, "--shuffle {}: 0 to 100000 swaps", k);
    for (std::int64_t trial = 0; trial < o.trials; ++trial) {
      Lesion lesion = intact(spec);
      lesion.name = fmt::format("k{}-t{}", k, trial);
      lesion.k = k;
      lesion.trial = trial;
      Rng rng = rng_of(o, k, trial);
      for (std::int64_t swap = 0; swap < k; ++swap) {
        const auto& [a, b] = pairs[rng.below(static_cast<std::uint32_t>(pairs.size()))];
        std::swap(at(lesion, a), at(lesion, b));
      }
      lesions.push_back(std::move(lesion));
    }
  }
}

// Coalitions that grow by one block at a time, in the order of a permutation; k is their size.
void add_shapley(const Spec& spec, const LesionOptions& o, std::vector<Lesion>& lesions) {
  for (std::int64_t trial = 0; trial < o.trials; ++trial) {
    Rng rng = rng_of(o, 0, trial);
    const std::vector<std::int64_t> order = draw(rng, count(spec), count(spec));
    Lesion lesion = intact(spec);
    for (Place& place : lesion.places) place.branch = 0;
    for (std::int64_t size = 0; size <= count(spec); ++size) {
      std::string added = "none";
      if (size > 0) {
        const std::int64_t block = order[static_cast<std::size_t>(size - 1)];
        at(lesion, block).branch = 1;
        added = name_of(spec, block);
      }
      lesion.name = fmt::format("t{}+{}", trial, added);
      lesion.k = size;
      lesion.trial = trial;
      lesions.push_back(lesion);
    }
  }
}

void add_pairs(const Spec& spec, std::vector<Lesion>& lesions) {
  for (std::int64_t i = 0; i < count(spec); ++i) {
    for (std::int64_t j = i; j < count(spec); ++j) {
      Lesion lesion = intact(spec);
      lesion.name = i == j ? name_of(spec, i) : name_of(spec, i) + "+" + name_of(spec, j);
      lesion.k = i == j ? 1 : 2;
      at(lesion, i).branch = at(lesion, j).branch = 0;
      lesions.push_back(std::move(lesion));
    }
  }
}

}  // namespace

const char* to_string(Study study) {
  for (const auto& [key, word] : words) {
    if (key == study) return word;
  }
  return "?";
}

Study parse_study(const std::string& text) {
  std::string known;
  for (const auto& [key, word] : words) {
    if (text == word) return key;
    known += (known.empty() ? "" : ", ") + std::string(word);
  }
  fail(ErrorKind::usage, "study '{}' is unknown: {}", text.substr(0, 60), known);
}

std::vector<std::pair<std::int64_t, std::int64_t>> exchangeable(const Spec& spec) {
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
  for (std::int64_t i = 0; i < count(spec); ++i) {
    const nn::BlockSpec& a = spec.blocks[static_cast<std::size_t>(i)];
    if (a.downsamples()) continue;
    for (std::int64_t j = i + 1; j < count(spec); ++j) {
      const nn::BlockSpec& b = spec.blocks[static_cast<std::size_t>(j)];
      if (b.stage() == a.stage() && b.in == a.in && b.out == a.out && !b.downsamples()) {
        pairs.emplace_back(i, j);
      }
    }
  }
  return pairs;
}

std::vector<Lesion> lesions_of(const Spec& spec, const LesionOptions& options) {
  if (spec.blocks.empty()) {
    fail(ErrorKind::input, "the network '{}' has no residual blocks to study", spec.arch);
  }
  std::vector<Lesion> lesions{intact(spec)};
  switch (options.study) {
    case Study::delete_each:
    case Study::delete_shortcut:
    case Study::noise: add_each(spec, options, lesions); break;
    case Study::delete_set:
    case Study::keep_only: add_set(spec, options, lesions); break;
    case Study::delete_random: add_random(spec, options, lesions); break;
    case Study::shuffle: add_shuffles(spec, options, lesions); break;
    case Study::shapley: add_shapley(spec, options, lesions); break;
    case Study::pairs: add_pairs(spec, lesions); break;
  }
  return lesions;
}

}  // namespace rn::study
