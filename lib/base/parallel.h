// Parallelism is ours, in fixed lanes: a batch is cut into `lanes()` parts whatever the number of
// threads, each part is computed by one thread, and partial results are combined in lane order. So
// bytes depend on the number of lanes, never on the number of threads.
#pragma once

#include <cstdint>
#include <functional>

namespace rn {

// Threads that parallel_for may use (the caller's included). 0 asks for the number of CPUs that
// this process may run on. Not to be called while a parallel_for runs.
void set_threads(int count);
int threads();

// Lanes a batch is cut into (default 16). Part of what the results depend on.
void set_lanes(int count);
int lanes();

// Calls body(i) once for every i in [0, count), on the pool's threads, and returns when all are
// done. Inside a body it runs serially. If bodies throw, the exception of the lowest i is rethrown.
void parallel_for(int count, const std::function<void(int)>& body);

struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t size() const { return end - begin; }
};

// Part `lane` of [0, n) cut into `count` nearly equal parts.
inline Range lane_range(std::int64_t n, int count, int lane) {
  return {n * lane / count, n * (lane + 1) / count};
}

}  // namespace rn
