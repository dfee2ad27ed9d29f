#include "ops/backend.h"

#include <cblas.h>
#include <fmt/format.h>

#include <dnnl.hpp>

namespace rn::ops {

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
