#include "study/spectrum.h"

#include <cmath>

#include "ops/stack.h"

namespace rn::study {
namespace {

constexpr std::int64_t whole = -2;  // among lengths: the gradient over all paths

std::int64_t position(const std::vector<std::int64_t>& lengths, std::int64_t length) {
  const auto at = std::find(lengths.begin(), lengths.end(), length);
  return at == lengths.end() ? -1 : at - lengths.begin();
}

Tensor gradient_of(const Tensor& stack, std::int64_t at, std::int64_t images) {
  return stack.slice(at * images, (at + 1) * images);
}

Shape stacked(Shape one, std::int64_t count) {
  one[0] *= count;
  return one;
}

std::int64_t size(std::size_t n) { return static_cast<std::int64_t>(n); }

}  // namespace

void LengthTable::assign(std::int64_t rows_, std::int64_t lengths_) {
  rows = rows_;
  lengths = lengths_;
  norms.assign(static_cast<std::size_t>(rows * lengths), 0);
  shares = norms;
}

Spectrum::Spectrum(const models::Network& network, const SpectrumOptions& options)
    : network_(network), options_(options), blocks_(network.block_count()) {
  const models::NetworkSpec& spec = network.spec();
  require_paths(spec);
  if (options.max_length > blocks_) {
    fail(ErrorKind::usage, "--max-length {}: paths of '{}' have lengths 0 to {}",
         options.max_length, spec.arch, blocks_);
  }
  if (options.weights && options.batch_statistics) {
    fail(ErrorKind::usage,
         "--weights needs --bn frozen: the batch's statistics mix the images' gradients");
  }
  longest_ = options.longest(blocks_);
  shapes_ = models::boundary_shapes(spec);
}

Spectrum::Lengths Spectrum::lengths_at(std::int64_t boundary, const Slice& slice) const {
  Lengths lengths;
  const std::int64_t most = std::min(slice.end - 1, blocks_ - boundary);
  for (std::int64_t k = std::max<std::int64_t>(slice.begin - 1, 0); k <= most; ++k) {
    lengths.push_back(k);
  }
  lengths.push_back(whole);
  return lengths;
}

std::int64_t Spectrum::boundary_elements(std::int64_t boundary) const {
  return element_count(shapes_[static_cast<std::size_t>(boundary)]);
}

std::int64_t Spectrum::elements(std::int64_t slice) const {
  const std::int64_t most = slice < 0 ? longest_ + 1 : std::min(slice, longest_ + 1);
  const models::NetworkSpec& spec = network_.spec();
  std::int64_t arena = 0, handed = 0;
  for (std::int64_t begin = 0; begin <= longest_; begin += most) {
    const Slice part{begin, std::min(begin + most, longest_ + 1)};
    const auto count = [&](std::int64_t boundary) {
      return size(lengths_at(boundary, part).size());
    };
    for (std::int64_t i = 0; i < blocks_; ++i) {
      const Shape& in = shapes_[static_cast<std::size_t>(i)];
      const std::int64_t inner =
          options_.batch_statistics ? 0 : network_.block(i).stack_elements(in[1], in[2]);
      arena = std::max(arena, count(i + 1) * (boundary_elements(i + 1) + inner) +
                                  count(i) * boundary_elements(i));
    }
    arena = std::max(arena,
                     count(0) * (boundary_elements(0) + spec.height * spec.width * spec.channels));
  }
  if (most <= longest_) {
    for (std::int64_t i = 0; i <= blocks_; ++i) handed += boundary_elements(i);
  }
  return arena + handed;
}

std::int64_t Spectrum::products(std::int64_t slice) const {
  const std::int64_t most = slice < 0 ? longest_ + 1 : std::min(slice, longest_ + 1);
  std::int64_t sum = options_.blocks ? blocks_ * (blocks_ + 1) / 2 : 0;
  for (std::int64_t begin = 0; begin <= longest_; begin += most) {
    for (std::int64_t i = 1; i <= blocks_; ++i) {
      sum += size(lengths_at(i, {begin, std::min(begin + most, longest_ + 1)}).size());
    }
  }
  return sum;
}

void Spectrum::take(const Tensor& of_squares, const Tensor& of_dots, const Lengths& lengths,
                    const Slice& slice, LengthTable& to, std::int64_t row) {
  const Tensor squares = of_squares.on(cpu), dots = of_dots.on(cpu);
  const std::int64_t images = squares.dim(1), last = size(lengths.size()) - 1;
  const bool by_image = row < 0;
  for (std::int64_t at = 0; at < last; ++at) {
    const std::int64_t k = lengths[static_cast<std::size_t>(at)];
    if (k < slice.begin) continue;  // handed over: counted in the slice before
    for (std::int64_t n = 0; n < images; ++n) {
      const double square = squares.data<double>()[last * images + n];
      const auto cell = static_cast<std::size_t>((by_image ? first_ + n : row) * to.lengths + k);
      to.norms[cell] += std::sqrt(squares.data<double>()[at * images + n]);
      if (square > 0) to.shares[cell] += dots.data<double>()[at * images + n] / square;
    }
  }
}

Tensor Spectrum::step(std::int64_t block, const Tensor& g, const std::vector<ops::StackRow>& rows,
                      bool masked, GradientPass& back, const nn::StackWeights* weights) {
  if (!options_.batch_statistics) {
    return network_.block(block).backward_stack(
        g, rows, masked, *pass_, saved_.blocks[static_cast<std::size_t>(block)], arena_, weights);
  }
  Shape shape = shapes_[static_cast<std::size_t>(block)];
  shape[0] = back.images() * size(rows.size());
  const Tensor out = arena_.take_out(shape);
  out.zero(pass_->stream);
  for (std::int64_t at = 0; at < g.dim(0) / back.images(); ++at) {
    const Tensor d = gradient_of(g, at, back.images());
    for (const bool branch : {true, false}) {
      const Tensor part = back.block(block, d, branch ? nn::Gate{1, 0} : nn::Gate{0, 1}, masked);
      for (std::int64_t j = 0; j < size(rows.size()); ++j) {
        const ops::StackRow& row = rows[static_cast<std::size_t>(j)];
        if ((branch ? row.conv : row.add) != at) continue;
        ops::axpby(1, part, 1, gradient_of(out, j, back.images()), pass_->stream);
      }
    }
  }
  return out;
}

// Row 0 of a later slice comes from the slice before, and its last length goes to the next one.
void Spectrum::hand_over(std::int64_t boundary, const Tensor& g, const Lengths& lengths,
                         const Slice& slice) {
  const std::int64_t images = g.dim(0) / size(lengths.size());
  Tensor& handed = handed_[static_cast<std::size_t>(boundary)];
  if (slice.begin > 0 && lengths.front() == slice.begin - 1) {
    gradient_of(g, 0, images).copy_from(handed);
  }
  const std::int64_t last = position(lengths, slice.end - 1);
  if (slice.end > longest_ || last < 0) return;
  handed.ensure(stacked(shapes_[static_cast<std::size_t>(boundary)], images), g.dtype(),
                Tag::activation, g.device());
  handed.copy_from(gradient_of(g, last, images));
}

void Spectrum::measure(const Tensor& g, const Lengths& lengths) {
  const std::int64_t images = g.dim(0) / size(lengths.size());
  for (Tensor* products : {&squares_, &dots_}) {
    products->ensure({size(lengths.size()), images}, Dtype::f64, Tag::workspace, g.device());
  }
  ops::stack_products(g, images, size(lengths.size()) - 1, squares_, dots_, pass_->stream);
}

Tensor Spectrum::images_of(const Tensor& g, GradientPass& back) {
  const models::NetworkSpec& spec = network_.spec();
  const std::int64_t images = back.images();
  arena_.flip();
  const Tensor out = arena_.take_out({g.dim(0), spec.height, spec.width, spec.channels});
  if (!options_.batch_statistics) {
    network_.stem_stack(g, out, *pass_, saved_);
    return out;
  }
  for (std::int64_t at = 0; at < g.dim(0) / images; ++at) {
    gradient_of(out, at, images).copy_from(back.stem(gradient_of(g, at, images)));
  }
  return out;
}

void Spectrum::run_slice(const Slice& slice, GradientPass& back, BatchSpectrum& out) {
  const std::int64_t images = back.images();
  const auto at_boundary = [&](std::int64_t boundary, const Tensor& g, const Lengths& lengths) {
    if (options_.boundaries) {
      measure(g, lengths);
      take(squares_, dots_, lengths, slice, out.boundaries, boundary);
      ops::stack_mask(g, back.activation(boundary), pass_->stream);
    }
    hand_over(boundary, g, lengths, slice);
  };

  arena_.flip();
  Lengths lengths = lengths_at(blocks_, slice);
  const Tensor head = back.head(!options_.boundaries);
  Tensor g = arena_.take_out(stacked(head.shape(), size(lengths.size())));
  for (std::int64_t at = 0; at < size(lengths.size()); ++at) {
    gradient_of(g, at, images).copy_from(head);  // all of it is of length 0
  }
  at_boundary(blocks_, g, lengths);
  for (std::int64_t i = blocks_ - 1; i >= 0; --i) {
    nn::StackWeights weights;
    if (options_.weights) {
      const Shape shape{size(lengths.size()), images};
      const Device device = g.device();
      weights = {shape[0] - 1, Tensor::zeros(shape, Dtype::f64, Tag::workspace, device),
                 Tensor::zeros(shape, Dtype::f64, Tag::workspace, device)};
    }
    const Lengths next = lengths_at(i, slice);
    std::vector<ops::StackRow> rows;
    for (const std::int64_t k : next) {
      const std::int64_t all = size(lengths.size()) - 1;
      rows.push_back(k == whole             ? ops::StackRow{all, all}
                     : k == slice.begin - 1 ? ops::StackRow{}  // is handed over
                                            : ops::StackRow{k == 0 ? -1 : position(lengths, k - 1),
                                                            position(lengths, k)});
    }
    arena_.flip();
    g = step(i, g, rows, !options_.boundaries, back, options_.weights ? &weights : nullptr);
    if (options_.weights) take(weights.squares, weights.dots, lengths, slice, out.weights, i);
    lengths = next;
    at_boundary(i, g, lengths);
  }
  measure(images_of(g, back), lengths);
  take(squares_, dots_, lengths, slice, out.images, -1);
  const Tensor squares = squares_.on(cpu);
  for (std::int64_t n = 0; n < images; ++n) {
    out.whole[static_cast<std::size_t>(first_ + n)] =
        std::sqrt(squares.data<double>()[(size(lengths.size()) - 1) * images + n]);
  }
}

// The gradients through the branches of blocks [begin, end): a gradient sets out at each of these.
void Spectrum::run_blocks(const Slice& slice, GradientPass& back, BatchSpectrum& out) {
  arena_.flip();
  Lengths through{whole};
  const Tensor head = back.head(true);
  Tensor g = arena_.take_out(head.shape());
  g.copy_from(head);
  for (std::int64_t i = blocks_ - 1; i >= 0; --i) {
    const std::int64_t all = size(through.size()) - 1;
    std::vector<ops::StackRow> rows;
    for (std::int64_t at = 0; at < all; ++at) rows.push_back({at, at});
    if (i >= slice.begin && i < slice.end) {
      rows.push_back({all, -1});
      through.insert(through.end() - 1, i);
    }
    rows.push_back({all, all});
    arena_.flip();
    g = step(i, g, rows, true, back, nullptr);
  }
  measure(images_of(g, back), through);
  take(squares_, dots_, through, slice, out.blocks, 0);
}

BatchSpectrum Spectrum::begin(std::int64_t images) const {
  BatchSpectrum out;
  out.whole.assign(static_cast<std::size_t>(images), 0);
  out.images.assign(images, longest_ + 1);
  if (options_.boundaries) out.boundaries.assign(blocks_ + 1, longest_ + 1);
  if (options_.weights) out.weights.assign(blocks_, longest_ + 1);
  if (options_.blocks) out.blocks.assign(1, blocks_);
  return out;
}

void Spectrum::run(const Tensor& images, const Tensor& labels, TensorPool& pool, BatchSpectrum& out,
                   std::int64_t first) {
  const nn::Pass pass{.pool = pool, .batch_statistics = options_.batch_statistics, .keep = true};
  pass_ = &pass;
  first_ = first;
  const std::int64_t count = images.dim(0), lengths = longest_ + 1;
  const std::int64_t most = options_.slice < 0 ? lengths : std::min(options_.slice, lengths);
  GradientPass back(network_, pass, saved_, images, labels);
  handed_.resize(static_cast<std::size_t>(blocks_ + 1));
  std::int64_t handed = 0;
  if (most < lengths) {
    for (std::int64_t i = 0; i <= blocks_; ++i) handed += boundary_elements(i);
  }
  arena_.reserve((elements(most) - handed) * count, network_.dtype(), pool.device());
  for (std::int64_t begin = 0; begin < lengths; begin += most) {
    run_slice({begin, std::min(begin + most, lengths)}, back, out);
  }
  const std::int64_t at_a_time = std::min(most, blocks_);
  for (std::int64_t begin = 0; options_.blocks && begin < blocks_; begin += at_a_time) {
    run_blocks({begin, std::min(begin + at_a_time, blocks_)}, back, out);
  }
  saved_.release();
  pass_ = nullptr;
}

}  // namespace rn::study
