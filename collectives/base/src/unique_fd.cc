#include "trireme/base/unique_fd.h"

#include <unistd.h>

namespace trireme {

// close() is not repeated after EINTR: on Linux the descriptor is gone by then and may already belong to another
// thread.
void UniqueFd::reset(int fd) noexcept {
  const int old = std::exchange(fd_, fd);
  if (old >= 0) ::close(old);
}

}  // namespace trireme
