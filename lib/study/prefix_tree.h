// Runs many lesions over the same images. Lesions that begin alike share the activations of their
// common beginning: the sequences form a tree, walked in depth, and deleting each of n blocks in
// turn takes n + n(n-1)/2 block evaluations instead of n(n+1).
#pragma once

#include <functional>

#include "models/network.h"
#include "study/lesion.h"

namespace rn::study {

struct TreeCost {
  std::int64_t evaluations = 0;  // of blocks with their branch, for a slice of images
  std::int64_t naive = 0;        // the same without sharing
  // Bytes of one image's activations that are held at the same time at most, in and between blocks.
  std::int64_t bytes_per_image = 0;
};

class PrefixTree {
 public:
  // The network's own gates and order are not looked at. `lesions` must outlive the tree.
  PrefixTree(const models::NetworkSpec& spec, const std::vector<Lesion>& lesions);

  TreeCost cost(Dtype dtype) const;

  // Calls result(lesion's index, logits [N, classes]) for every lesion. `sample`: number of the
  // first image, for the noise. Gates of the network are left as after reset_gates().
  using Result = std::function<void(std::size_t, const Tensor&)>;
  void run(models::Network& network, const Tensor& images, std::int64_t sample, std::uint64_t seed,
           const nn::Pass& pass, const Result& result);

 private:
  struct Walk;
  struct Group {
    std::size_t begin, end;  // of sorted_
  };
  // The lesions [begin, end) of sorted_, grouped by what runs at `depth`; the largest group last,
  // so that nothing is held while it runs.
  std::vector<Group> groups(std::size_t begin, std::size_t end, std::size_t depth) const;
  const Place& place(std::size_t at, std::size_t depth) const {
    return lesions_[sorted_[at]].places[depth];
  }
  void descend(Walk& walk, std::size_t begin, std::size_t end, std::size_t depth, Tensor value);
  void count(TreeCost& cost, const std::vector<std::int64_t>& sizes, std::size_t begin,
             std::size_t end, std::size_t depth, std::int64_t held) const;
  static Tensor step(Walk& walk, const Place& place, const Tensor& value);

  const models::NetworkSpec& spec_;
  const std::vector<Lesion>& lesions_;
  std::vector<std::size_t> sorted_;  // lesions by their sequences
};

}  // namespace rn::study
