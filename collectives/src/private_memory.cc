#include "private_memory.h"

#include <cstdlib>
#include <cstring>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {

PrivateMemory::PrivateMemory(std::size_t bytes) : bytes_(bytes) {
  const auto rounded = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  data_ = std::aligned_alloc(kHugePage, rounded);
  if (data_ == nullptr) throw CommError(message("allocate: no {} bytes of memory left on this machine", rounded));
  std::memset(data_, 0, bytes);
}

PrivateMemory::~PrivateMemory() { std::free(data_); }

}  // namespace trireme::collectives
