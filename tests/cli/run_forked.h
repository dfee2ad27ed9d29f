// Runs a little tool in a child process and gives back what came out of it.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <vector>

namespace rn::test {

struct Outcome {
  int code = -1;
  std::string out, err;
};

inline std::string slurp(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A folder of its own, gone afterwards.
class Scratch {
 public:
  Scratch() {
    char name[] = "/tmp/rn-test-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~Scratch() { [[maybe_unused]] const int rc = std::system(("rm -rf " + path_).c_str()); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(*this / name) << text;
    return *this / name;
  }

 private:
  std::string path_;
};

inline Outcome run_forked(const std::function<int(int, char**)>& main,
                          std::vector<std::string> arguments,
                          const std::map<std::string, std::string>& environment = {},
                          const std::string& stdout_path = {}) {
  const Scratch scratch;
  const std::string out = stdout_path.empty() ? scratch / "out" : stdout_path;
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(open(out.c_str(), O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
    dup2(open((scratch / "err").c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> argv;
    for (auto& word : arguments) argv.push_back(word.data());
    argv.push_back(nullptr);
    _exit(main(static_cast<int>(arguments.size()), argv.data()));
  }
  int status = 0;
  waitpid(child, &status, 0);
  Outcome outcome;
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (stdout_path.empty()) outcome.out = slurp(out);
  outcome.err = slurp(scratch / "err");
  return outcome;
}

}  // namespace rn::test
