#include "device/graph.h"

#include <utility>

#include "base/error.h"

namespace rn {

Graph::Graph(Stream& stream, const std::function<void()>& work) : device_(stream.device()) {
  require(!device_.is_cpu(), "a graph records the work of a GPU, not of the CPU");
  cuda::capture_begin(device_.index, stream.handle());
  try {
    work();
  } catch (...) {
    cuda::capture_drop(stream.handle());
    throw;
  }
  handle_ = cuda::capture_end(stream.handle());
}

Graph::~Graph() {
  if (handle_) cuda::graph_destroy(device_.index, handle_);
}

Graph::Graph(Graph&& other) noexcept
    : device_(other.device_), handle_(std::exchange(other.handle_, nullptr)) {}

Graph& Graph::operator=(Graph&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(handle_, other.handle_);
  return *this;
}

void Graph::run(Stream& stream) const {
  require(handle_ && stream.device() == device_, "a graph of {} on a stream of {}",
          to_string(device_), to_string(stream.device()));
  cuda::graph_launch(device_.index, handle_, stream.handle());
}

}  // namespace rn
