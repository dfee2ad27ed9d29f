// What the h5*.cpp files share: handles, the open file, and libhdf5's errors as ours.
#pragma once

#include <hdf5.h>

#include <functional>
#include <utility>

#include "io/file_handle.h"
#include "io/h5.h"
#include "io/quoted.h"

namespace rn::io {

// A hid_t that closes itself. Invalid ids are kept as they are: test with ok().
class Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Handle(hid_t id, Close close) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  hid_t get() const { return id_; }
  bool ok() const { return id_ >= 0; }

 private:
  hid_t id_;
  Close close_;
};

// libhdf5 prints its error stack unless told not to, thread by thread.
void silence_hdf5();

// The innermost message of libhdf5's error stack, in brackets, or nothing; clears the stack.
std::string hdf5_reason();

// Errors (input) when a file of `size` bytes that begins with `head` is no complete HDF5 file,
// saying what it is instead.
void check_image(std::span<const std::byte> head, std::uint64_t size, const std::string& name,
                 std::string_view expected);

// Some versions of libhdf5 clear the "open for writing" flag in an image without renewing the
// superblock's checksum: this does.
void settle_superblock(std::span<std::byte> image);

struct H5::Impl {
  std::string name;
  Bytes bytes;  // what a file opened as an image is read from; libhdf5 holds no copy
  std::shared_ptr<const FileHandle> on_disk;  // of one that was opened where it lies
  std::uint64_t size = 0;                     // bytes of the opened file
  bool writable = false;
  hid_t file = -1;
  Handle links;  // how links are followed: not into other files

  Impl();
  ~Impl();

  void check_writable(const std::string& path) const;

  // The object at `path`; not ok() where there is none, or only a link that leads to none in this
  // file. Errors: input, where one must be but is damaged.
  Handle find(const std::string& path) const;
  bool has(const std::string& path) const;
  void make_groups(const std::string& path) const;  // every component of `path`
  void make_parents(const std::string& path) const;

  // Errors: input, absent or of another kind.
  Handle open_object(const std::string& path) const;
  Handle open_dataset(const std::string& path) const;

  // A new data set, its parents made; `chunk` empty for one piece. Errors: failed, shape.
  Handle create_dataset(const std::string& path, hid_t type, const Shape& shape,
                        const Shape& chunk = {}) const;

  // Extents of a data set whose elements take `element` bytes in memory, checked against `limit`
  // and against what the file stores. Errors: input.
  Shape checked_shape(const Handle& dataset, const std::string& path, std::size_t element,
                      std::int64_t limit) const;
};

// Extents of a data space as they are claimed, none over 2^63 - 1: [] of a scalar, [0] of nothing.
// libhdf5's own number of elements may have overflown: ask count_elements().
Shape extents_of(hid_t space);

hid_t file_type(Dtype dtype);    // little-endian
hid_t memory_type(Dtype dtype);  // native
Handle string_type(std::size_t length);

// Strings of an attribute or data set, fixed or variable length, given how to read into a buffer.
// `type` is the type in the file, `space` its extent, `count` the checked number of elements,
// `transfer` the property list that `read_into` reads with. Nothing where reading fails.
std::vector<std::string> decode_strings(hid_t type, hid_t space, std::size_t count,
                                        const std::function<herr_t(hid_t, void*)>& read_into,
                                        hid_t transfer = H5P_DEFAULT);

}  // namespace rn::io
