// Optimizer steps over many parameters in few launches: tables of parameters travel as arguments.
// All or nothing: a first pass computes every new value and writes nothing but the number of the
// first parameter that would not stay finite; the second pass commits unless there is one.
#pragma once

#include <span>

#include "ops/cuda/launch.h"
#include "ops/optimizer.h"

namespace rn::ops::cuda {

constexpr int table_size = 48;  // parameters a launch: the table stays below 4 KB of arguments

// A Rule has an Entry, one parameter's pointers, `size` and factors; members of its own are the
// same for all. step<commit>(entry, rate, i) computes element i, stores it where `commit`, and says
// whether it is finite; rate_of(entry) is asked for once. Both passes must round alike: products
// and sums are spelled out with fma.
template <class Rule>
struct Table {
  typename Rule::Entry entries[table_size];
  int first;  // number of entries[0]
  Rule rule;
};

template <bool commit, class Rule>
__global__ void step_kernel(Table<Rule> table, std::int32_t* flags, int count) {
  for (int k = 0; commit && k < count; ++k) {
    if (flags[k] != unflagged) return;
  }
  const typename Rule::Entry& entry = table.entries[blockIdx.y];
  const auto rate = table.rule.rate_of(entry);
  bool bad = false;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
       i < entry.size; i += step) {
    bad |= !table.rule.template step<commit>(entry, rate, i);
  }
  if (!commit && bad) atomicMin(flags, table.first + static_cast<int>(blockIdx.y));
}

// Launches one pass; entry_of(parameter) makes an Entry.
template <bool commit, class Rule, class P, class F>
void step_pass(const char* op, const Rule& rule, std::span<const P> parameters, F&& entry_of,
               std::int32_t* flags, int flag_count, Stream& stream) {
  for (std::size_t begin = 0; begin < parameters.size(); begin += table_size) {
    const std::size_t count = std::min<std::size_t>(table_size, parameters.size() - begin);
    Table<Rule> table{};
    table.first = static_cast<int>(begin);
    table.rule = rule;
    std::int64_t largest = 1;
    for (std::size_t i = 0; i < count; ++i) {
      table.entries[i] = entry_of(parameters[begin + i]);
      largest = std::max(largest, table.entries[i].size);
    }
    const auto blocks = static_cast<unsigned>(std::min<std::int64_t>((largest + 255) / 256, 64));
    launch(op, step_kernel<commit, Rule>, dim3(blocks, static_cast<unsigned>(count)), dim3(256),
           stream, table, flags, flag_count);
  }
}

// The number of the first parameter that would not stay finite, or -1: all are stepped.
template <class Rule, class P, class F>
int step_all(const char* op, const Rule& rule, std::span<const P> parameters, F&& entry_of,
             Stream& stream) {
  std::int32_t* flags = scratch<std::int32_t>(stream, 1);
  std::int32_t result = unflagged;
  copy_async(flags, stream.device(), &result, rn::cpu, sizeof result, stream);
  step_pass<false>(op, rule, parameters, entry_of, flags, 1, stream);
  step_pass<true>(op, rule, parameters, entry_of, flags, 1, stream);
  copy_async(&result, rn::cpu, flags, stream.device(), sizeof result, stream);
  stream.synchronize();
  return result == unflagged ? -1 : result;
}

}  // namespace rn::ops::cuda
