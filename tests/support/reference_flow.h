// TV-L1 once more, from the papers: whole fields in double precision, one operation after the
// other.
#pragma once

#include "ops/flow.h"
#include "support/reference.h"

namespace rn::test {

// from, to: [N, H, W]; returns [N, H, W, 2].
Array tv_l1_flow(const ops::TvL1& parameters, const Array& from, const Array& to);

}  // namespace rn::test
