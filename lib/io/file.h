// Reading and writing whole files: atomic, checked, and the same for "-" (stdin, stdout).
#pragma once

#include <array>
#include <span>
#include <string>

#include "io/h5.h"

namespace rn::io {

// The whole file, or stdin for "-". Errors (input): missing, a directory, unreadable.
Bytes read_file(const std::string& path);

// Writes beside the target, fsyncs, renames, fsyncs the directory: the name never shows a half
// file, and a failed write leaves what was there. A symbolic link stays one: what it points at is
// replaced. Devices and FIFOs are written directly. "-" writes to stdout, refusing a terminal
// (usage). EPIPE on stdout is quiet: returns false. Errors (failed): says which step, which file.
bool write_file(const std::string& path, std::span<const std::byte> bytes);

// Checks before the first long step that `path` can be written later: directory exists and is
// writable, target is no directory, and exists only with `force` (usage). "-": not a terminal.
void check_output(const std::string& path, bool force);

// SHA-256 in hex: digests of inputs in provenance.
std::string sha256(std::span<const std::byte> bytes);

// The same, piece by piece.
class Sha256 {
 public:
  Sha256& update(std::span<const std::byte> bytes);
  // Of what was given so far.
  std::array<std::byte, 32> bytes() const;
  std::string hex() const;

 private:
  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, 64> block_{};
  std::uint64_t length_ = 0;  // bytes so far
};

}  // namespace rn::io
