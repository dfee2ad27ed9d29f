#include <cstring>

#include "base/error.h"
#include "device/device.h"
#include "support/catch.h"
#include "tensor/tensor.h"

using rn::Device;
using rn::DeviceKind;

TEST_CASE("devices are spelled and parsed") {
  CHECK(to_string(rn::cpu) == "cpu");
  CHECK(to_string(Device{DeviceKind::cuda, 2}) == "cuda:2");
  CHECK(rn::parse_device("cpu") == rn::cpu);
  if (rn::cuda::device_count() == 0) CHECK(rn::parse_device("auto") == rn::cpu);
  for (const char* wrong :
       {"", "gpu", "CPU", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda:99999999999"}) {
    try {
      rn::parse_device(wrong);
      FAIL("accepted '" << wrong << "'");
    } catch (const rn::Error& error) {
      CHECK(error.kind() == rn::ErrorKind::usage);
    }
  }
}

TEST_CASE("a GPU that is not there is a device error") {
  const int count = rn::cuda::device_count();
  for (const std::string& name :
       {std::string("cuda:") + std::to_string(count), std::string("cuda:9")}) {
    try {
      rn::parse_device(name);
      FAIL("accepted " << name);
    } catch (const rn::Error& error) {
      CHECK(error.kind() == rn::ErrorKind::device);
      CHECK(rn::exit_code(error.kind()) == 4);
    }
  }
}

TEST_CASE("copies between a GPU and the CPU keep every byte") {
  if (rn::cuda::device_count() == 0) RN_SKIP("no CUDA device");
  const Device gpu{DeviceKind::cuda, 0};
  rn::Stream stream(gpu);
  const rn::Tensor here({1000}, rn::Dtype::f32, rn::Tag::workspace);
  for (std::size_t i = 0; i < 1000; ++i) here.span<float>()[i] = static_cast<float>(i) * 0.5f;
  const rn::Tensor there = here.to(gpu, stream);
  const rn::Tensor back = there.to(rn::cpu, stream);
  stream.synchronize();
  CHECK(std::memcmp(back.raw(), here.raw(), here.bytes()) == 0);
  there.zero(stream);
  const rn::Tensor zeros = there.to(rn::cpu, stream);
  stream.synchronize();
  for (const float value : zeros.span<float>()) CHECK(value == 0);
  CHECK_THROWS_AS(there.data<float>(), rn::Error);
}
