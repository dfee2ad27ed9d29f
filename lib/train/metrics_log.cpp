#include "train/metrics_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "io/file.h"

namespace rn::train {
namespace {

// Whether all of [0, bytes) is there and ends with a line; else `bytes` becomes what is whole.
bool whole_lines(int fd, std::int64_t& bytes) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return false;
  const std::int64_t wanted = bytes;
  bytes = std::min<std::int64_t>(bytes, status.st_size);
  std::vector<char> part(1 << 16);
  while (bytes > 0) {
    const std::int64_t size = std::min<std::int64_t>(bytes, static_cast<std::int64_t>(part.size()));
    const std::int64_t from = bytes - size;
    if (::pread(fd, part.data(), static_cast<std::size_t>(size), from) != size) return false;
    const auto end = part.begin() + size;
    const auto line_end = std::find(std::make_reverse_iterator(end), part.rend(), '\n');
    if (line_end != part.rend()) {
      bytes -= end - line_end.base();
      break;
    }
    bytes = from;
  }
  return bytes == wanted;
}

}  // namespace

MetricsLog::~MetricsLog() {
  if (fd_ >= 0) ::close(fd_);
}

void MetricsLog::give_up(const char* step) const {
  fail(ErrorKind::failed, "{}: cannot {} the metrics log: {}", path_, step, std::strerror(errno));
}

void MetricsLog::open(int flags) {
  fd_ = ::open(path_.c_str(), flags | O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd_ < 0) give_up("open");
}

void MetricsLog::start(const std::string& path) {
  path_ = path;
  open(O_TRUNC);
}

void MetricsLog::resume(const std::string& path, std::int64_t bytes) {
  path_ = path;
  const bool missing = ::access(path.c_str(), F_OK) != 0;
  open(0);
  bytes_ = std::max<std::int64_t>(bytes, 0);
  if (!whole_lines(fd_, bytes_)) {
    if (missing) {
      warn("{}: the metrics log is gone; a new one begins here", path);
    } else {
      warn(
          "{}: the metrics log is shorter than the checkpoint says; its {} bytes of whole lines "
          "stay",
          path, bytes_);
    }
  }
  struct stat status {};
  // A terminal, FIFO or device cannot be cut.
  if (::fstat(fd_, &status) == 0 && S_ISREG(status.st_mode) && ::ftruncate(fd_, bytes_) != 0) {
    give_up("cut back");
  }
}

void MetricsLog::write(const io::Json& event) {
  if (fd_ < 0) return;
  const std::string line = event.str() + '\n';
  // One write a line, so that a reader sees whole ones.
  for (std::size_t done = 0; done < line.size();) {
    const ssize_t n = ::write(fd_, line.data() + done, line.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) give_up("write");
    done += static_cast<std::size_t>(n);
  }
  bytes_ += static_cast<std::int64_t>(line.size());
}

void MetricsLog::sync() {
  if (fd_ >= 0 && ::fdatasync(fd_) != 0 && errno != EINVAL && errno != EROFS) give_up("sync");
}

void check_log(const std::string& path, bool replace) {
  struct stat status {};
  const bool there = ::stat(path.c_str(), &status) == 0;
  if (!there || !replace) return io::check_output(path, false);
  io::check_output(path, true);
  if (!S_ISREG(status.st_mode)) return;
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    fail(ErrorKind::failed, "{}: cannot write the metrics log: {}", path, std::strerror(errno));
  }
  char first = '{';
  const bool ours = ::read(fd, &first, 1) == 0 || first == '{';
  ::close(fd);
  if (!ours) {
    fail(ErrorKind::usage, "{}: exists and is no metrics log; --log writes over it", path);
  }
}

}  // namespace rn::train
