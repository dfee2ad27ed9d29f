// The metric that a classifier pulls back to its input and to every boundary between its blocks,
// G = J'FJ with J the Jacobian of the C logits and F the metric of the output. Its rank is at most
// C (C - 1 for Fisher's), so its spectrum, exactly, is that of the C x C matrix F^1/2 JJ' F^1/2: of
// the products of C vector-Jacobian products, which go back through the network as one stack
// (ops/stack.h), with frozen statistics. Fisher's metric does not see what all logits
// have in common: the C - 1 differences from the last one are enough for it.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/stack.h"
#include "study/ck_map.h"

namespace rn::study {

struct ImageSpectra {
  std::int64_t images = 0, boundaries = 0, classes = 0;
  std::vector<double> eigenvalues;     // [images, boundaries, classes], largest first
  std::vector<double> trace;           // [images, boundaries]
  std::vector<double> effective_rank;  // likewise: exp of the entropy of the eigenvalues' shares
                                       // (Roy and Vetterli 2007); 0 where all are 0
  std::vector<double> log_volume;      // of the ellipsoid: half the sum of log of those that count
  std::vector<std::int64_t> rank;      // eigenvalues above `floor` times the largest
  std::vector<std::int64_t> answer;    // [images]: the class of the largest logit
  std::vector<double> confidence;      // [images]: its probability
  // Of the first images: the leading eigenvector at the input, of length 1, its largest number
  // positive; [count, H, W, channels].
  std::int64_t vectors = 0;
  std::vector<double> eigenvectors;
  void start(std::int64_t images, std::int64_t boundaries, std::int64_t classes);
};

class MetricSpectrum {
 public:
  // euclidean and logits are the same here. Errors (input): blocks that a stack of gradients does
  // not go through (plain layers, C^k layers).
  MetricSpectrum(const models::Network& network, OutputMetric metric, double floor);

  // Boundary 0 is the images, then the inputs of the blocks, last what the head gets.
  std::int64_t boundaries() const { return blocks_ + 2; }
  std::vector<std::string> names() const;
  std::vector<std::int64_t> sizes() const;  // numbers of a value at each boundary

  // images [N, H, W, C]: images first, first + 1, ... of `out`; of those below out.vectors also the
  // eigenvector. Memory is used again. Errors (numeric): logits that are not finite.
  void run(const Tensor& images, TensorPool& pool, ImageSpectra& out, std::int64_t first = 0);

  // Elements that a run takes for each image, beside the activations of a forward pass.
  std::int64_t elements() const;

 private:
  void take(const Tensor& stack, std::int64_t boundary, ImageSpectra& out, std::int64_t first);
  void take_vectors(const Tensor& stack, ImageSpectra& out, std::int64_t first);

  const models::Network& network_;
  OutputMetric metric_;
  double floor_;
  std::int64_t blocks_, classes_, images_ = 0;
  std::int64_t products_;      // gradients of a stack
  std::vector<Shape> shapes_;  // of the blocks' boundaries, for one image
  nn::StackArena arena_;
  models::Saved saved_;
  Tensor gram_;
  std::vector<double> roots_;  // [N, C, products]: A with F = A'A on what is taken
};

}  // namespace rn::study
