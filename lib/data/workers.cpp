#include "data/workers.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

namespace rn::data {

std::thread quiet_thread(std::function<void()> body) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread;
  try {
    thread = std::thread(std::move(body));
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

Workers::Workers(int count) {
  for (int worker = 1; worker < count; ++worker) {
    threads_.push_back(quiet_thread([this, worker] { serve(worker); }));
  }
}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Workers::serve(int worker) {
  std::int64_t seen = 0;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || round_ != seen; });
      if (stop_) return;
      seen = round_;
      ++busy_;
    }
    work(worker);
    {
      const std::lock_guard lock(mutex_);
      --busy_;
    }
    changed_.notify_all();
  }
}

void Workers::work(int worker) {
  for (;;) {
    std::int64_t i = 0;
    {
      const std::lock_guard lock(mutex_);
      if (next_ >= end_) return;
      i = next_++;
    }
    try {
      (*body_)(worker, i);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_ || i < failed_at_) {
        error_ = std::current_exception();
        failed_at_ = i;
      }
      next_ = end_;  // those before it were taken already, and will be done
    }
  }
}

void Workers::run(std::int64_t n, const std::function<void(int, std::int64_t)>& body) {
  if (threads_.empty()) {
    for (std::int64_t i = 0; i < n; ++i) body(0, i);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    body_ = &body;
    next_ = 0;
    end_ = n;
    error_ = nullptr;
    ++round_;
  }
  changed_.notify_all();
  work(0);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return busy_ == 0; });
  body_ = nullptr;
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

}  // namespace rn::data
