// The gradient by path length, exactly. A path through n residual blocks takes branch or shortcut
// in each; its length is the number of branches (Veit, Wilber and Belongie 2016, section 3).
// Backward through a block is linear, g -> S'g + J'g (shortcut, branch), so the sum over all paths
// of length k obeys G_i[k] = S' G_{i+1}[k] + J' G_{i+1}[k-1], from the head (where all is of length
// 0) to the images: one backward pass of n blocks with a stack of up to n + 1 gradients, instead of
// 2^n passes. A ReLU behind the addition is in both parts, a shared pre-activation too.
#pragma once

#include <vector>

#include "nn/stack.h"
#include "study/gradient_pass.h"

namespace rn::study {

struct SpectrumOptions {
  std::int64_t max_length = -1;   // longest paths of interest; -1: n
  bool boundaries = false;        // also at every boundary between blocks
  bool weights = false;           // also of every block's convolution weights
  bool blocks = false;            // also the gradient through each block's branch
  bool batch_statistics = false;  // norms use the batch's statistics, else the running ones
  std::int64_t slice = -1;        // lengths at a time; -1: all
  // lengths 0 .. longest
  std::int64_t longest(std::int64_t n) const {
    return max_length < 0 ? n : std::min(max_length, n);
  }
};

// Squares and products of gradients by length, summed or image by image: what norms and shares
// follow from. [rows, K] row-major, K = longest + 1.
struct LengthTable {
  std::int64_t rows = 0, lengths = 0;
  std::vector<double> norms;   // |G[k]|, of images or summed over them
  std::vector<double> shares;  // <G[k], G> / |G|^2, likewise
  void assign(std::int64_t rows_, std::int64_t lengths_);
  bool operator==(const LengthTable&) const = default;
};

// Of one batch of images, of their cross-entropy, summed.
struct BatchSpectrum {
  std::vector<double> whole;  // |G| of each image, at the images; 0: it has no gradient, nor shares
  LengthTable images;         // rows: images
  LengthTable boundaries;     // rows: boundaries 0 .. n, sums over images; empty unless asked for
  LengthTable weights;        // rows: blocks; length: of branches behind the block; likewise
  // One row, a column for each block: the gradient at the images over all paths through its branch.
  // The shares add up to the mean length, sum_k k share[k]. Sums over images; empty unless asked
  // for.
  LengthTable blocks;
};

class Spectrum {
 public:
  // Errors: input (a network without residual blocks), usage (options that make no sense).
  Spectrum(const models::Network& network, const SpectrumOptions& options);

  // Room for the results of so many images.
  BatchSpectrum begin(std::int64_t images) const;
  // images [N, H, W, C], labels i32 [N]: images first, first + 1, ... of `out`, where sums are
  // added in the order of images. One at a time; memory is used again.
  void run(const Tensor& images, const Tensor& labels, TensorPool& pool, BatchSpectrum& out,
           std::int64_t first = 0);

  // Elements of memory that a run takes for each image, beside the activations of a forward pass:
  // with so many lengths at a time (-1: all).
  std::int64_t elements(std::int64_t slice) const;
  // Gradients that go through a block in one run, over all blocks and slices: what the time of a
  // run is made of.
  std::int64_t products(std::int64_t slice) const;

 private:
  struct Slice {  // lengths [begin, end), with length begin - 1 of the slice before
    std::int64_t begin, end;
  };
  using Lengths = std::vector<std::int64_t>;  // of the gradients of a stack, the whole one last
  Lengths lengths_at(std::int64_t boundary, const Slice& slice) const;
  // From boundary block + 1 to boundary block.
  Tensor step(std::int64_t block, const Tensor& g, const std::vector<ops::StackRow>& rows,
              bool masked, GradientPass& back, const nn::StackWeights* weights);
  Tensor images_of(const Tensor& g, GradientPass& back);
  void run_slice(const Slice& slice, GradientPass& back, BatchSpectrum& out);
  void run_blocks(const Slice& slice, GradientPass& back, BatchSpectrum& out);
  void hand_over(std::int64_t boundary, const Tensor& g, const Lengths& lengths,
                 const Slice& slice);
  void measure(const Tensor& g, const Lengths& lengths);
  void take(const Tensor& squares, const Tensor& dots, const Lengths& lengths, const Slice& slice,
            LengthTable& to, std::int64_t row);
  std::int64_t boundary_elements(std::int64_t boundary) const;

  const models::Network& network_;
  SpectrumOptions options_;
  std::int64_t blocks_, longest_;
  std::vector<Shape> shapes_;  // of the boundaries' values, for one image
  nn::StackArena arena_;
  std::vector<Tensor> handed_;  // by boundary: the last length of the slice before
  models::Saved saved_;
  const nn::Pass* pass_ = nullptr;
  std::int64_t first_ = 0;  // image of this run
  Tensor squares_, dots_;   // of measure()
};

}  // namespace rn::study
