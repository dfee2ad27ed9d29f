// The version, and the git revision it was built from ("unknown" outside a checkout).
#pragma once

namespace rn {
const char* version();
const char* git_revision();
}  // namespace rn
