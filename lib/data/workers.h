// A few threads that share the work on a batch, apart from those that compute with it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace rn::data {

// A thread that signals do not reach: they are for the main thread, which knows how to save and
// stop. A new thread inherits the mask, so there is no moment at which one could land in it.
std::thread quiet_thread(std::function<void()> body);

class Workers {
 public:
  explicit Workers(int count);  // the caller's thread is one of them
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers();
  int count() const { return static_cast<int>(threads_.size()) + 1; }

  // Calls body(worker, i) once for every i in [0, n), and returns when all are done; worker is 0 to
  // count() - 1. If bodies throw, the exception of the lowest i is rethrown.
  void run(std::int64_t n, const std::function<void(int, std::int64_t)>& body);

 private:
  void serve(int worker);
  void work(int worker);

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<void(int, std::int64_t)>* body_ = nullptr;
  std::int64_t round_ = 0, next_ = 0, end_ = 0, failed_at_ = 0;
  int busy_ = 0;
  std::exception_ptr error_;
  bool stop_ = false;
};

}  // namespace rn::data
