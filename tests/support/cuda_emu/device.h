// Inside the emulator: streams and memory.
#pragma once

#include <cstdint>
#include <functional>

namespace cuda_emu {

struct Stream;
// Runs the work now, or keeps it for the graph that the stream is capturing.
void submit(Stream* stream, std::function<void()> work);

constexpr std::size_t shared_bytes_of_block = 227 << 10;  // of sm_90
struct alignas(16) Words {
  std::uint32_t words[4];
};

}  // namespace cuda_emu
