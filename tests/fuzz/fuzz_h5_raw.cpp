// HDF5 by bytes: sound images with damaged bytes, each batch in a process of its own, because
// libhdf5 itself can crash on these. A crash is laid at the door of the library whose frame comes
// first in the stack, after those of the C and C++ runtimes and of this program (which holds the
// sanitizers); but one on memory that libresnet asked for, or at its edges, is ours, whoever
// touched it: a size may have been wrong. Reads of libhdf5's that go astray can end there too, by
// chance: so it must be there again in a process that reads nothing else.
//   fuzz_h5_raw [-max_total_time=S] [-runs=N] [-seed=N] [-first=N] [-artifact_prefix=P]
// Exit 1 on a finding of ours.
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <map>
#include <random>
#include <vector>

#include "fuzz/h5_images.h"
#include "fuzz/h5_readers.h"
#include "fuzz/result_images.h"

// Signals come here; an error of memory ends in abort. libhdf5 forgets memory on damaged files.
// Other programs than the sanitizers' never look at these.
extern "C" const char* __asan_default_options() {
  return "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0:"
         "abort_on_error=1:detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=1024";
}
extern "C" const char* __ubsan_default_options() { return "print_stacktrace=1:abort_on_error=1"; }

// Of the address sanitizer, where there is one.
extern "C" {
__attribute__((weak)) int __asan_report_present();
__attribute__((weak)) void* __asan_get_report_address();
__attribute__((weak)) std::size_t __asan_get_alloc_stack(void* at, void** trace, std::size_t size,
                                                         int* thread);
__attribute__((weak)) const char* __asan_locate_address(void* at, char* name, std::size_t name_size,
                                                        void** region, std::size_t* region_size);
}

namespace {

using namespace rn;

constexpr std::uint64_t batch = 500;
constexpr unsigned seconds_each = 20;

enum class Fault { none, hdf5, ours };

// What a child leaves behind.
struct Shared {
  std::uint64_t current;
  Fault fault;
  bool on_ours;  // in libhdf5, on memory of libresnet
  char where[200];
};
Shared* shared = nullptr;

// The first frame of either library.
struct Frame {
  Fault fault = Fault::none;
  char name[120] = "no frame of either library";
};

Frame first_frame(void* const* frames, std::size_t count) {
  Frame found;
  for (std::size_t i = 0; i < count; ++i) {
    Dl_info info;
    if (!dladdr(frames[i], &info) || !info.dli_fname) continue;
    const bool theirs = std::strstr(info.dli_fname, "libhdf5") != nullptr;
    if (!theirs && !std::strstr(info.dli_fname, "libresnet")) continue;
    const void* from = info.dli_saddr ? info.dli_saddr : info.dli_fbase;
    found.fault = theirs ? Fault::hdf5 : Fault::ours;
    std::snprintf(found.name, sizeof found.name, "%s %s+%#tx", theirs ? "libhdf5" : "libresnet",
                  info.dli_sname ? info.dli_sname : "?",
                  static_cast<const char*>(frames[i]) - static_cast<const char*>(from));
    break;
  }
  return found;
}

// Whether an address is in the memory that the sanitizer knows nearest to it, or beside it: one far
// from it has nothing to do with who asked for that.
bool touches(void* address) {
  constexpr std::ptrdiff_t edge = 64;
  char name[8];
  void* region = nullptr;
  std::size_t size = 0;
  __asan_locate_address(address, name, sizeof name, &region, &size);
  if (!region) return false;
  const auto* at = static_cast<const char*>(address);
  const auto* begin = static_cast<const char*>(region);
  return at - begin >= -edge && at - begin < static_cast<std::ptrdiff_t>(size) + edge;
}

void on_signal(int number) {
  void* frames[64];
  const Frame crashed = first_frame(frames, static_cast<std::size_t>(backtrace(frames, 64)));
  shared->fault = crashed.fault == Fault::none ? Fault::ours : crashed.fault;
  std::snprintf(shared->where, sizeof shared->where, "signal %d in %s", number, crashed.name);
  if (__asan_report_present && __asan_report_present() != 0 && crashed.fault == Fault::hdf5) {
    int thread = 0;
    void* address = __asan_get_report_address();
    const Frame taken = first_frame(frames, __asan_get_alloc_stack(address, frames, 64, &thread));
    if (taken.fault == Fault::ours && touches(address)) {
      shared->fault = Fault::ours;
      shared->on_ours = true;
      std::snprintf(shared->where, sizeof shared->where, "signal %d in %.70s on memory of %.70s",
                    number, crashed.name, taken.name);
    }
  }
  _exit(99);
}

void catch_signals() {
  static char stack[1 << 16];  // of its own, for when the stack has run over
  const stack_t alternative{.ss_sp = stack, .ss_flags = 0, .ss_size = sizeof stack};
  sigaltstack(&alternative, nullptr);
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_ONSTACK | SA_RESETHAND;
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM}) {
    sigaction(number, &action, nullptr);
  }
  void* frame[1];
  backtrace(frame, 1);  // loads what it needs now
}

io::Bytes mutant(const std::vector<io::Bytes>& seeds, std::uint64_t seed, std::uint64_t index) {
  std::mt19937_64 random(seed * 1'000'003 + index);
  const auto below = [&](std::uint64_t n) { return static_cast<std::size_t>(random() % n); };
  io::Bytes bytes = seeds[below(seeds.size())];
  static constexpr std::uint64_t odd[] = {0,
                                          1,
                                          0x7f,
                                          0xff,
                                          0xffff,
                                          0x7fffffff,
                                          0xffffffff,
                                          ~std::uint64_t{0},
                                          std::uint64_t{1} << 62,
                                          512,
                                          4096};
  for (std::size_t stroke = below(8) + 1; stroke > 0 && !bytes.empty(); --stroke) {
    const std::size_t at = below(bytes.size());
    switch (below(7)) {
      case 0: bytes[at] ^= static_cast<std::byte>(1 << below(8)); break;
      case 1: bytes[at] = static_cast<std::byte>(random()); break;
      case 2:
      case 3: {
        const std::uint64_t value = below(2) ? odd[below(std::size(odd))] : below(bytes.size());
        const std::size_t width = std::size_t{1} << below(4);
        for (std::size_t i = 0; i < width && at + i < bytes.size(); ++i) {
          bytes[at + i] = static_cast<std::byte>(value >> (8 * i));
        }
        break;
      }
      case 4: {
        const std::size_t from = below(bytes.size()), length = below(64);
        for (std::size_t i = 0; i < length && std::max(from, at) + i < bytes.size(); ++i) {
          bytes[at + i] = bytes[from + i];
        }
        break;
      }
      case 5:
        for (std::size_t i = 0, n = below(32); i < n && at + i < bytes.size(); ++i) {
          bytes[at + i] = std::byte{0};
        }
        break;
      default:
        if (below(8) == 0) bytes.resize(at);
    }
  }
  return bytes;
}

// Runs [first, last) and ends the process.
[[noreturn]] void child(const std::vector<io::Bytes>& seeds, std::uint64_t seed,
                        std::uint64_t first, std::uint64_t last) {
  catch_signals();
  for (std::uint64_t i = first; i < last; ++i) {
    shared->current = i;
    alarm(seconds_each);
    fuzz::read_everything(mutant(seeds, seed, i));
  }
  _exit(0);
}

// The same in a process of its own: its status, and what it leaves in `shared`.
int run(const std::vector<io::Bytes>& seeds, std::uint64_t seed, std::uint64_t first,
        std::uint64_t last) {
  *shared = {};
  shared->current = first;
  std::fflush(stdout);
  const pid_t process = fork();
  if (process < 0) fuzz::broken("cannot fork");
  if (process == 0) child(seeds, seed, first, last);
  int status = 0;
  waitpid(process, &status, 0);
  return status;
}

std::string option(int argc, char** argv, const std::string& name, const std::string& otherwise) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with("-" + name + "=")) return argument.substr(name.size() + 2);
  }
  return otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](const char* name, const char* otherwise) {
    return static_cast<std::uint64_t>(
        std::strtoull(option(argc, argv, name, otherwise).c_str(), nullptr, 10));
  };
  std::uint64_t runs = number("runs", "18446744073709551615");
  const std::uint64_t seconds = number("max_total_time", "18446744073709551615");
  const std::uint64_t seed = number("seed", "1");
  shared = static_cast<Shared*>(
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  std::vector<io::Bytes> seeds;
  for (const io::Bytes& sound :
       {fuzz::model_image(), fuzz::keras_image(false), fuzz::keras_image(true), fuzz::data_image(),
        fuzz::shard_image(0), fuzz::chunked_image(), fuzz::lesion_image(),
        study::to_h5(fuzz::paths_result()).image()}) {
    seeds.push_back(sound);
    seeds.push_back(fuzz::in_old_layout(sound));
    if (!fuzz::holds([&] { io::H5::open_image(seeds.back(), "seed"); })) fuzz::broken("a bad seed");
  }

  const std::uint64_t first = number("first", "0");
  if (runs + first > runs) runs += first;
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start)
            .count());
  };
  std::uint64_t done = first, ours = 0;
  std::map<std::string, std::uint64_t> theirs;
  std::uint64_t crashes = 0;
  while (done < runs && elapsed() < seconds) {
    const std::uint64_t last = std::min(runs, (done / batch + 1) * batch);
    int status = run(seeds, seed, done, last);
    if (status == 0) {
      done = last;
      continue;
    }
    const std::uint64_t bad = shared->current;
    done = bad + 1;
    ++crashes;
    if (shared->on_ours) {
      const std::string before = shared->where;
      status = run(seeds, seed, bad, bad + 1);
      if (status == 0) {
        ++theirs[before + ", not when read alone"];
        continue;
      }
    }
    if (shared->fault == Fault::hdf5) {
      ++theirs[shared->where];
      continue;
    }
    ++ours;
    const std::string path = fmt::format("{}crash-h5-raw-{}-{}.h5",
                                         option(argc, argv, "artifact_prefix", ""), seed, bad);
    const io::Bytes image = mutant(seeds, seed, bad);
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(image.data()),
               static_cast<std::streamsize>(image.size()));
    std::printf("finding: input %llu: %s (status %#x); kept as %s\n",
                static_cast<unsigned long long>(bad),
                shared->fault == Fault::ours ? shared->where : "killed", status, path.c_str());
  }
  for (const auto& [where, count] : theirs) {
    std::printf("libhdf5: %llu x %s\n", static_cast<unsigned long long>(count), where.c_str());
  }
  std::printf("stat::number_of_executed_units: %llu\n",
              static_cast<unsigned long long>(done - first));
  std::printf("stat::crashes_in_libhdf5: %llu\n", static_cast<unsigned long long>(crashes - ours));
  std::printf("stat::findings: %llu\n", static_cast<unsigned long long>(ours));
  return ours == 0 ? 0 : 1;
}
