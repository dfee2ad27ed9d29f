// The pickle machine alone, on the bytes as they come.
#include "fuzz/check.h"
#include "io/pickle.h"

using namespace rn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const io::Bytes bytes = fuzz::copy(data, size);
  fuzz::holds([&] {
    const io::Pickle pickle(bytes, "fuzz");
    if (pickle.length() > bytes.size()) fuzz::broken("longer than its bytes");
    for (const auto& value : pickle.values()) {
      // Every reference leads somewhere, and looking things up ends, in cyclic graphs too.
      for (const io::Pickle::Ref ref : value.items) {
        if (ref >= pickle.values().size()) fuzz::broken("a reference to nowhere");
      }
      for (const io::Pickle::Ref ref : {value.callable, value.args, value.state}) {
        if (ref != io::Pickle::nothing && ref >= pickle.values().size()) {
          fuzz::broken("a reference to nowhere");
        }
      }
      if (value.kind == io::Pickle::Kind::dict) pickle.find(value, "state_dict");
      if (pickle.describe(value).empty()) fuzz::broken("no description");
    }
  });
  return 0;
}
