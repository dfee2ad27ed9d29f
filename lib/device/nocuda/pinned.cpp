#include "device/pinned.h"

namespace rn::cuda {

void* allocate_pinned(int, std::size_t) { return nullptr; }
void release_pinned(void*) noexcept {}

}  // namespace rn::cuda
