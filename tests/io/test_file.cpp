#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "io/file.h"
#include "support/catch.h"
#include "support/files.h"

using namespace rn;
using namespace rn::io;
using rn::test::contains;
using rn::test::error_of;
using rn::test::put;
using rn::test::slurp;

namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string text_of(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Runs f in a child process; returns what it wrote to a pipe.
std::string in_child(const std::function<std::string()>& f) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::string said = f();
    const ssize_t n = write(ends[1], said.data(), said.size());
    _exit(n == static_cast<ssize_t>(said.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string said;
  char buffer[512];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) {
    said.append(buffer, static_cast<std::size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  return said;
}

}  // namespace

TEST_CASE("files are written whole and replaced") {
  const test::TempDir dir;
  const std::string path = dir / "out.h5";
  CHECK(write_file(path, bytes_of("first")));
  CHECK(slurp(path) == "first");
  CHECK(write_file(path, bytes_of("")));
  CHECK(slurp(path).empty());
  const std::string big(5'000'000, 'b');
  CHECK(write_file(path, bytes_of(big)));
  CHECK(text_of(read_file(path)) == big);
  CHECK(dir.entries() == 1);  // no temporary file is left
}

TEST_CASE("files get the permissions that umask leaves") {
  const test::TempDir dir;
  const mode_t before = umask(027);
  write_file(dir / "x", bytes_of("x"));
  umask(before);
  struct stat status {};
  REQUIRE(stat((dir / "x").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0640);
}

TEST_CASE("a symbolic link stays one") {
  const test::TempDir dir;
  std::filesystem::create_directory(dir / "there");
  put(dir / "there/real", "old");
  std::filesystem::create_symlink("there/real", dir / "link");
  write_file(dir / "link", bytes_of("new"));
  CHECK(std::filesystem::is_symlink(dir / "link"));
  CHECK(slurp(dir / "there/real") == "new");
  std::filesystem::create_symlink("loop", dir / "loop");
  error_of(ErrorKind::failed, [&] { write_file(dir / "loop", bytes_of("x")); });
}

TEST_CASE("a failed write says so and leaves what was there") {
  const test::TempDir dir;
  put(dir / "out", "before");
  const std::string said = in_child([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100'000, 100'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write_file(dir / "out", bytes_of(std::string(200'000, 'x')));
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("nothing was thrown");
  });
  CHECK(said == (dir / "out") + ": cannot write: File too large");
  CHECK(slurp(dir / "out") == "before");
  CHECK(dir.entries() == 1);
}

TEST_CASE("what is no regular file is written directly") {
  CHECK(write_file("/dev/null", bytes_of("gone")));
  CHECK(contains(error_of(ErrorKind::failed, [] { write_file("/dev/full", bytes_of("x")); }),
                 "/dev/full: cannot write: No space left"));
  const test::TempDir dir;
  REQUIRE(mkfifo((dir / "fifo").c_str(), 0600) == 0);
  std::string read_back;
  std::thread reader([&] { read_back = slurp(dir / "fifo"); });
  CHECK(write_file(dir / "fifo", bytes_of("through")));
  reader.join();
  CHECK(read_back == "through");
  CHECK(std::filesystem::is_fifo(dir / "fifo"));
  error_of(ErrorKind::failed, [&] { write_file(dir.path(), bytes_of("x")); });
  error_of(ErrorKind::failed, [&] { write_file(dir / "none/x", bytes_of("x")); });
}

TEST_CASE("stdin and stdout are files too, and a reader that left is no error") {
  const test::TempDir dir;
  put(dir / "in", std::string(100'000, 'i'));
  CHECK(in_child([&] {
          const int fd = open((dir / "in").c_str(), O_RDONLY);
          dup2(fd, STDIN_FILENO);
          return std::to_string(read_file("-").size());
        }) == "100000");
  CHECK(in_child([] {
          int ends[2];
          if (pipe(ends) != 0) return std::string("no pipe");
          dup2(ends[1], STDOUT_FILENO);
          close(ends[1]);
          std::string got;
          std::thread reader([&] {
            char buffer[4096];
            for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) {
              got.append(buffer, static_cast<std::size_t>(n));
            }
          });
          const bool all = write_file("-", bytes_of(std::string(200'000, 'o')));
          close(STDOUT_FILENO);
          reader.join();
          return fmt::format("{} {}", all, got.size());
        }) == "true 200000");
  CHECK(in_child([] {
          int ends[2];
          if (pipe(ends) != 0) return std::string("no pipe");
          signal(SIGPIPE, SIG_IGN);
          close(ends[0]);
          dup2(ends[1], STDOUT_FILENO);
          return std::to_string(write_file("-", bytes_of("x")));
        }) == "0");
}

TEST_CASE("an output is checked before the work") {
  const test::TempDir dir;
  put(dir / "there", "x");
  CHECK_NOTHROW(check_output(dir / "new", false));
  CHECK_NOTHROW(check_output(dir / "there", true));
  CHECK_NOTHROW(check_output("/dev/null", false));
  const auto usage = [](const std::string& path) {
    return error_of(ErrorKind::usage, [&] { check_output(path, false); });
  };
  CHECK(contains(usage(dir / "there"), "exists already; --force replaces it"));
  CHECK(contains(usage(dir.path()), "is a directory"));
  CHECK(contains(usage(dir / "none/x"), "there is no directory"));
  CHECK(contains(usage(dir / "there/x"), "is no directory"));
  CHECK(contains(usage(dir / "new/"), "names a directory"));
  usage("");
  CHECK(slurp(dir / "there") == "x");
  CHECK(dir.entries() == 1);
  if (geteuid() != 0) {
    chmod(dir.path().c_str(), 0500);
    CHECK(contains(error_of(ErrorKind::failed, [&] { check_output(dir / "new", false); }),
                   "Permission denied"));
    chmod(dir.path().c_str(), 0700);
  }
}

TEST_CASE("SHA-256 gives the digests of FIPS 180-4") {
  CHECK(sha256(bytes_of("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256(bytes_of("abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256(bytes_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  const std::string million(1'000'000, 'a');
  const std::string digest = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
  CHECK(sha256(bytes_of(million)) == digest);
  Sha256 pieces;
  for (std::size_t at = 0, n = 1; at < million.size(); at += n, n = n % 130 + 1) {
    pieces.update(bytes_of(million).subspan(at, std::min(n, million.size() - at)));
  }
  CHECK(pieces.hex() == digest);
}
