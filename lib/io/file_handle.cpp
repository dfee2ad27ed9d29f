#include "io/file_handle.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace rn::io {

FileHandle::FileHandle(const std::string& path)
    : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  struct stat status {};
  const int error = fd_ < 0 || ::fstat(fd_, &status) != 0 ? errno : 0;
  if (error == 0 && S_ISREG(status.st_mode)) {
    size_ = static_cast<std::uint64_t>(status.st_size);
    device_ = status.st_dev;
    inode_ = status.st_ino;
    changed_ = status.st_mtim;
    return;
  }
  if (fd_ >= 0) ::close(fd_);
  if (error == EMFILE) {
    fail(ErrorKind::input, "{}: cannot open: {} (ulimit -n raises the limit)", path,
         std::strerror(error));
  }
  if (error != 0) fail(ErrorKind::input, "{}: cannot open: {}", path, std::strerror(error));
  fail(ErrorKind::input, "{}: is {}, not a file", path,
       S_ISDIR(status.st_mode) ? "a directory" : "a device or a pipe");
}

FileHandle::~FileHandle() { ::close(fd_); }

bool FileHandle::same_as(int descriptor) const {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
}

std::string FileHandle::read(std::uint64_t at, std::span<std::byte> out) const {
  const auto unreadable = [](int error) {
    return fmt::format("cannot be read: {}", std::strerror(error));
  };
  while (!out.empty()) {
    const std::size_t part = std::min(out.size(), std::size_t{1} << 30);
    const ssize_t n = ::pread(fd_, out.data(), part, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return unreadable(errno);
    if (n == 0) break;
    at += static_cast<std::uint64_t>(n);
    out = out.subspan(static_cast<std::size_t>(n));
  }
  struct stat status {};
  if (::fstat(fd_, &status) != 0) return unreadable(errno);
  if (!out.empty() || static_cast<std::uint64_t>(status.st_size) < size_) {
    return fmt::format("is gone: the file was cut off from {} to {} bytes while it was in use",
                       size_, status.st_size);
  }
  if (status.st_mtim.tv_sec != changed_.tv_sec || status.st_mtim.tv_nsec != changed_.tv_nsec) {
    return "cannot be trusted: the file was written to while it was in use";
  }
  return {};
}

void FileHandle::will_need(std::uint64_t at, std::uint64_t length) const {
  ::posix_fadvise(fd_, static_cast<off_t>(at), static_cast<off_t>(length), POSIX_FADV_WILLNEED);
}

void FileHandle::at_random() const { ::posix_fadvise(fd_, 0, 0, POSIX_FADV_RANDOM); }

bool is_regular_file(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace rn::io
