// Zip archives in memory, for reading, through libzip. Only lib/io/zip.cpp includes zip.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/h5.h"

namespace rn::io {

class Zip {
 public:
  // `archive` must stay where it is. Errors (input): damaged, too many entries.
  Zip(std::span<const std::byte> archive, std::string name);
  Zip(const Zip&) = delete;
  Zip& operator=(const Zip&) = delete;
  ~Zip();

  // Names of the entries; some may be there twice.
  const std::vector<std::string>& entries() const { return entries_; }
  bool has(const std::string& entry) const;
  // The content, unpacked, its checksum compared. Errors (input): absent, there twice, encrypted,
  // of an unknown compression, larger than `limit`, a size out of proportion to what is stored.
  Bytes read(const std::string& entry, std::uint64_t limit) const;

 private:
  struct Impl;
  std::string name_;  // of the archive
  std::vector<std::string> entries_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rn::io
