// PyTorch's containers. The first byte chooses: the bytes as they come, or put into a sound
// container (so that checksums and lengths are no obstacle), or an archive of entries that lie.
#include "fuzz/check.h"
#include "fuzz/choices.h"
#include "io/torch_file.h"
#include "io/weight_files.h"

using namespace rn;

namespace {

std::string build(fuzz::Choices& choices) {
  const std::size_t kind = choices.below(5);
  if (kind == 0) return choices.rest();
  const auto storage = [&] {
    std::string bytes = choices.text(64);
    bytes.resize(16 + bytes.size(), '\1');
    return bytes;
  };
  const std::string first = storage(), second = storage();
  if (kind == 1) return test::torch_zip(choices.rest(), {{"0", first}, {"1", second}});
  if (kind == 2) {
    const auto counted = [](const std::string& bytes) {
      return test::little_endian(bytes.size() / 4, 8) + bytes.substr(0, bytes.size() / 4 * 4);
    };
    return test::torch_legacy(choices.rest(), {{"0", counted(first)}, {"1", counted(second)}});
  }
  if (kind == 3) {  // legacy, with the keys and storages from the bytes too
    std::string file = test::torch_legacy(choices.rest(), {});
    return file.substr(0, file.size() - (test::PickleText().op("](e").end().size()));
  }
  std::vector<test::ZipEntry> entries;
  static const char* const names[] = {
      "a/data.pkl", "a/data/0", "a/byteorder", "a/constants.pkl", "data.pkl",
      "b/data.pkl", "",         "a/data/"};
  for (std::size_t i = choices.below(6) + 1; i > 0; --i) {
    test::ZipEntry entry{choices.of(names), choices.text(200)};
    if (choices.one_in(3)) entry = test::deflated(entry.name, entry.content);
    if (choices.one_in(8)) entry.method = static_cast<int>(choices.number(1));
    if (choices.one_in(8)) entry.size = static_cast<std::int64_t>(choices.number(4));
    if (choices.one_in(8)) entry.crc = static_cast<std::int64_t>(choices.number(4));
    if (choices.one_in(8)) entry.flags = static_cast<int>(choices.number(2));
    entries.push_back(entry);
  }
  return test::zip(entries);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(data, size);
  const io::Bytes bytes = test::as_bytes(build(choices));
  fuzz::holds([&] { fuzz::check_weights(io::read_torch_zip(bytes, "fuzz")); });
  fuzz::holds([&] { fuzz::check_weights(io::read_torch_legacy(bytes, "fuzz")); });
  fuzz::holds([&] { fuzz::check_weights(io::read_weights(bytes, "fuzz")); });
  return 0;
}
