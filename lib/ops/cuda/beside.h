// Work beside that of a stream, where two kernels do not need each other's results: a second
// stream, bound in by events, so that seen from outside all is in order, in captured graphs too.
#pragma once

#include "ops/cuda/launch.h"

namespace rn::ops::cuda {

class Beside {
 public:
  // What is given to stream() from now on comes after what `main` was given so far.
  Beside(const char* op, Stream& main) : op_(op), main_(main), own_(of(main)) {
    order(main_, *own_.stream, own_.fork);
  }
  Stream& stream() const { return *own_.stream; }
  // What `main` is given from now on comes after what stream() was given.
  void join() { order(*own_.stream, main_, own_.join); }

 private:
  struct Own {
    std::unique_ptr<Stream> stream;
    cudaEvent_t fork = nullptr, join = nullptr;
  };
  Own& of(Stream& main) {
    // For as long as the thread lives, as scratch memory.
    thread_local std::map<std::pair<int, void*>, Own> all;
    Own& own = all[{main.device().index, main.handle()}];
    if (!own.stream) {
      own.stream = std::make_unique<Stream>(main.device());
      for (cudaEvent_t* event : {&own.fork, &own.join}) {
        check(cudaEventCreateWithFlags(event, cudaEventDisableTiming), op_);
      }
    }
    return own;
  }
  void order(Stream& first, Stream& second, cudaEvent_t event) {
    check(cudaSetDevice(main_.device().index), op_);
    check(cudaEventRecord(event, static_cast<cudaStream_t>(first.handle())), op_);
    check(cudaStreamWaitEvent(static_cast<cudaStream_t>(second.handle()), event, 0), op_);
  }
  const char* op_;
  Stream& main_;
  Own& own_;
};

}  // namespace rn::ops::cuda
