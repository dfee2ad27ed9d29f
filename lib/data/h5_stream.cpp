// Images that stay in their files.
#include <algorithm>

#include "data/h5_set.h"
#include "io/file.h"

namespace rn::data {
namespace {

// Where nothing is recorded, so many images stand for all in the digest.
constexpr std::int64_t sampled_images = 1024;
constexpr std::int64_t serial_bytes = std::int64_t{1} << 24;  // read at once by libhdf5

// What the two ways to read have in common.
class LargeSource : public Source {
 public:
  LargeSource(Info info, std::vector<H5Part> parts) : parts_(std::move(parts)) {
    info_ = std::move(info);
    known_ = recorded(parts_);
    for (H5Part& part : parts_) {
      labels_.insert(labels_.end(), part.labels.begin(), part.labels.end());
      digests_.insert(digests_.end(), part.digests.begin(), part.digests.end());
      part.labels = {};
      part.digests = {};
    }
    labels_.resize(static_cast<std::size_t>(info_.count));
  }

  // To be called once, before anything is read.
  void describe() {
    if (known_) {
      digests_.resize(static_cast<std::size_t>(info_.count) * digest_bytes);
      info_.digest = digest_of_set(info_, digests_);
      digests_ = {};
      return;
    }
    io::Sha256 digest;
    digest.update(std::as_bytes(std::span(labels_)));
    std::vector<std::uint8_t> image(
        static_cast<std::size_t>(info_.height * info_.width * info_.channels));
    const std::int64_t every = (info_.count + sampled_images - 1) / sampled_images;
    for (std::int64_t i = 0; i < info_.count; i += every) {
      read(i, image);
      digest.update(std::as_bytes(std::span(image)));
    }
    info_.digest = digest.hex();
  }

  bool small() const override {
    return info_.count <= most_in_memory / (info_.height * info_.width * info_.channels);
  }

 protected:
  const H5Part& part_of(std::int64_t index) const {
    require(index >= 0 && index < info_.count, "{}: sample {} of {}", info_.uri, index,
            info_.count);
    // The last part that begins at or before it; an empty one begins where the next does.
    const auto after =
        std::upper_bound(parts_.begin(), parts_.end(), index,
                         [](std::int64_t i, const H5Part& part) { return i < part.first; });
    return *(after - 1);
  }
  std::int32_t label(std::int64_t index) const { return labels_[static_cast<std::size_t>(index)]; }

 private:
  std::vector<H5Part> parts_;
  std::vector<std::int32_t> labels_;
  std::vector<std::uint8_t> digests_;  // until they have made that of the set
  bool known_ = false;
};

// By any thread, from where they lie.
class StreamedSource : public LargeSource {
 public:
  using LargeSource::LargeSource;

  std::int32_t read(std::int64_t index, std::span<std::uint8_t> image) const override {
    const H5Part& part = part_of(index);
    if (const std::string problem =
            part.rows->read(index - part.first, std::as_writable_bytes(image));
        !problem.empty()) {
      fail(ErrorKind::input, "{}: sample {} {}; put the file back and run the same command again",
           part.file, index, problem);
    }
    return label(index);
  }
  bool costly() const override { return true; }
  void announce(std::int64_t index) const override {
    const H5Part& part = part_of(index);
    part.rows->will_need(index - part.first);
  }
};

// By libhdf5, some at a time.
class SerialSource : public LargeSource {
 public:
  SerialSource(Info info, std::vector<H5Part> parts, std::string images_at)
      : LargeSource(std::move(info), std::move(parts)), images_at_(std::move(images_at)) {}

  std::int32_t read(std::int64_t index, std::span<std::uint8_t> image) const override {
    const H5Part& part = part_of(index);
    const std::int64_t row = index - part.first, size = info_.height * info_.width * info_.channels;
    if (open_ != &part || row < first_ || row >= first_ + rows_.dim(0)) fetch(part, row, size);
    std::copy_n(rows_.data<std::uint8_t>() + (row - first_) * size, size, image.data());
    return label(index);
  }

 private:
  void fetch(const H5Part& part, std::int64_t row, std::int64_t size) const {
    // More than one only where one follows the other.
    const bool next = open_ == &part && row == first_ + rows_.dim(0);
    const std::int64_t n = next ? std::max<std::int64_t>(1, serial_bytes / size) : 1;
    if (open_ != &part) {
      open_ = nullptr;
      file_ = std::make_unique<io::H5>(io::H5::open_on_disk(part.file));
      if (file_->shape(images_at_) != part.shape) {
        fail(ErrorKind::input, "{}: was written to while it was in use", part.file);
      }
    }
    const Tensor rows({std::min(n, part.count() - row), info_.height, info_.width, info_.channels},
                      Dtype::u8, Tag::input);
    file_->read_rows(images_at_, row, rows);
    rows_ = rows;
    first_ = row;
    open_ = &part;
  }

  std::string images_at_;
  mutable const H5Part* open_ = nullptr;
  mutable std::unique_ptr<io::H5> file_;
  mutable Tensor rows_;  // of that part, from ...
  mutable std::int64_t first_ = 0;
};

template <class S, class... Args>
std::unique_ptr<Source> make(Args&&... args) {
  auto source = std::make_unique<S>(std::forward<Args>(args)...);
  source->describe();
  return source;
}

}  // namespace

std::unique_ptr<Source> stream_h5(Info info, std::vector<H5Part> parts, bool serial,
                                  const std::string& images_at) {
  return serial ? make<SerialSource>(std::move(info), std::move(parts), images_at)
                : make<StreamedSource>(std::move(info), std::move(parts));
}

}  // namespace rn::data
