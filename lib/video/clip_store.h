// The pixels of clips: pictures decoded, flow read from files or computed, kept in memory as far as
// there is room. What is wrong with a clip shows when the store is opened.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/progress.h"
#include "ops/flow.h"
#include "video/clip_set.h"

namespace rn::video {

struct StoreOptions {
  bool frames = true, flow = true;  // what is wanted of a clip
  // Folder of video-flow's results: of clip NAME it is FOLDER/NAME.h5, made with stride 1. Empty:
  // flow is computed with `method`.
  std::string flow_folder = {};
  ops::TvL1 method = {};
  int short_side = 0;  // pictures are resized to it; 0: to that of the flow files, else left alone
  std::int64_t cache_bytes = std::int64_t{1} << 30;  // kept in memory at most
  bool strict = false;  // the first clip that cannot be used is an error
  int loaders = 1;      // threads that look at clips
  Progress* progress = nullptr;
  std::function<bool()> stop = {};  // polled while clips are looked at
};

// Displacements are bytes, as in flow files: 128 is no motion, and 127 steps are this many pixels.
inline constexpr double flow_bound = 20;

// Of one clip, what was asked for: pictures u8 [H, W, 3] by number, fields u8 [H, W, 2] by number
// (field i leads from picture i to picture i + 1).
struct Pixels {
  std::vector<Tensor> frames, fields;
};

struct Skipped {
  std::string path, why;
};

// lib/io lets one thread in at a time: to be held around whatever reads or writes HDF5 while a
// store is in use.
std::mutex& hdf5_mutex();

class ClipStore {
 public:
  // Looks at every clip: that it can be read to its end, how long it is, that its flow is there and
  // belongs to it. Clips that cannot be used are warned of, and in skipped(); the others keep their
  // order. Errors (input): no clip is left; with strict, the first bad clip. Stopped: stopped().
  ClipStore(ClipSet set, StoreOptions options);
  ~ClipStore();

  struct Clip {
    SetClip named;
    std::string digest;                  // SHA-256 of the clip's file
    std::int64_t frames = 0;             // pictures
    std::int64_t height = 0, width = 0;  // as they come out
    std::int64_t fields() const { return frames - 1; }
  };
  const ClipSet& set() const { return set_; }  // with the clips that can be used
  const std::vector<Clip>& clips() const { return clips_; }
  std::int64_t count() const { return static_cast<std::int64_t>(clips_.size()); }
  const std::vector<Skipped>& skipped() const { return skipped_; }
  bool stopped() const { return stopped_; }
  // SHA-256 over names, classes and contents of the clips that can be used.
  std::string digest() const;

  // Pictures and fields of these numbers, in ascending order; nothing of what options() does not
  // want. Thread-safe. Errors (input): the file has changed.
  Pixels read(std::int64_t clip, const std::vector<std::int64_t>& frames,
              const std::vector<std::int64_t>& fields) const;

 private:
  struct Cache;
  Clip examine(const SetClip& named) const;
  std::string flow_path(const SetClip& named) const;
  Pixels load(const Clip& clip, const std::vector<std::int64_t>& frames,
              const std::vector<std::int64_t>& fields) const;
  void read_fields(const Clip& clip, const std::vector<std::int64_t>& fields, Pixels& out) const;

  ClipSet set_;
  StoreOptions options_;
  std::vector<Clip> clips_;
  std::vector<Skipped> skipped_;
  bool stopped_ = false;
  std::unique_ptr<Cache> cache_;
};

}  // namespace rn::video
