// What every fuzz target holds readers to: they return, or throw one rn::Error of kind input whose
// message is one line of reasonable length. Anything else ends the process, which libFuzzer
// reports.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/error.h"
#include "io/h5.h"
#include "io/weights.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace rn::fuzz {

[[noreturn]] inline void broken(const std::string& what) {
  std::fprintf(stderr, "broken promise: %s\n", what.c_str());
  std::abort();
}

inline void check_message(const Error& error) {
  const std::string what = error.what();
  if (error.kind() != ErrorKind::input) broken("not an input error: " + what);
  if (what.empty() || what.size() > 4000) broken("a message of odd length: " + what);
  for (const char c : what) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u == 0x7f) broken("a message with control characters: " + what);
  }
}

// True if `read` returned.
template <class F>
bool holds(F&& read) {
  try {
    read();
    return true;
  } catch (const Error& error) {
    check_message(error);
    return false;
  }
}

inline io::Bytes copy(const std::uint8_t* data, std::size_t size) {
  io::Bytes bytes(size);
  if (size > 0) std::memcpy(bytes.data(), data, size);
  return bytes;
}

// What any weight file must keep once it is read.
inline void check_weights(const io::WeightFile& file) {
  std::size_t sum = 0;
  for (const io::Weight& weight : file.weights) {
    if (weight.stored.empty() || !weight.value.defined()) broken("a weight without a value");
    const Dtype dtype = weight.value.dtype();
    if (dtype != Dtype::f32 && dtype != Dtype::f64 && dtype != Dtype::i64) broken("a wrong type");
    // Every byte is read, for the sanitizers.
    const auto* bytes = static_cast<const unsigned char*>(weight.value.raw());
    for (std::size_t i = 0; i < weight.value.bytes(); ++i) sum += bytes[i];
  }
  static volatile std::size_t sink = 0;
  sink = sink + sum;
}

}  // namespace rn::fuzz
