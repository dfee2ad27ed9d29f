// safetensors: the bytes as they come. What is read must write and read back the same.
#include "fuzz/check.h"
#include "io/safetensors.h"

using namespace rn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const io::Bytes bytes = fuzz::copy(data, size);
  fuzz::holds([&] {
    const io::WeightFile file = io::read_safetensors(bytes, "fuzz");
    fuzz::check_weights(file);
    const io::Bytes written = io::write_safetensors(file.weights, file.metadata);
    const io::WeightFile again = io::read_safetensors(written, "again");
    if (again.weights.size() != file.weights.size() || again.metadata != file.metadata ||
        io::write_safetensors(again.weights, again.metadata) != written) {
      fuzz::broken("what was written reads back otherwise");
    }
  });
  return 0;
}
