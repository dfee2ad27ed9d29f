#include "base/version.h"

#include "git_revision.h"  // written by the build

namespace rn {
const char* version() { return RN_VERSION; }
const char* git_revision() { return RN_GIT_REVISION; }
}  // namespace rn
