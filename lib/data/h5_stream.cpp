// Images that stay in their files.
#include <algorithm>

#include "data/h5_set.h"
#include "io/file.h"

namespace rn::data {
namespace {

// Where nothing is recorded, so many images stand for all in the digest.
constexpr std::int64_t sampled_images = 1024;

class StreamedSource : public Source {
 public:
  StreamedSource(Info info, std::vector<H5Part> parts) : parts_(std::move(parts)) {
    info_ = std::move(info);
    const bool known = recorded(parts_);
    for (H5Part& part : parts_) {
      labels_.insert(labels_.end(), part.labels.begin(), part.labels.end());
      digests_.insert(digests_.end(), part.digests.begin(), part.digests.end());
      part.labels = {};
      part.digests = {};
    }
    labels_.resize(static_cast<std::size_t>(info_.count));
    describe(known);
  }

  std::int32_t read(std::int64_t index, std::span<std::uint8_t> image) const override {
    const H5Part& part = part_of(index);
    if (const std::string problem =
            part.rows->read(index - part.first, std::as_writable_bytes(image));
        !problem.empty()) {
      fail(ErrorKind::input, "{}: sample {} {}; put the file back and run the same command again",
           part.file, index, problem);
    }
    return labels_[static_cast<std::size_t>(index)];
  }

  bool costly() const override { return true; }
  bool small() const override {
    return info_.count <= most_in_memory / (info_.height * info_.width * info_.channels);
  }
  void announce(std::int64_t index) const override {
    const H5Part& part = part_of(index);
    part.rows->will_need(index - part.first);
  }

 private:
  const H5Part& part_of(std::int64_t index) const {
    require(index >= 0 && index < info_.count, "{}: sample {} of {}", info_.uri, index,
            info_.count);
    // The last part that begins at or before it; an empty one begins where the next does.
    const auto after =
        std::upper_bound(parts_.begin(), parts_.end(), index,
                         [](std::int64_t i, const H5Part& part) { return i < part.first; });
    return *(after - 1);
  }

  void describe(bool known) {
    if (known) {
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

  std::vector<H5Part> parts_;
  std::vector<std::int32_t> labels_;
  std::vector<std::uint8_t> digests_;  // until they have made that of the set
};

}  // namespace

std::unique_ptr<Source> stream_h5(Info info, std::vector<H5Part> parts) {
  return std::make_unique<StreamedSource>(std::move(info), std::move(parts));
}

}  // namespace rn::data
