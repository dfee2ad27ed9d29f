#include "plot/gnuplot.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/error.h"

extern char** environ;

namespace rn::plot {
namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

// Without a name; so nothing is left over, and gnuplot cannot block on a full pipe.
File scratch() {
  File file(std::tmpfile());
  if (!file) fail(ErrorKind::failed, "gnuplot: no temporary file: {}", std::strerror(errno));
  return file;
}

io::Bytes content(std::FILE* file) {
  io::Bytes bytes;
  std::rewind(file);
  std::byte part[65536];
  while (const std::size_t n = std::fread(part, 1, sizeof part, file)) {
    bytes.insert(bytes.end(), part, part + n);
  }
  return bytes;
}

// The first line that says something; gnuplot points at the place with a line of blanks and a ^.
std::string complaint(const io::Bytes& bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::string last;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    if (line.find_first_not_of(" ^\t\r") != std::string_view::npos) last = line;
    at = end + 1;
  }
  return last.empty() ? "it said nothing" : last;
}

// Length of the valid UTF-8 sequence at the start of `text`, 0 if there is none.
std::size_t utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0u) != 0x80u) return 0;
  }
  return length;
}

}  // namespace

Format parse_format(const std::string& text) {
  if (text == "svg") return Format::svg;
  if (text == "png") return Format::png;
  if (text == "pdf") return Format::pdf;
  if (text == "gif") return Format::gif;
  fail(ErrorKind::usage, "format '{}': expected svg, png, pdf or gif", text);
}

Format format_of(const std::string& path) {
  const std::size_t dot = path.find_last_of("./");
  const std::string suffix =
      dot == std::string::npos || path[dot] == '/' ? "" : path.substr(dot + 1);
  if (suffix != "svg" && suffix != "png" && suffix != "pdf" && suffix != "gif") {
    fail(ErrorKind::usage, "{}: the name should end in .svg, .png, .pdf or .gif; or say --format",
         path);
  }
  return parse_format(suffix);
}

Size parse_size(const std::string& text) {
  Size size;
  const char* end = text.data() + text.size();
  const auto width = std::from_chars(text.data(), end, size.width);
  if (width.ec == std::errc() && width.ptr != end && *width.ptr == 'x') {
    const auto height = std::from_chars(width.ptr + 1, end, size.height);
    if (height.ec == std::errc() && height.ptr == end && size.width >= 100 && size.height >= 80 &&
        size.width <= 8000 && size.height <= 8000) {
      return size;
    }
  }
  fail(ErrorKind::usage, "size '{}': expected WIDTHxHEIGHT, between 100x80 and 8000x8000", text);
}

std::pair<double, double> parse_range(const std::string& text) {
  std::pair<double, double> range;
  const char* end = text.data() + text.size();
  const auto low = std::from_chars(text.data(), end, range.first);
  if (low.ec == std::errc() && low.ptr != end && *low.ptr == ':') {
    const auto high = std::from_chars(low.ptr + 1, end, range.second);
    if (high.ec == std::errc() && high.ptr == end && std::isfinite(range.first) &&
        std::isfinite(range.second) && range.first < range.second) {
      return range;
    }
  }
  fail(ErrorKind::usage, "range '{}': expected LOW:HIGH, as in 0:20", text);
}

std::string terminal(Format format, Size size) {
  switch (format) {
    case Format::svg:
      return fmt::format(
          "set terminal svg noenhanced size {},{} dynamic font 'Helvetica,12' linewidth 1 "
          "background rgb 'white'\n",
          size.width, size.height);
    case Format::png:
      return fmt::format(
          "set terminal pngcairo noenhanced size {},{} font 'Sans,9' fontscale 2 linewidth 2 "
          "background rgb 'white'\n",
          size.width * 2, size.height * 2);
    case Format::gif:
      return fmt::format(
          "set terminal gif animate delay 8 loop 0 optimize noenhanced size {},{} font 'Sans,9' "
          "background rgb 'white'\n",
          size.width, size.height);
    case Format::pdf: break;
  }
  return fmt::format(
      "set terminal pdfcairo noenhanced size {:.3f}in,{:.3f}in font 'Sans,9' linewidth 1 "
      "background rgb 'white'\n",
      size.width / 96.0, size.height / 96.0);
}

std::string quote(std::string_view text) {
  std::string out = "'";
  while (!text.empty()) {
    const std::size_t length = utf8(text);
    const auto c = static_cast<unsigned char>(text[0]);
    if (length == 0) {
      out += '?';
    } else if (length == 1 && (c < 0x20 || c == 0x7F)) {
      out += ' ';
    } else if (c == '\'') {
      out += "''";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out + "'";
}

io::Bytes render(const std::string& script) {
  const File in = scratch(), out = scratch(), err = scratch();
  if (std::fwrite(script.data(), 1, script.size(), in.get()) != script.size() ||
      std::fflush(in.get()) != 0) {
    fail(ErrorKind::failed, "gnuplot: cannot write its script: {}", std::strerror(errno));
  }
  std::rewind(in.get());

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, fileno(in.get()), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, fileno(out.get()), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, fileno(err.get()), STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t standard;
  sigemptyset(&standard);
  sigaddset(&standard, SIGPIPE);  // we ignore it; gnuplot need not
  posix_spawnattr_setsigdefault(&attributes, &standard);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  // "-d": no start-up files, so that a picture does not depend on who draws it.
  char name[] = "gnuplot", plain[] = "-d", standard_input[] = "-";
  char* arguments[] = {name, plain, standard_input, nullptr};
  pid_t child = 0;
  const int failed = posix_spawnp(&child, name, &files, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (failed == ENOENT) {
    fail(ErrorKind::failed,
         "gnuplot is not in PATH; install it (apt-get install gnuplot-nox), or take the script "
         "(--emit-gnuplot) or the numbers (--table)");
  }
  if (failed != 0) fail(ErrorKind::failed, "gnuplot does not start: {}", std::strerror(failed));

  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) fail(ErrorKind::failed, "gnuplot: {}", std::strerror(errno));
  }
  io::Bytes picture = content(out.get());
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || picture.empty()) {
    fail(ErrorKind::failed, "gnuplot failed: {}", complaint(content(err.get())));
  }
  return picture;
}

}  // namespace rn::plot
