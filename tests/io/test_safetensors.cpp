#include <cmath>

#include "io/file.h"
#include "io/safetensors.h"
#include "io/weight_files.h"
#include "support/catch.h"
#include "support/files.h"

using namespace rn;
using namespace rn::io;
using namespace rn::test;

namespace {

WeightFile read(const std::string& file) { return read_weights(as_bytes(file), "m.safetensors"); }
// Past the guess of the format.
std::string refused(const std::string& file) {
  const std::string message =
      error_of(ErrorKind::input, [&] { read_safetensors(as_bytes(file), "m.safetensors"); });
  CHECK(contains(message, "m.safetensors: "));
  return message;
}
std::string refused(const std::string& header, const std::string& data) {
  return refused(safetensors(header, data));
}

Tensor tensor(const Shape& shape, const std::vector<float>& values) {
  Tensor t(shape, Dtype::f32, Tag::parameter);
  std::copy(values.begin(), values.end(), t.span<float>().begin());
  return t;
}

std::string sha256_of(const Tensor& t) {
  return sha256({static_cast<const std::byte*>(t.raw()), t.bytes()});
}

const std::string good =
    R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,1],"data_offsets":[4,12]},)"
    R"("a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},)"
    R"("e":{"dtype":"F32","shape":[0,3],"data_offsets":[12,12]},)"
    R"("s":{"dtype":"I32","shape":[],"data_offsets":[12,16]}}  )";
const std::string good_data =
    raw<std::uint16_t>({0x3c00, 0xc100}) + raw<float>({5, -6}) + raw<std::int32_t>({-7});

}  // namespace

TEST_CASE("safetensors: names, shapes, values and metadata as they stand") {
  const WeightFile file = read(safetensors(good, good_data));
  CHECK(file.format == WeightFormat::safetensors);
  CHECK(file.metadata.at("format") == "pt");
  REQUIRE(file.weights.size() == 4);
  CHECK(file.weights[0].name == "b");
  CHECK(file.weights[0].value.shape() == Shape{2, 1});
  CHECK(file.weights[0].value.data<float>()[1] == -6);
  CHECK(file.weights[1].stored == "f16");
  CHECK(file.weights[1].value.data<float>()[0] == 1);
  CHECK(file.weights[1].value.data<float>()[1] == -2.5f);
  CHECK(file.weights[2].value.size() == 0);
  CHECK(file.weights[3].value.rank() == 0);
  CHECK(file.weights[3].value.data<std::int64_t>()[0] == -7);
}

TEST_CASE("safetensors: narrow types widen exactly") {
  const auto one = [](const char* dtype, const std::string& data, std::size_t n) {
    return read(safetensors(
                    fmt::format(R"({{"x":{{"dtype":"{}","shape":[{}],"data_offsets":[0,{}]}}}})",
                                dtype, n, data.size()),
                    data))
        .weights[0]
        .value;
  };
  // Smallest subnormal, largest subnormal, largest, infinity, minus zero.
  const Tensor half = one("F16", raw<std::uint16_t>({1, 0x3ff, 0x7bff, 0x7c00, 0x8000}), 5);
  const float* h = half.data<float>();
  CHECK(h[0] == 0x1p-24f);
  CHECK(h[1] == 0x3ffp-24f);
  CHECK(h[2] == 65504);
  CHECK(std::isinf(h[3]));
  CHECK(std::signbit(h[4]));
  CHECK(std::isnan(one("F16", raw<std::uint16_t>({0x7e01}), 1).data<float>()[0]));
  CHECK(one("BF16", raw<std::uint16_t>({0x4049}), 1).data<float>()[0] == 3.140625f);
  CHECK(one("F64", raw<double>({1e300}), 1).data<double>()[0] == 1e300);
  CHECK(one("U8", "\xff", 1).data<std::int64_t>()[0] == 255);
  CHECK(one("I8", "\xff", 1).data<std::int64_t>()[0] == -1);
  CHECK(one("U16", "\xff\xff", 1).data<std::int64_t>()[0] == 65535);
  CHECK(one("I16", "\xff\xff", 1).data<std::int64_t>()[0] == -1);
  CHECK(one("U32", "\xff\xff\xff\xff", 1).data<std::int64_t>()[0] == 4294967295);
  CHECK(one("BOOL", "\x01", 1).data<std::int64_t>()[0] == 1);
  CHECK(one("I64", raw<std::int64_t>({-5}), 1).data<std::int64_t>()[0] == -5);
  CHECK(contains(refused(R"({"x":{"dtype":"U64","shape":[1],"data_offsets":[0,8]}})",
                         raw<std::uint64_t>({std::uint64_t{1} << 63})),
                 "over 2^63"));
}

TEST_CASE("safetensors: what is written reads back, in the package's layout") {
  std::vector<Weight> weights;
  weights.push_back({"b.weight", "f32", tensor({2, 2}, {1, 2, 3, 4})});
  weights.push_back({"a\"\n", "f32", tensor({1}, {5})});
  weights.push_back({"n", "i64", Tensor::zeros({}, Dtype::i64, Tag::parameter)});
  weights.push_back({"d", "f64", Tensor::zeros({3}, Dtype::f64, Tag::parameter)});
  weights.push_back({"none", "f32", tensor({0, 4}, {})});
  const Bytes bytes = write_safetensors(weights, {{"format", "pt"}, {"by", "\xc3\xa9"}});
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto header = static_cast<std::size_t>(static_cast<unsigned char>(text[0])) +
                      256 * static_cast<unsigned char>(text[1]);
  CHECK(header % 8 == 0);
  CHECK(contains(text, R"({"__metadata__":{"by":")"));
  CHECK(text.find("\"d\"") < text.find("\"n\""));  // wide types first
  CHECK(text.find("\"n\"") < text.find("\"a\\"));  // then by name
  CHECK(text.find("\"a\\") < text.find("\"b.w"));
  const WeightFile back = read_weights(bytes, "m");
  CHECK(back.metadata.at("by") == "\xc3\xa9");
  REQUIRE(back.weights.size() == 5);
  for (const Weight& weight : weights) {
    CAPTURE(weight.name);
    const auto found = std::find_if(back.weights.begin(), back.weights.end(),
                                    [&](const Weight& w) { return w.name == weight.name; });
    REQUIRE(found != back.weights.end());
    CHECK(found->value.shape() == weight.value.shape());
    CHECK(found->value.dtype() == weight.value.dtype());
    CHECK(sha256_of(found->value) == sha256_of(weight.value));
  }
  CHECK(write_safetensors(back.weights, back.metadata) == bytes);

  weights.push_back(weights[0]);
  CHECK(contains(error_of(ErrorKind::shape, [&] { write_safetensors(weights); }), "'b.weight'"));
}

TEST_CASE("safetensors: a file cut at any byte is refused") {
  const std::string whole = safetensors(good, good_data);
  REQUIRE_NOTHROW(read(whole));
  for (std::size_t keep = 0; keep < whole.size(); ++keep) {
    CAPTURE(keep);
    refused(whole.substr(0, keep));
  }
  CHECK(contains(refused(whole + "x"), "17 bytes of data, but the tensors take 16"));
}

TEST_CASE("safetensors: headers that lie") {
  CHECK(contains(refused(little_endian(~std::uint64_t{0}, 8) + "{}"), "100000000 are the most"));
  CHECK(contains(refused(little_endian(1000, 8) + "{}"), "a header of 1000 bytes, 2 are there"));
  CHECK(contains(refused("[]", ""), "does not begin with '{'"));
  CHECK(contains(refused("", ""), "does not begin with '{'"));
  CHECK(contains(refused("{} x", ""), "no JSON at byte"));
  CHECK(contains(refused("{\"a\":{}}", ""), "'a': has no dtype"));
  CHECK(contains(refused("{\"a\":3}", ""), "a number where a tensor's description"));
  CHECK(contains(refused("{\"a\":null}", ""), "null"));
  CHECK(contains(refused("{\"\xff\":{}}", ""), "no JSON"));
  CHECK(contains(refused(R"({"a":{"dtype":"F32","shape":[1]}})", "1234"),
                 "'a': has no data_offsets"));
  CHECK(contains(refused(R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", "1"),
                 "dtype 'F8_E4M3' is not read here"));
  CHECK(contains(refused(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "1234"),
                 "negative"));
  for (const char* shape :
       {"0,4611686018427387904,4611686018427387904", "4611686018427387904,2,0"}) {
    CHECK(contains(
        refused(
            fmt::format(R"({{"a":{{"dtype":"F32","shape":[{}],"data_offsets":[0,0]}}}})", shape),
            ""),
        "is too large"));
  }
  CHECK(contains(refused(R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", "1234"),
                 "a fraction"));
  CHECK(contains(refused(R"({"a":{"dtype":"F32","shape":[1e2],"data_offsets":[0,4]}})", "1234"),
                 "a fraction"));
  CHECK(contains(refused(R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", "1234"),
                 "a list where shape"));
  CHECK(contains(refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", "1234"),
                 "not two numbers"));
  CHECK(contains(refused(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}})", "1234"),
                 "more than 2 numbers"));
  CHECK(contains(refused(R"({"a":{"dtype":"F32","x":0,"shape":[1],"data_offsets":[0,4]}})", "1234"),
                 "unknown field 'x'"));
  CHECK(contains(refused(R"({"a":{"dtype":"F32","shape":[18446744073709551615]}})", ""),
                 "over 2^63"));
  CHECK(contains(refused(R"({"__metadata__":{"a":1}})", ""), "a number where text"));
  CHECK(contains(refused(R"({"__metadata__":{"a":{"b":"c"}}})", ""), "an object where text"));
  CHECK(contains(refused(R"({"__metadata__":{"a":"1","a":"2"}})", ""), "'a' is there twice"));
  const std::string a = R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  CHECK(contains(refused("{" + a + "," + a + "}", "1234"), "'a' is there twice"));
  CHECK(contains(
      refused(R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "1234"),
      "'a': has dtype twice"));
  CHECK(contains(refused("{\"" + std::string(600, 'n') + "\":{}}", ""), "a name of 600 bytes"));
  std::string many = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1";
  for (int i = 0; i < 40; ++i) many += ",1";
  CHECK(contains(refused(many + "]}}", ""), "shape has more than 32"));
  CHECK(refused("{\"a\":" + std::string(100'000, '['), "").size() < 300);
  CHECK(refused("{\"a\":" + std::string(100'000, '{'), "").size() < 300);
}

TEST_CASE("safetensors: offsets that lie") {
  const auto two = [](const char* first, const char* second, const std::string& data) {
    return refused(fmt::format(R"({{"a":{{"dtype":"F32","shape":[1],"data_offsets":[{}]}},)"
                               R"("b":{{"dtype":"F32","shape":[1],"data_offsets":[{}]}}}})",
                               first, second),
                   data);
  };
  CHECK(contains(two("0,4", "0,4", "1234"), "'b': data_offsets [0, 4] do not follow"));  // overlap
  CHECK(contains(two("0,4", "2,6", "123456"), "'b': data_offsets [2, 6] do not follow"));
  CHECK(contains(two("0,4", "8,12", "123412341234"),
                 "'b': data_offsets [8, 12] do not follow"));  // hole
  CHECK(contains(two("0,4", "4,8", "1234"), "leave the 4 bytes of data"));
  CHECK(contains(two("4,0", "4,8", "12341234"), "'a': data_offsets [4, 0] do not fit"));
  CHECK(contains(two("0,8", "8,12", "123412341234"), "'a': data_offsets [0, 8] do not fit f32"));
  CHECK(
      contains(two("9223372036854775803,9223372036854775807", "0,4", "1234"), "leave the 4 bytes"));
  // Products that overflow, also to something small; empty tensors in odd places.
  const auto shaped = [](const char* shape, const char* offsets, const std::string& data) {
    return refused(
        fmt::format(R"({{"a":{{"dtype":"F32","shape":{},"data_offsets":{}}}}})", shape, offsets),
        data);
  };
  CHECK(contains(shaped("[4294967296,4294967296]", "[0,0]", ""), "too large"));
  CHECK(contains(shaped("[9223372036854775807,3]", "[0,4]", "1234"), "too large"));
  CHECK(contains(shaped("[4611686018427387904]", "[0,0]", ""), "too large"));
  CHECK(contains(shaped("[1000000000]", "[0,4000000000]", "1234"), "out of proportion"));
  CHECK(contains(shaped("[0]", "[4,4]", "1234"), "do not follow"));
  CHECK(contains(shaped("[0]", "[0,0]", "1234"), "but the tensors take 0"));
}
