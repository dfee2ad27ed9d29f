// Slots that one thread fills ahead of another that reads them, first in, first out. One is with
// the reader, one is being filled, as many as asked for are ready.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "data/workers.h"

namespace rn::data {

// A member that the thread's function uses must outlive this: declare this last.
template <class Slot>
class Ahead {
 public:
  explicit Ahead(int ahead) : slots_(static_cast<std::size_t>(std::max(1, ahead)) + 2) {
    for (Slot& slot : slots_) empty_.push_back(&slot);
  }
  Ahead(const Ahead&) = delete;
  Ahead& operator=(const Ahead&) = delete;
  ~Ahead() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  std::vector<Slot>& slots() { return slots_; }  // before start()

  // Runs `fill` in a thread of its own, which takes slots and gives them until it returns, throws
  // or there is none to take.
  void start(std::function<void()> fill) {
    thread_ = quiet_thread([this, fill = std::move(fill)] {
      std::exception_ptr error;
      try {
        fill();
      } catch (...) {
        error = std::current_exception();
      }
      {
        const std::lock_guard lock(mutex_);
        error_ = error;
        finished_ = true;
      }
      changed_.notify_all();
    });
  }

  // The thread's side. take() waits for a slot; null: nobody reads any more.
  Slot* take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stop_ || !empty_.empty(); });
    if (stop_) return nullptr;
    Slot* slot = empty_.front();
    empty_.erase(empty_.begin());
    return slot;
  }
  void give(Slot* slot) {
    {
      const std::lock_guard lock(mutex_);
      ready_.push_back(slot);
    }
    changed_.notify_all();
  }
  // Nobody will look at what is being filled.
  bool stopped() {
    const std::lock_guard lock(mutex_);
    return stop_;
  }

  // The reader's side: the next slot, valid until the next call; null at the end. What the thread
  // threw is rethrown behind the slots that it gave.
  const Slot* next() {
    std::unique_lock lock(mutex_);
    if (lent_) {
      empty_.push_back(std::exchange(lent_, nullptr));
      changed_.notify_all();
    }
    changed_.wait(lock, [&] { return finished_ || !ready_.empty(); });
    if (ready_.empty()) {
      if (error_) std::rethrow_exception(error_);
      return nullptr;
    }
    lent_ = ready_.front();
    ready_.erase(ready_.begin());
    return lent_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Slot> slots_;
  std::vector<Slot*> empty_, ready_;  // a handful
  Slot* lent_ = nullptr;
  bool stop_ = false, finished_ = false;
  std::exception_ptr error_;
  std::thread thread_;
};

}  // namespace rn::data
