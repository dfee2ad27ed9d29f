#include <cmath>
#include <cstring>
#include <limits>

#include "io/file.h"
#include "support/catch.h"
#include "support/files.h"
#include "video/flow_field.h"

using namespace rn;
using namespace rn::video;

namespace {

Tensor field(std::int64_t h, std::int64_t w, const std::vector<float>& values) {
  Tensor flow({h, w, 2}, Dtype::f32, Tag::input);
  REQUIRE(flow.size() == static_cast<std::int64_t>(values.size()));
  std::copy(values.begin(), values.end(), flow.data<float>());
  return flow;
}

}  // namespace

TEST_CASE("a .flo file comes back as it was", "[video]") {
  const test::TempDir dir;
  const Tensor flow = field(2, 3, {0, 1, 2, 3, -4, 5.5F, 6, 7, 8, 9, 2e9F, 2e9F});
  const std::string path = dir / "a.flo";
  io::write_file(path, encode_flo(flow));
  const Tensor back = read_flo(path);
  REQUIRE(back.shape() == flow.shape());
  CHECK(std::memcmp(back.raw(), flow.raw(), flow.bytes()) == 0);

  // Hostile ones.
  io::Bytes bytes = encode_flo(flow);
  const auto refused = [&](const io::Bytes& of) {
    io::write_file(path, of);
    try {
      read_flo(path);
    } catch (const Error& error) {
      return error.kind() == ErrorKind::input &&
             std::string(error.what()).find(path) != std::string::npos;
    }
    return false;
  };
  CHECK(refused({}));
  CHECK(refused(io::Bytes(bytes.begin(), bytes.end() - 1)));
  CHECK(refused(io::Bytes(bytes.begin(), bytes.begin() + 11)));
  io::Bytes other = bytes;
  other[0] = std::byte{'X'};
  CHECK(refused(other));
  const std::int32_t huge[2] = {0x7fffffff, 0x7fffffff}, negative[2] = {-3, -2};
  std::memcpy(bytes.data() + 4, huge, sizeof huge);
  CHECK(refused(bytes));
  std::memcpy(bytes.data() + 4, negative, sizeof negative);
  CHECK(refused(bytes));
}

TEST_CASE("errors of a field are means over what the truth knows", "[video]") {
  const Tensor truth = field(1, 3, {1, 0, 0, 0, 2e9F, 2e9F}),
               flow = field(1, 3, {1, 0, 3, 4, 9, 9});
  const FlowErrors errors = compare(flow, truth, "t");
  CHECK(errors.pixels == 2);
  CHECK(errors.epe == Approx(2.5));
  // The angle between (3, 4, 1) and (0, 0, 1), and none.
  CHECK(errors.aae == Approx(std::acos(1 / std::sqrt(26.0)) * 180 / std::acos(-1.0) / 2));
  CHECK(compare(truth, truth, "t").epe == 0);
  CHECK_THROWS_AS(compare(field(1, 1, {0, 0}), truth, "t"), Error);
  CHECK_THROWS_AS(compare(field(1, 1, {0, 0}), field(1, 1, {2e9F, 0}), "t"), Error);
}

TEST_CASE("bytes of flow are symmetric, exact at zero, and cut", "[video]") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const std::vector<float> values{0, 20, -20, 21, -inf, 3.1F, -3.1F, nan};
  std::vector<std::uint8_t> bytes(values.size());
  quantise(values, 20, bytes);
  CHECK(bytes[0] == 128);
  CHECK(bytes[1] == 255);
  CHECK(bytes[2] == 1);
  CHECK(bytes[3] == 255);
  CHECK(bytes[4] == 1);
  CHECK(bytes[5] == 256 - bytes[6]);
  CHECK(bytes[7] == 128);
  std::vector<float> back(values.size());
  restore(bytes, zero_byte, step_of(20), back);
  CHECK(back[0] == 0);
  CHECK(back[1] == Approx(20));
  CHECK(std::abs(back[5] - values[5]) <= step_of(20) / 2);
  CHECK(back[5] == -back[6]);
}

TEST_CASE("colours of directions are those of the wheel", "[video]") {
  const Tensor picture = colour(field(1, 5, {0, 0, 1, 0, -1, 0, 0, 1, 2e9F, 0}), 1);
  const auto pixel = [&](int i) {
    const std::uint8_t* at = picture.data<std::uint8_t>() + 3 * i;
    return std::vector<int>{at[0], at[1], at[2]};
  };
  CHECK(pixel(0) == std::vector<int>{255, 255, 255});  // no motion is white
  CHECK(pixel(4) == std::vector<int>{0, 0, 0});        // unknown is black
  const auto right = pixel(1), left = pixel(2), down = pixel(3);
  CHECK(right[0] == 255);  // red, without green
  CHECK(right[1] < 30);
  CHECK(left[2] > 200);  // between cyan and blue, without red
  CHECK(left[0] < 30);
  CHECK(down[0] > 200);  // yellow
  CHECK(down[1] > 200);
  CHECK(down[2] < 30);
  CHECK(usual_length(field(1, 2, {3, 4, 2e9F, 0})) == Approx(5));
}
