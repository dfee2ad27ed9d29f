// Small CIFAR-10 files: record r of file f has label (f + r) % 10; bytes tell where they come from.
#pragma once

#include <string>

#include "support/files.h"

namespace rn::test {

inline std::uint8_t cifar_byte(int file, int record, int plane, int pixel) {
  return static_cast<std::uint8_t>(file * 31 + record * 7 + plane * 85 + pixel);
}

inline std::string cifar_records(int file, int count) {
  std::string bytes;
  for (int r = 0; r < count; ++r) {
    bytes += static_cast<char>((file + r) % 10);
    for (int c = 0; c < 3; ++c) {
      for (int p = 0; p < 1024; ++p) bytes += static_cast<char>(cifar_byte(file, r, c, p));
    }
  }
  return bytes;
}

// Five training files of `count` records and a test file of two.
inline void put_cifar(const std::string& dir, int count) {
  for (int f = 1; f <= 5; ++f) {
    put(dir + "/data_batch_" + std::to_string(f) + ".bin", cifar_records(f, count));
  }
  put(dir + "/test_batch.bin", cifar_records(6, 2));
}

}  // namespace rn::test
