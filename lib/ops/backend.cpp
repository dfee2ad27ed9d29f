#include "ops/backend.h"

#include <cblas.h>
#include <fmt/format.h>

#include <atomic>
#include <dnnl.hpp>

namespace rn::ops {

namespace {

// Of oneDNN's sets from avx512_core_bf16 on, each includes the bits of those before.
bool has_isa(dnnl::cpu_isa isa) {
  const auto wanted = static_cast<unsigned>(isa);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & wanted) == wanted;
}

Bf16 best_bf16() {
  if (!has_native_bf16()) return Bf16::widened;
  const bool fast = has_isa(dnnl::cpu_isa::avx512_core_amx) || !__builtin_cpu_is("intel") ||
                    __builtin_cpu_is("cooperlake");
  return fast ? Bf16::native : Bf16::widened;
}

std::atomic<Bf16>& chosen_bf16() {
  static std::atomic<Bf16> chosen{best_bf16()};
  return chosen;
}

}  // namespace

bool has_native_bf16() { return has_isa(dnnl::cpu_isa::avx512_core_bf16); }

Bf16 bf16_arithmetic() { return chosen_bf16(); }

const char* to_string(Bf16 arithmetic) { return arithmetic == Bf16::native ? "native" : "widened"; }

void set_bf16_arithmetic(Bf16 arithmetic) {
  if (arithmetic == Bf16::native && !has_native_bf16()) {
    fail(ErrorKind::device, "this processor has no AVX-512 BF16 (oneDNN runs {})",
         instruction_set());
  }
  chosen_bf16() = arithmetic;
}

// Every processor computes with every floating dtype, and so does every GPU that is built for
// (sm_80 and later).
void require_dtype(Dtype, Device) {}

std::string instruction_set() {
  using dnnl::cpu_isa;
  const cpu_isa isa = dnnl::get_effective_cpu_isa();
  switch (isa) {
    case cpu_isa::sse41: return "sse41";
    case cpu_isa::avx: return "avx";
    case cpu_isa::avx2: return "avx2";
    case cpu_isa::avx2_vnni: return "avx2_vnni";
    case cpu_isa::avx512_core: return "avx512_core";
    case cpu_isa::avx512_core_vnni: return "avx512_core_vnni";
    case cpu_isa::avx512_core_bf16: return "avx512_core_bf16";
    case cpu_isa::avx512_core_amx: return "avx512_core_amx";
    default: return fmt::format("isa {:#x}", static_cast<unsigned>(isa));  // newer than this list
  }
}

std::vector<std::pair<std::string, std::string>> libraries() {
  const dnnl_version_t* v = dnnl_version();
  std::string blas = openblas_get_config();  // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ..."
  const std::size_t name = blas.find(' ');
  const std::size_t end = name == std::string::npos ? name : blas.find(' ', name + 1);
  blas = name == std::string::npos ? "unknown" : blas.substr(name + 1, end - name - 1);
  return {{"onednn", fmt::format("{}.{}.{}", v->major, v->minor, v->patch)},
          {"openblas", fmt::format("{} {}", blas, openblas_get_corename())}};
}

}  // namespace rn::ops
