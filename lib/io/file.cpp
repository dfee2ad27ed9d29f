#include "io/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace rn::io {
namespace {

// A file descriptor that closes itself; 0, 1 and 2 are left open.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  int get() const { return fd_; }
  int close() {
    const int fd = std::exchange(fd_, -1);
    return fd > 2 ? ::close(fd) : 0;
  }

 private:
  int fd_;
};

std::string reason(int error) { return std::strerror(error); }

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

// What a name stands for once symbolic links are followed, so that a link to the target stays one.
std::string resolve(const std::string& path) {
  std::string at = path;
  for (int hop = 0; hop < 40; ++hop) {
    char target[PATH_MAX];
    const ssize_t n = ::readlink(at.c_str(), target, sizeof target - 1);
    if (n < 0) return at;
    const std::string to(target, static_cast<std::size_t>(n));
    at = !to.empty() && to[0] == '/' ? to : directory_of(at) + "/" + to;
  }
  fail(ErrorKind::failed, "{}: too many symbolic links", path);
}

// Writes all of it; returns 0 or errno.
int write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    // One call writes 2 GiB at the most.
    const std::size_t part = std::min(bytes.size(), std::size_t{1} << 30);
    const ssize_t n = ::write(fd, bytes.data(), part);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return 0;
}

bool exists(const std::string& path, struct stat& status) {
  return ::stat(path.c_str(), &status) == 0;
}

bool write_stdout(std::span<const std::byte> bytes) {
  if (::isatty(STDOUT_FILENO)) {
    fail(ErrorKind::usage,
         "stdout is a terminal: HDF5 is not written to one; use -o FILE or a pipe");
  }
  const int error = write_all(STDOUT_FILENO, bytes);
  if (error == EPIPE) return false;
  if (error != 0) fail(ErrorKind::failed, "stdout: cannot write: {}", reason(error));
  return true;
}

// Devices and FIFOs have no half-written state that a rename could hide.
bool write_special(const std::string& path, std::span<const std::byte> bytes) {
  Descriptor fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (fd.get() < 0) fail(ErrorKind::failed, "{}: cannot open: {}", path, reason(errno));
  if (::isatty(fd.get())) {
    fail(ErrorKind::usage, "{}: is a terminal: HDF5 is not written to one", path);
  }
  int error = write_all(fd.get(), bytes);
  if (error == EPIPE) return false;
  if (error == 0 && fd.close() != 0) error = errno;
  if (error != 0) fail(ErrorKind::failed, "{}: cannot write: {}", path, reason(error));
  return true;
}

std::string own_descriptor(int fd) { return fmt::format("/proc/self/fd/{}", fd); }

// A new file beside `target` under a name of its own. Left-overs of a killed process with our
// number are ours to replace.
int create_beside(const std::string& target, std::string& temporary) {
  static std::atomic<unsigned> serial{0};
  const std::size_t slash = target.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : target.substr(0, slash + 1);
  // The name must fit in NAME_MAX with what is added.
  const std::string name = target.substr(folder.size()).substr(0, 200);
  temporary = fmt::format("{}.{}.tmp.{}.{}", folder, name, ::getpid(), serial++);
  for (;;) {
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0 || errno != EEXIST || ::unlink(temporary.c_str()) != 0) return fd;
  }
}

// A file in the folder of `target` that has no name yet: a killed process leaves nothing behind.
// Not every file system can do that: then it has a name (`temporary`) from the start.
int create_nameless(const std::string& target, std::string& temporary) {
#ifdef O_TMPFILE
  const int fd = ::open(directory_of(target).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  if (fd >= 0 && ::access(own_descriptor(fd).c_str(), F_OK) == 0) return fd;
  if (fd >= 0) ::close(fd);  // without /proc it could never be named
#endif
  return create_beside(target, temporary);
}

// Gives what create_nameless() made a name beside `target`, if it has none yet. 0, or errno.
int name_it(int fd, const std::string& target, std::string& temporary) {
  if (!temporary.empty()) return 0;
  std::string name;
  // A name that is free: made and taken away again.
  const Descriptor probe(create_beside(target, name));
  if (probe.get() < 0) return errno;
  ::unlink(name.c_str());
  if (::linkat(AT_FDCWD, own_descriptor(fd).c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) !=
      0) {
    return errno;
  }
  temporary = name;
  return 0;
}

}  // namespace

Bytes read_file(const std::string& path) {
  const bool from_stdin = path == "-";
  const std::string name = from_stdin ? "stdin" : path;
  Descriptor fd(from_stdin ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (fd.get() < 0 || ::fstat(fd.get(), &status) != 0) {
    fail(ErrorKind::input, "{}: cannot open: {}", name, reason(errno));
  }
  if (S_ISDIR(status.st_mode)) fail(ErrorKind::input, "{}: is a directory, not a file", name);
  if (!from_stdin && (S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode))) {  // may never end
    fail(ErrorKind::input, "{}: is a device, not a file", name);
  }
  if (from_stdin && ::isatty(STDIN_FILENO)) {
    fail(ErrorKind::usage, "stdin is a terminal: name a file, or pipe one in");
  }
  Bytes bytes;
  std::size_t filled = 0;
  // One byte more than the file has, so that its end is seen without growing.
  if (S_ISREG(status.st_mode)) bytes.resize(static_cast<std::size_t>(status.st_size) + 1);
  for (;;) {
    if (filled == bytes.size()) bytes.resize(std::max<std::size_t>(1 << 16, 2 * filled));
    const std::size_t room = std::min(bytes.size() - filled, std::size_t{1} << 30);
    const ssize_t n = ::read(fd.get(), bytes.data() + filled, room);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(ErrorKind::input, "{}: cannot read: {}", name, reason(errno));
    if (n == 0) break;
    filled += static_cast<std::size_t>(n);
  }
  bytes.resize(filled);
  return bytes;
}

bool write_file(const std::string& path, std::span<const std::byte> bytes) {
  if (path == "-") return write_stdout(bytes);
  const std::string target = resolve(path);
  struct stat status {};
  if (exists(target, status)) {
    if (S_ISDIR(status.st_mode)) fail(ErrorKind::failed, "{}: is a directory", path);
    if (!S_ISREG(status.st_mode)) return write_special(path, bytes);
  }
  std::string temporary;
  Descriptor fd(create_nameless(target, temporary));
  if (fd.get() < 0) {
    fail(ErrorKind::failed, "{}: cannot make a file in {}: {}", path, directory_of(target),
         reason(errno));
  }
  const auto give_up = [&](const char* step, int error) {
    if (!temporary.empty()) ::unlink(temporary.c_str());
    fail(ErrorKind::failed, "{}: cannot {}: {}", path, step, reason(error));
  };
  if (const int error = write_all(fd.get(), bytes)) give_up("write", error);
  if (::fsync(fd.get()) != 0) give_up("bring to disk", errno);
  if (const int error = name_it(fd.get(), target, temporary)) give_up("name", error);
  if (fd.close() != 0) give_up("close", errno);
  if (::rename(temporary.c_str(), target.c_str()) != 0) give_up("rename into place", errno);
  // The new name itself must survive a crash. Some file systems cannot sync a directory.
  const Descriptor folder(::open(directory_of(target).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0 && ::fsync(folder.get()) != 0 && errno == EIO) {
    fail(ErrorKind::failed, "{}: written, but its directory cannot be brought to disk: {}", path,
         reason(EIO));
  }
  return true;
}

void check_output(const std::string& path, bool force) {
  if (path == "-") {
    if (::isatty(STDOUT_FILENO)) {
      fail(ErrorKind::usage,
           "stdout is a terminal: HDF5 is not written to one; use -o FILE or a pipe");
    }
    return;
  }
  if (path.empty()) fail(ErrorKind::usage, "the output's name is empty");
  const std::string target = resolve(path);
  struct stat status {};
  if (exists(target, status)) {
    if (S_ISDIR(status.st_mode)) fail(ErrorKind::usage, "{}: is a directory", path);
    if (!S_ISREG(status.st_mode)) {
      if (::access(target.c_str(), W_OK) != 0) {
        fail(ErrorKind::failed, "{}: cannot write: {}", path, reason(errno));
      }
      return;
    }
    if (!force) fail(ErrorKind::usage, "{}: exists already; --force replaces it", path);
  }
  if (target.back() == '/') fail(ErrorKind::usage, "{}: names a directory", path);
  const std::string folder = directory_of(target);
  if (!exists(folder, status)) {
    fail(ErrorKind::usage, "{}: there is no directory {}", path, folder);
  }
  if (!S_ISDIR(status.st_mode)) fail(ErrorKind::usage, "{}: {} is no directory", path, folder);
  // Asked by doing: access() does not know about read-only mounts, quotas and the like.
  std::string temporary;
  Descriptor probe(create_beside(target, temporary));
  if (probe.get() < 0) {
    fail(ErrorKind::failed, "{}: cannot make a file in {}: {}", path, folder, reason(errno));
  }
  ::unlink(temporary.c_str());
}

}  // namespace rn::io
