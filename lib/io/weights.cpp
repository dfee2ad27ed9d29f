#include "io/weights.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "io/file.h"
#include "io/keras_file.h"
#include "io/safetensors.h"
#include "io/torch_file.h"

namespace rn::io {
namespace {

constexpr std::string_view expected = "safetensors, PyTorch (.pt, .pth, .th) or Keras (.h5)";

bool begins(std::span<const std::byte> bytes, std::string_view magic, std::size_t at = 0) {
  return bytes.size() >= at + magic.size() &&
         std::memcmp(bytes.data() + at, magic.data(), magic.size()) == 0;
}

bool looks_like_hdf5(std::span<const std::byte> bytes) {
  using namespace std::literals;
  for (std::size_t at = 0; at + 8 <= bytes.size(); at = at == 0 ? 512 : 2 * at) {
    if (begins(bytes, "\x89HDF\r\n\x1a\n"sv, at)) return true;
  }
  return begins(bytes, "\x89HDF"sv);  // damaged, and told so by the one who knows
}

std::string what_else(std::span<const std::byte> bytes) {
  using namespace std::literals;
  if (bytes.empty()) return "is empty";
  if (begins(bytes, "version https://git-lfs"sv)) {
    return "is a Git LFS pointer, not the file itself (git lfs pull brings it)";
  }
  if (begins(bytes, "<!DOCTYPE"sv) || begins(bytes, "<html"sv) || begins(bytes, "<!doctype"sv)) {
    return "is a web page: the download went wrong";
  }
  if (begins(bytes, "\x1f\x8b"sv)) return "is gzip-compressed; unpack it first";
  if (begins(bytes, "ustar"sv, 257)) {
    return "is a tar archive; files of PyTorch before 0.2 are such: save them again with torch";
  }
  if (begins(bytes, "\x80"sv) && bytes.size() > 2 && std::to_integer<int>(bytes[1]) <= 5) {
    return "is a Python pickle, but not one that torch.save wrote";
  }
  if (begins(bytes, "\x93NUMPY"sv)) return "is a NumPy array";
  if (begins(bytes, "\x08"sv) || begins(bytes, "GGUF"sv)) return "is in a format not read here";
  return "is no weight file known here";
}

// What wrappers put before every name: DistributedDataParallel, torch.compile.
void cut_prefixes(WeightFile& file) {
  // Averaged models (torch.optim.swa_utils) count beside the wrapped names.
  const auto counter = std::find_if(file.weights.begin(), file.weights.end(),
                                    [](const Weight& w) { return w.name == "n_averaged"; });
  if (counter != file.weights.end() && file.weights.size() > 1) {
    file.weights.erase(counter);
    file.ignored.push_back("n_averaged");
  }
  for (int depth = 0; depth < 4; ++depth) {
    std::string_view prefix;
    for (const std::string_view candidate : {"module.", "_orig_mod."}) {
      const auto shares = [&](const Weight& weight) {
        return weight.name.starts_with(candidate) && weight.name.size() > candidate.size();
      };
      if (std::all_of(file.weights.begin(), file.weights.end(), shares)) prefix = candidate;
    }
    if (prefix.empty() || file.weights.empty()) return;
    for (Weight& weight : file.weights) weight.name.erase(0, prefix.size());
    file.prefix += prefix;
  }
}

}  // namespace

const char* to_string(WeightFormat format) {
  switch (format) {
    case WeightFormat::safetensors: return "safetensors";
    case WeightFormat::torch_zip: return "PyTorch (zip)";
    case WeightFormat::torch_legacy: return "PyTorch (before 1.6)";
    case WeightFormat::keras_h5: return "Keras (HDF5)";
    case WeightFormat::keras3_h5: return "Keras 3 (.weights.h5)";
  }
  return "?";
}

WeightFile read_weights(Bytes bytes, const std::string& name, const std::string& entry) {
  WeightFile file;
  if (looks_like_hdf5(bytes)) {
    file = read_keras(H5::open_image(std::move(bytes), name, "a weight file of Keras"));
  } else if (begins(bytes, "PK\x03\x04")) {
    file = looks_like_keras_archive(bytes) ? read_keras_archive(bytes, name)
                                           : read_torch_zip(bytes, name, entry);
  } else if (looks_like_torch_legacy(bytes)) {
    file = read_torch_legacy(bytes, name, entry);
  } else if (looks_like_safetensors(bytes)) {
    file = read_safetensors(bytes, name);
  } else {
    fail(ErrorKind::input, "{}: {}; expected {}", name, what_else(bytes), expected);
  }
  if (!entry.empty() && file.nesting.empty()) {
    fail(ErrorKind::input, "{}: {} files have no entries to choose from, such as '{}'", name,
         to_string(file.format), entry);
  }
  cut_prefixes(file);
  return file;
}

WeightFile read_weights(const std::string& path, const std::string& entry) {
  return read_weights(read_file(path), path == "-" ? "stdin" : path, entry);
}

}  // namespace rn::io
