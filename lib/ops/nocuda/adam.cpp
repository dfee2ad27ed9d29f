#include "ops/nocuda/absent.h"

namespace rn::ops::cuda {

RN_ABSENT(int, adam_step, const Adam&, std::span<const AdamParameter>, Stream&)

}  // namespace rn::ops::cuda
