#include "base/parallel.h"

#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"

namespace rn {
namespace {

thread_local bool inside_parallel = false;

// A job is handed to the workers by its generation number; each takes the next index until none
// is left. Workers spin briefly before they sleep: a training step has a hundred short regions.
class Pool {
 public:
  explicit Pool(int threads) {
    // Signals belong to the main thread: it polls the flag and saves.
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
  }

  ~Pool() {
    {
      std::lock_guard lock(mutex_);
      quit_ = true;
      generation_.fetch_add(1);
    }
    wake_.notify_all();
    for (auto& worker : workers_) worker.join();
  }

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  void run(int count, const std::function<void(int)>& body) {
    {
      std::lock_guard lock(mutex_);
      body_ = &body;
      count_ = count;
      failed_at_ = count;
      failure_ = nullptr;
      next_.store(0);
      busy_.store(static_cast<int>(workers_.size()));
      generation_.fetch_add(1);
    }
    wake_.notify_all();
    take();
    for (int spin = 0; busy_.load() != 0; ++spin) {
      pause();
      if (spin > spins) {
        std::unique_lock lock(mutex_);
        done_.wait(lock, [this] { return busy_.load() == 0; });
      }
    }
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  // About 0.2 ms: longer than the serial work between two regions of a step.
  static constexpr int spins = 10000;
  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  void take() {
    inside_parallel = true;
    for (int i = next_.fetch_add(1); i < count_; i = next_.fetch_add(1)) {
      try {
        (*body_)(i);
      } catch (...) {
        std::lock_guard lock(mutex_);
        if (i < failed_at_) {
          failed_at_ = i;
          failure_ = std::current_exception();
        }
      }
    }
    inside_parallel = false;
  }

  void work() {
    std::uint64_t seen = 0;
    for (;;) {
      for (int spin = 0; spin < spins && generation_.load() == seen; ++spin) pause();
      if (generation_.load() == seen) {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return generation_.load() != seen; });
      }
      seen = generation_.load();
      {
        std::lock_guard lock(mutex_);
        if (quit_) return;
      }
      take();
      if (busy_.fetch_sub(1) == 1) {
        std::lock_guard lock(mutex_);
        done_.notify_all();
      }
    }
  }

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  const std::function<void(int)>* body_ = nullptr;
  int count_ = 0;
  int failed_at_ = 0;
  std::exception_ptr failure_;
  std::atomic<int> next_{0}, busy_{0};
  std::atomic<std::uint64_t> generation_{0};
  bool quit_ = false;
};

int available_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(std::thread::hardware_concurrency());
}

std::unique_ptr<Pool>& pool() {
  static std::unique_ptr<Pool> instance;
  return instance;
}

int lane_count = 16;

}  // namespace

void set_threads(int count) {
  if (count < 0 || count > 4096) {
    fail(ErrorKind::usage, "threads must be between 0 (all CPUs) and 4096, not {}", count);
  }
  pool().reset();
  pool() = std::make_unique<Pool>(count == 0 ? std::max(1, available_cpus()) : count);
}

int threads() {
  if (!pool()) set_threads(0);
  return pool()->threads();
}

void set_lanes(int count) {
  if (count < 1 || count > 4096) {
    fail(ErrorKind::usage, "lanes must be between 1 and 4096, not {}", count);
  }
  lane_count = count;
}

int lanes() { return lane_count; }

void parallel_for(int count, const std::function<void(int)>& body) {
  if (count <= 0) return;
  if (inside_parallel || count == 1 || threads() == 1) {
    const bool outer = inside_parallel;
    inside_parallel = true;
    try {
      for (int i = 0; i < count; ++i) body(i);
    } catch (...) {
      inside_parallel = outer;
      throw;
    }
    inside_parallel = outer;
    return;
  }
  pool()->run(count, body);
}

}  // namespace rn
