// Work of a GPU's stream, recorded once and run again as often as wanted: a CUDA graph. One launch
// then takes the place of hundreds.
#pragma once

#include <functional>

#include "device/device.h"

namespace rn {

class Graph {
 public:
  Graph() = default;
  // Records what `work` gives to the stream, which runs nothing of it. Whatever memory that work
  // reads and writes must outlive the graph, and is read and written anew by each run. `work` must
  // neither allocate device memory nor wait for the stream: let it run once before. What it throws
  // is handed on; nothing is recorded then. Errors: device; a stream of the CPU.
  Graph(Stream& stream, const std::function<void()>& work);
  ~Graph();
  Graph(Graph&& other) noexcept;
  Graph& operator=(Graph&& other) noexcept;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  explicit operator bool() const { return handle_ != nullptr; }
  // Gives the recorded work to the stream, which must be of the same device. Errors: device.
  void run(Stream& stream) const;

 private:
  Device device_;
  void* handle_ = nullptr;
};

}  // namespace rn
