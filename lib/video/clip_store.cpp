#include "video/clip_store.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/parallel.h"
#include "data/workers.h"
#include "io/file.h"
#include "video/clip.h"
#include "video/flow_field.h"
#include "video/flow_file.h"
#include "video/picture.h"

namespace rn::video {
namespace {

namespace fs = std::filesystem;

std::string digest_of(const std::string& path) {
  std::error_code code;
  if (!fs::exists(path, code)) fail(ErrorKind::input, "{}: no such file", path);
  if (!fs::is_regular_file(path, code)) fail(ErrorKind::input, "{}: is no regular file", path);
  io::Sha256 digest;
  std::vector<char> piece(1 << 20);
  std::ifstream file(path, std::ios::binary);
  while (file) {
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    digest.update(std::as_bytes(std::span(piece.data(), static_cast<std::size_t>(file.gcount()))));
  }
  if (!file.eof()) fail(ErrorKind::input, "{}: cannot be read", path);
  return digest.hex();
}

Tensor to_bytes(const Tensor& fields) {
  const Tensor bytes(fields.shape(), Dtype::u8, Tag::input);
  quantise(fields.span<float>(), flow_bound, bytes.span<std::uint8_t>());
  return bytes;
}

std::vector<std::int64_t> all_of(std::int64_t count) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(std::max<std::int64_t>(count, 0)));
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::int64_t>(i);
  return numbers;
}

}  // namespace

std::mutex& hdf5_mutex() {
  static std::mutex mutex;
  return mutex;
}

// Whole clips, first come, first kept: every epoch reads all of them, in another order, so that
// throwing out what was not used for long would throw out what is wanted next.
struct ClipStore::Cache {
  std::mutex mutex;
  std::map<std::int64_t, Pixels> clips;
  std::int64_t left = 0;
};

ClipStore::~ClipStore() = default;

ClipStore::ClipStore(ClipSet set, StoreOptions options)
    : set_(std::move(set)), options_(std::move(options)), cache_(std::make_unique<Cache>()) {
  cache_->left = options_.cache_bytes;
  const auto count = static_cast<std::int64_t>(set_.clips.size());
  std::vector<Clip> found(set_.clips.size());
  std::vector<std::string> why(set_.clips.size());
  NoProgress silent;
  Progress& progress = options_.progress ? *options_.progress : silent;
  progress.begin({.what = "looking at clips", .total = count, .item = "clips"});
  data::Workers workers(std::max(1, options_.loaders));
  constexpr std::int64_t at_a_time = 64;
  for (std::int64_t first = 0; first < count && !stopped_; first += at_a_time) {
    workers.run(std::min(at_a_time, count - first), [&](int, std::int64_t i) {
      const auto at = static_cast<std::size_t>(first + i);
      if (options_.stop && options_.stop()) return;
      try {
        // The pool belongs to the compute: what a thread of ours starts it does by itself.
        parallel_for(1, [&](int) { found[at] = examine(set_.clips[at]); });
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::input) throw;
        why[at] = error.what();
      }
    });
    stopped_ = options_.stop && options_.stop();
    progress.advance(std::min(first + at_a_time, count));
  }
  progress.end();
  if (stopped_) return;
  std::vector<SetClip> good;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (why[i].empty()) {
      good.push_back(set_.clips[i]);
      clips_.push_back(std::move(found[i]));
      continue;
    }
    if (options_.strict) fail(ErrorKind::input, "{}", why[i]);
    warn("skipped: {}", why[i]);
    skipped_.push_back({set_.clips[i].path, why[i]});
  }
  set_.clips = std::move(good);
  if (clips_.empty()) {
    fail(ErrorKind::input, "{}: none of {} clips can be used; the first: {}", set_.uri, count,
         skipped_.empty() ? "there are none" : skipped_.front().why);
  }
}

std::string ClipStore::flow_path(const SetClip& named) const {
  return (fs::path(options_.flow_folder) / (named.name + ".h5")).string();
}

ClipStore::Clip ClipStore::examine(const SetClip& named) const {
  Clip clip{.named = named, .digest = digest_of(named.path)};
  int short_side = options_.short_side;
  if (options_.flow && !options_.flow_folder.empty()) {
    const std::string path = flow_path(named);
    std::error_code code;
    if (!fs::exists(path, code)) {
      fail(ErrorKind::input, "{}: has no flow: {} is not there (video-flow makes it)", named.path,
           path);
    }
    const std::lock_guard lock(hdf5_mutex());
    const FlowHead head = FlowFile::open(path).head();
    if (head.digest != clip.digest) {
      fail(ErrorKind::input, "{}: is the flow of another clip than {}; make it anew", path,
           named.path);
    }
    if (head.options.stride != 1) {
      fail(ErrorKind::input, "{}: leads from every {}th picture to the next; needed is stride 1",
           path, head.options.stride);
    }
    if (short_side > 0 && std::min(head.clip.height, head.clip.width) != short_side) {
      fail(ErrorKind::input, "{}: is {} x {}; --short-side {} wants another size", path,
           head.clip.width, head.clip.height, short_side);
    }
    clip.frames = head.fields + 1;
    clip.height = head.clip.height;
    clip.width = head.clip.width;
    // Whoever made it has read the same bytes to their end.
    return clip;
  }
  const Counted counted = count_frames(named.path, short_side, 1, options_.stop);
  clip.frames = counted.frames;
  clip.height = counted.info.height;
  clip.width = counted.info.width;
  if (options_.flow && clip.frames < 2) {
    fail(ErrorKind::input, "{}: has one picture; flow needs two", named.path);
  }
  return clip;
}

std::string ClipStore::digest() const {
  io::Sha256 digest;
  const auto add = [&](const std::string& text) { digest.update(std::as_bytes(std::span(text))); };
  for (const Clip& clip : clips_) {
    add(fmt::format("{}\n{}\n{}\n", clip.named.name, clip.named.label, clip.digest));
  }
  return digest.hex();
}

void ClipStore::read_fields(const Clip& clip, const std::vector<std::int64_t>& fields,
                            Pixels& out) const {
  const std::string path = flow_path(clip.named);
  const std::lock_guard lock(hdf5_mutex());
  const FlowFile file = FlowFile::open(path);
  if (file.head().fields != clip.fields() || file.head().clip.height != clip.height ||
      file.head().clip.width != clip.width) {
    fail(ErrorKind::input, "{}: changed while it was in use", path);
  }
  for (const std::int64_t field : fields) {
    out.fields.push_back(to_bytes(file.read(field, 1)).reshape({clip.height, clip.width, 2}));
  }
}

Pixels ClipStore::load(const Clip& clip, const std::vector<std::int64_t>& frames,
                       const std::vector<std::int64_t>& fields) const {
  Pixels out;
  const bool computes = options_.flow_folder.empty() && !fields.empty();
  if (!computes && !fields.empty()) read_fields(clip, fields, out);
  if (frames.empty() && !computes) return out;
  // Decoding goes from the start, and ends at the last picture that is needed.
  const std::int64_t last =
      std::max(frames.empty() ? 0 : frames.back(), computes ? fields.back() + 1 : 0);
  const int short_side = static_cast<int>(std::min(clip.height, clip.width));
  video::Clip reader(clip.named.path, short_side);
  const std::int64_t h = clip.height, w = clip.width;
  std::optional<std::int64_t> brightness_of;  // the picture that `before` is of
  Tensor before({1, h, w}, Dtype::f32, Tag::input), now({1, h, w}, Dtype::f32, Tag::input);
  std::size_t next_frame = 0, next_field = 0;
  for (std::int64_t number = 0; number <= last; ++number) {
    const bool shown = next_frame < frames.size() && frames[next_frame] == number;
    const bool ends = computes && next_field < fields.size() && fields[next_field] + 1 == number;
    const std::size_t following = next_field + (ends ? 1 : 0);
    const bool begins = computes && following < fields.size() && fields[following] == number;
    const bool wanted = shown || ends || begins;
    const Tensor picture = wanted ? reader.next() : Tensor();
    if (wanted ? !picture || picture.dim(0) != h || picture.dim(1) != w : !reader.skip()) {
      fail(ErrorKind::input, "{}: changed while it was in use", clip.named.path);
    }
    if (shown) {
      out.frames.push_back(picture);
      ++next_frame;
    }
    if (!ends && !begins) continue;
    to_brightness(picture, now.data<float>());
    if (ends) {
      require(brightness_of == number - 1, "ClipStore: field {} lacks its first picture", number);
      const Tensor flow({1, h, w, 2}, Dtype::f32, Tag::input);
      ops::tv_l1_flow(options_.method, before, now, flow);
      out.fields.push_back(to_bytes(flow).reshape({h, w, 2}));
      next_field = following;
    }
    std::swap(before, now);
    brightness_of = number;
  }
  return out;
}

Pixels ClipStore::read(std::int64_t index, const std::vector<std::int64_t>& frames,
                       const std::vector<std::int64_t>& fields) const {
  const Clip& clip = clips_.at(static_cast<std::size_t>(index));
  const bool want_frames = options_.frames, want_flow = options_.flow;
  static const std::vector<std::int64_t> none;
  const auto pick = [&](const Pixels& whole) {
    Pixels out;
    for (const std::int64_t i : frames) {
      if (want_frames) out.frames.push_back(whole.frames.at(static_cast<std::size_t>(i)));
    }
    for (const std::int64_t i : fields) {
      if (want_flow) out.fields.push_back(whole.fields.at(static_cast<std::size_t>(i)));
    }
    return out;
  };
  const std::int64_t bytes =
      clip.height * clip.width *
      ((want_frames ? 3 * clip.frames : 0) + (want_flow ? 2 * clip.fields() : 0));
  bool keeps = false;
  {
    const std::lock_guard lock(cache_->mutex);
    const auto found = cache_->clips.find(index);
    if (found != cache_->clips.end()) return pick(found->second);
    keeps = bytes <= cache_->left;
    if (keeps) cache_->left -= bytes;
  }
  if (!keeps) return load(clip, want_frames ? frames : none, want_flow ? fields : none);
  Pixels whole = load(clip, want_frames ? all_of(clip.frames) : none,
                      want_flow ? all_of(clip.fields()) : none);
  const std::lock_guard lock(cache_->mutex);
  const auto [kept, is_new] = cache_->clips.emplace(index, std::move(whole));
  if (!is_new) cache_->left += bytes;  // another thread was as quick
  return pick(kept->second);
}

}  // namespace rn::video
