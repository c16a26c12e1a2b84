#include "mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "../private_memory.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

[[noreturn]] void fail(const char* call, std::size_t bytes) {
  throw CommError(message("{} of {} bytes of shared memory: {}", call, bytes, std::strerror(errno)));
}

}  // namespace

// Address space is reserved with room to align in, the file goes into its middle, and the rest is given back.
Mapping::Mapping(const UniqueFd& fd, std::size_t bytes) : bytes_(bytes) {
  const std::size_t reserved = bytes + kHugePage;
  void* reservation = ::mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reservation == MAP_FAILED) fail("mmap", reserved);
  auto* const begin = static_cast<std::byte*>(reservation);
  const std::size_t before = (kHugePage - reinterpret_cast<std::uintptr_t>(begin) % kHugePage) % kHugePage;
  void* const mapped = ::mmap(begin + before, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd.get(), 0);
  if (mapped == MAP_FAILED) {
    ::munmap(reservation, reserved);
    fail("mmap", bytes);
  }
  data_ = static_cast<std::byte*>(mapped);
  if (before > 0) ::munmap(begin, before);
  if (before < kHugePage) ::munmap(data_ + bytes, kHugePage - before);
}

Mapping::~Mapping() { ::munmap(data_, bytes_); }

UniqueFd make_memfd(const char* name, std::size_t bytes) {
  UniqueFd fd(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) fail("memfd_create", bytes);
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) fail("ftruncate", bytes);
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) fail("fcntl(F_ADD_SEALS)", bytes);
  return fd;
}

}  // namespace trireme::collectives
