// A file that stays open while parts of it are read, by any number of threads at once.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <span>
#include <string>

namespace rn::io {

class FileHandle {
 public:
  // Errors (input): missing, unreadable, no regular file.
  explicit FileHandle(const std::string& path);
  FileHandle(const FileHandle&) = delete;
  FileHandle& operator=(const FileHandle&) = delete;
  ~FileHandle();

  std::uint64_t size() const { return size_; }  // as it was opened
  // Whether `descriptor` is open on the same file.
  bool same_as(int descriptor) const;

  // Fills `out` with what lies at `at`, and nothing around it. What is wrong, in words that follow
  // "FILE: THING ", or "" if all is well: a file that was cut off or written to since it was opened
  // is not read. One that was replaced under its name is still there for who holds it. Thread-safe.
  std::string read(std::uint64_t at, std::span<std::byte> out) const;
  // Says that this part will be read soon: the system may fetch it meanwhile. Thread-safe.
  void will_need(std::uint64_t at, std::uint64_t length) const;
  // Says that reads will jump about: nothing around them is worth fetching.
  void at_random() const;

 private:
  int fd_;
  std::uint64_t size_ = 0;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::timespec changed_{};
};

// Whether a path names a regular file (and not a pipe, a directory, stdin, nothing).
bool is_regular_file(const std::string& path);

}  // namespace rn::io
