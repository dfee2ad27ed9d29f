// The CUDA half of lib/device in a build without CUDA: nothing is there, and asking says so.
#include "device/device.h"

#include "base/error.h"

namespace rn::cuda {
namespace {
[[noreturn]] void absent(const char* what) {
  fail(ErrorKind::device, "{}: built without CUDA", what);
}
}  // namespace

bool built() { return false; }
int device_count() { return 0; }
std::string description(int) { absent("description"); }
void* allocate(int, std::size_t) { absent("allocate"); }
void release(int, void*) noexcept {}
void* stream_create(int) { absent("stream_create"); }
void stream_destroy(int, void*) noexcept {}
void stream_synchronize(int, void*) { absent("stream_synchronize"); }
void zero_async(void*, std::size_t, void*) { absent("zero_async"); }
void copy_async(void*, bool, const void*, bool, std::size_t, void*) { absent("copy_async"); }
void capture_begin(int, void*) { absent("capture_begin"); }
void* capture_end(void*) { absent("capture_end"); }
void capture_drop(void*) noexcept {}
void graph_launch(int, void*, void*) { absent("graph_launch"); }
void graph_destroy(int, void*) noexcept {}

}  // namespace rn::cuda
