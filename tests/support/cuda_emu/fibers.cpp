// Runs kernels: the threads of a block as fibers of the calling thread, one block after the other.
#include "fibers.h"

#include <sys/mman.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "cuda_runtime.h"
#include "device.h"

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace cuda_emu {

Moment now;
void* dynamic_shared = nullptr;

namespace {

constexpr std::size_t stack_bytes = 256 << 10;
constexpr int most_threads = 1024;
constexpr int warp_size = 32;

[[noreturn]] void broken(const std::string& why) {
  throw std::logic_error("emulated CUDA: " + why);
}

#if defined(__x86_64__)
// Saves what a call must keep, leaves the stack pointer in *from, goes on at `to`.
extern "C" void rn_emu_switch(void** from, void* to);
asm(R"(
.text
.type rn_emu_switch, @function
rn_emu_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");
class Context {
 public:
  void make(char* stack, void (*entry)()) {
    auto** top = reinterpret_cast<void**>(stack + stack_bytes);
    *--top = nullptr;                         // where entry would return to: it never does
    *--top = reinterpret_cast<void*>(entry);  // popped by ret: the stack is aligned as at a call
    top -= 6;
    std::fill_n(top, 6, nullptr);
    sp_ = top;
  }
  void go(Context& to) { rn_emu_switch(&sp_, to.sp_); }

 private:
  void* sp_ = nullptr;
};
#else
class Context {
 public:
  void make(char* stack, void (*entry)()) {
    getcontext(&context_);
    context_.uc_stack = {stack, 0, stack_bytes};
    context_.uc_link = nullptr;
    makecontext(&context_, entry, 0);
  }
  void go(Context& to) { swapcontext(&context_, &to.context_); }

 private:
  ucontext_t context_;
};
#endif

enum class State { idle, ready, at_barrier, at_meeting, done };

struct Fiber {
  Context context;
  State state = State::idle;
  dim3 index;
  void* brought = nullptr;
};

struct Machine {
  char* stacks = nullptr;
  std::vector<Fiber> fibers = std::vector<Fiber>(most_threads);
  Context scheduler;
  int running = -1;
  const std::function<void()>* body = nullptr;
  void (*meeting)(void**, int) = nullptr;
  std::vector<std::int64_t> warp_epochs = std::vector<std::int64_t>(most_threads / warp_size);
  std::int64_t launches = 0, epochs = 0;

  Machine() {
    stacks = static_cast<char*>(mmap(nullptr, stack_bytes * most_threads, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (stacks == MAP_FAILED) broken("no memory for stacks");
  }
};

Machine& machine() {
  static Machine* m = new Machine;
  return *m;
}

// A fiber runs one thread after another, without a switch where the thread meets nobody.
void entry() {
  Machine& m = machine();
  for (;;) {
    (*m.body)();
    Fiber& self = m.fibers[static_cast<std::size_t>(m.running)];
    self.state = State::done;
    self.context.go(m.scheduler);
  }
}

void wait(State state) {
  Machine& m = machine();
  Fiber& self = m.fibers[static_cast<std::size_t>(m.running)];
  self.state = state;
  self.context.go(m.scheduler);
}

void resume(Machine& m, int thread) {
  Fiber& fiber = m.fibers[static_cast<std::size_t>(thread)];
  m.running = thread;
  threadIdx = fiber.index;
  now.thread = thread;
  now.warp_epoch = m.warp_epochs[static_cast<std::size_t>(thread / warp_size)];
  m.scheduler.go(fiber.context);
  now.thread = -1;
}

// Runs a warp until each of its threads is done or at a barrier.
void run_warp(Machine& m, int warp, const std::vector<int>& lanes) {
  for (;;) {
    for (const int thread : lanes) {
      if (m.fibers[static_cast<std::size_t>(thread)].state == State::ready) resume(m, thread);
    }
    const auto count = [&](State state) {
      return std::count_if(lanes.begin(), lanes.end(), [&](int t) {
        return m.fibers[static_cast<std::size_t>(t)].state == state;
      });
    };
    const auto meeting = count(State::at_meeting);
    if (meeting == 0) return;
    if (meeting != static_cast<std::ptrdiff_t>(lanes.size())) {
      broken("some lanes of a warp are at a shuffle or product, others are not");
    }
    void* brought[warp_size] = {};
    for (const int thread : lanes) {
      brought[thread % warp_size] = m.fibers[static_cast<std::size_t>(thread)].brought;
    }
    m.meeting(brought, static_cast<int>(lanes.size()));
    m.warp_epochs[static_cast<std::size_t>(warp)] = ++m.epochs;
    for (const int thread : lanes) m.fibers[static_cast<std::size_t>(thread)].state = State::ready;
  }
}

void run_block(Machine& m, const std::vector<std::vector<int>>& warps, int threads) {
  const auto size = static_cast<std::size_t>(threads);
  for (std::size_t t = 0; t < size; ++t) m.fibers[t].state = State::ready;
  std::fill(m.warp_epochs.begin(), m.warp_epochs.end(), ++m.epochs);
  for (;;) {
    now.block_epoch = ++m.epochs;
    for (const std::vector<int>& lanes : warps) run_warp(m, lanes[0] / warp_size, lanes);
    std::size_t done = 0;
    for (std::size_t t = 0; t < size; ++t) done += m.fibers[t].state == State::done;
    if (done == size) return;
    if (done > 0) broken("some threads of a block are at a barrier that others never reach");
    for (std::size_t t = 0; t < size; ++t) m.fibers[t].state = State::ready;
  }
}

std::uint32_t mix(std::uint64_t x) {
  x = (x ^ (x >> 31)) * 0x9e3779b97f4a7c15u;
  return static_cast<std::uint32_t>(x >> 32);
}

// 0, 1, ..., in the order that RN_EMU_ORDER wants.
std::vector<int> ordered(int count, std::uint64_t salt) {
  static const char* wanted = std::getenv("RN_EMU_ORDER");
  static const std::string order = wanted ? wanted : "forward";
  std::vector<int> list(static_cast<std::size_t>(count));
  std::iota(list.begin(), list.end(), 0);
  if (order == "reverse") std::reverse(list.begin(), list.end());
  if (order == "shuffle") {
    for (int i = count - 1; i > 0; --i) {
      const auto j =
          mix(salt * 7919 + static_cast<std::uint64_t>(i)) % static_cast<std::uint32_t>(i + 1);
      std::swap(list[static_cast<std::size_t>(i)], list[j]);
    }
  }
  return list;
}

void run_grid(const std::function<void()>& body, dim3 grid, dim3 block, std::size_t shared) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  Machine& m = machine();
  const int threads = static_cast<int>(block.x * block.y * block.z);
  const auto blocks = std::int64_t{grid.x} * grid.y * grid.z;
  m.body = &body;
  now.launch = ++m.launches;
  begin_races();
  blockDim = block;
  gridDim = grid;
  static std::vector<Words> memory;
  memory.assign(shared / sizeof(Words) + 1, Words{});
  dynamic_shared = memory.data();
  for (int t = 0; t < threads; ++t) {
    Fiber& fiber = m.fibers[static_cast<std::size_t>(t)];
    const auto at = static_cast<unsigned>(t);
    fiber.index = dim3(at % block.x, at / block.x % block.y, at / block.x / block.y);
    if (fiber.state == State::idle) {
      fiber.context.make(m.stacks + static_cast<std::size_t>(t) * stack_bytes, entry);
    }
  }
  const auto salt = static_cast<std::uint64_t>(m.launches);
  std::vector<std::vector<int>> warps(static_cast<std::size_t>((threads + 31) / warp_size));
  for (const int t : ordered(threads, salt)) {
    warps[static_cast<std::size_t>(t / warp_size)].push_back(t);
  }
  for (const int index : ordered(static_cast<int>(blocks), salt)) {
    const auto at = static_cast<unsigned>(index);
    blockIdx = dim3(at % grid.x, at / grid.x % grid.y, at / grid.x / grid.y);
    now.block = index;
    // Nothing is to be found in shared memory that this block did not put there.
    std::memset(memory.data(), 0xff, memory.size() * sizeof(Words));
    try {
      run_block(m, warps, threads);
    } catch (...) {  // threads are left where they were
      for (Fiber& fiber : m.fibers) fiber.state = State::idle;
      throw;
    }
  }
  if (const char* race = races_or_null()) broken(std::string("race: ") + race);
}

}  // namespace

bool on_fiber_stack(const void* memory) {
  const Machine& m = machine();
  return memory >= m.stacks && memory < m.stacks + stack_bytes * most_threads;
}

void barrier() { wait(State::at_barrier); }

void meet(void* mine, void (*all)(void**, int)) {
  Machine& m = machine();
  m.fibers[static_cast<std::size_t>(m.running)].brought = mine;
  m.meeting = all;
  wait(State::at_meeting);
}

cudaError_t run(const std::function<void()>& thread, dim3 grid, dim3 block, std::size_t shared,
                Stream* stream) {
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > most_threads || grid.x == 0 || grid.y == 0 || grid.z == 0 ||
      grid.y > 65535 || grid.z > 65535) {
    return cudaErrorInvalidConfiguration;
  }
  if (shared > shared_bytes_of_block) return cudaErrorInvalidValue;
  submit(stream, [=] { run_grid(thread, grid, block, shared); });
  return cudaSuccess;
}

}  // namespace cuda_emu
