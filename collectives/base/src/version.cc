#include "trireme/base/version.h"

namespace trireme {

const char* version() noexcept { return TRIREME_VERSION; }

}  // namespace trireme
