// Unsynchronised accesses. The kernels are compiled with -fsanitize=thread, whose calls on every
// load and store land here and not in a race detector of the compiler's: ours knows what barriers
// and warps are. Two accesses to the same two bytes, one of them a write, by different threads are
// a race unless a barrier lies between them (in one block) or a meeting of their warp. In device
// memory, accesses of different blocks of a launch are one always. Atomics do not count.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "fibers.h"

namespace cuda_emu {
namespace {

struct Record {
  std::int64_t block = 0, block_epoch = 0, warp_epoch = 0;
  int thread = -1;
};
struct Cell {
  std::uintptr_t key = 0;
  std::int64_t launch = 0;
  Record write, reads[2];
};

bool enabled() {
  static const bool on = std::getenv("RN_EMU_RACES") != nullptr;
  return on;
}

// Open addressing; cells of earlier launches count as free.
class Shadow {
 public:
  Cell& at(std::uintptr_t key) {
    if (2 * used_ > cells_.size()) grow();
    return find(key);
  }
  void clear() { used_ = 0; }

 private:
  Cell& find(std::uintptr_t key) {
    const std::size_t mask = cells_.size() - 1;
    for (std::size_t i = (key * 0x9e3779b97f4a7c15u >> 20) & mask;; i = (i + 1) & mask) {
      Cell& cell = cells_[i];
      if (cell.launch == now.launch && cell.key == key) return cell;
      if (cell.launch != now.launch) {
        cell = {key, now.launch, {}, {}};
        ++used_;
        return cell;
      }
    }
  }
  void grow() {
    std::vector<Cell> old(2 * cells_.size());
    old.swap(cells_);
    used_ = 0;
    for (const Cell& cell : old) {
      if (cell.launch == now.launch) find(cell.key) = cell;
    }
  }
  std::vector<Cell> cells_ = std::vector<Cell>(1 << 12);
  std::size_t used_ = 0;
};

Shadow shadow;
std::string found;

bool races(const Record& before, bool global) {
  if (before.thread < 0) return false;
  if (before.block != now.block) return global;
  if (before.thread == now.thread || before.block_epoch != now.block_epoch) return false;
  return before.thread / 32 != now.thread / 32 || before.warp_epoch == now.warp_epoch;
}

void report(const char* what, const Record& before, const void* memory) {
  if (!found.empty()) return;
  char line[256];
  std::snprintf(line, sizeof line,
                "%s: thread %d of block %lld after thread %d of block %lld at %p", what, now.thread,
                static_cast<long long>(now.block), before.thread,
                static_cast<long long>(before.block), memory);
  found = line;
}

}  // namespace

void begin_races() {
  shadow.clear();
  found.clear();
}

const char* races_or_null() { return found.empty() ? nullptr : found.c_str(); }

void touch(const void* memory, std::size_t bytes, bool write) {
  if (now.thread < 0 || !enabled() || on_fiber_stack(memory)) return;
  const bool global = is_device_memory(memory);
  const auto first = reinterpret_cast<std::uintptr_t>(memory) / 2;
  const auto last = (reinterpret_cast<std::uintptr_t>(memory) + bytes - 1) / 2;
  const Record mine{now.block, now.block_epoch, now.warp_epoch, now.thread};
  for (std::uintptr_t key = first; key <= last; ++key) {
    Cell& cell = shadow.at(key);
    if (races(cell.write, global))
      report(write ? "write after write" : "read after write", cell.write, memory);
    if (write) {
      for (const Record& read : cell.reads) {
        if (races(read, global)) report("write after read", read, memory);
      }
      cell.write = mine;
      cell.reads[0] = cell.reads[1] = {};
    } else if (cell.reads[0].thread != mine.thread || cell.reads[0].block != mine.block) {
      cell.reads[1] = cell.reads[0];
      cell.reads[0] = mine;
    } else {
      cell.reads[0] = mine;
    }
  }
}

}  // namespace cuda_emu

#define RN_ACCESS(size)                                                            \
  void __tsan_read##size(void* at) { cuda_emu::touch(at, size, false); }           \
  void __tsan_write##size(void* at) { cuda_emu::touch(at, size, true); }           \
  void __tsan_unaligned_read##size(void* at) { cuda_emu::touch(at, size, false); } \
  void __tsan_unaligned_write##size(void* at) { cuda_emu::touch(at, size, true); }
#define RN_ATOMIC(bits, type)                                                                      \
  type __tsan_atomic##bits##_load(const volatile type* at, int) {                                  \
    return __atomic_load_n(at, __ATOMIC_SEQ_CST);                                                  \
  }                                                                                                \
  void __tsan_atomic##bits##_store(volatile type* at, type value, int) {                           \
    __atomic_store_n(at, value, __ATOMIC_SEQ_CST);                                                 \
  }                                                                                                \
  type __tsan_atomic##bits##_fetch_add(volatile type* at, type value, int) {                       \
    return __atomic_fetch_add(at, value, __ATOMIC_SEQ_CST);                                        \
  }                                                                                                \
  type __tsan_atomic##bits##_fetch_sub(volatile type* at, type value, int) {                       \
    return __atomic_fetch_sub(at, value, __ATOMIC_SEQ_CST);                                        \
  }                                                                                                \
  int __tsan_atomic##bits##_compare_exchange_strong(volatile type* at, type* expected, type value, \
                                                    int, int) {                                    \
    return __atomic_compare_exchange_n(at, expected, value, false, __ATOMIC_SEQ_CST,               \
                                       __ATOMIC_SEQ_CST);                                          \
  }                                                                                                \
  type __tsan_atomic##bits##_exchange(volatile type* at, type value, int) {                        \
    return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);                                       \
  }
extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_read_range(void* at, std::size_t size) { cuda_emu::touch(at, size, false); }
void __tsan_write_range(void* at, std::size_t size) { cuda_emu::touch(at, size, true); }
RN_ACCESS(1)
RN_ACCESS(2)
RN_ACCESS(4)
RN_ACCESS(8)
RN_ACCESS(16)
RN_ATOMIC(8, std::uint8_t)
RN_ATOMIC(32, std::uint32_t)
RN_ATOMIC(64, std::uint64_t)
}
