#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "nccl_handles.h"
#include "trireme/collectives/communicator.h"

namespace trireme::collectives {

// The memory that one communicator has registered, so that NCCL reads and writes it without copies: as a symmetric
// window, where the machine can, else as a plain registration.
//
// Shared by the transport and, weakly, by the memory, which may live longer or shorter. Thread-safe, but allocate() is
// collective.
class NcclWindows : public std::enable_shared_from_this<NcclWindows> {
 public:
  // `device`: whose memory allocate() gives.
  NcclWindows(NcclApiPtr api, std::shared_ptr<NcclComm> comm, int device, bool are_symmetric)
      : api_(std::move(api)), comm_(std::move(comm)), device_(device), are_symmetric_(are_symmetric) {}

  // Zeroed memory. `settle` waits until NCCL has done what it was asked.
  [[nodiscard]] MemoryPtr allocate(std::size_t bytes, const std::function<void()>& settle);
  // Where a buffer lies, in terms that are the same on all ranks: the number of its window, from 1, above 48 bits of
  // offset. 0 when it lies in no symmetric window.
  [[nodiscard]] std::uint64_t place(const void* data, std::size_t bytes) const;
  // Takes the registrations back; the memory stays.
  void close() noexcept;

 private:
  friend class NcclMemory;
  struct Registration {
    std::size_t bytes = 0;
    std::uint64_t number = 0;
    NcclWindowHandle window = nullptr;  // NCCL fills it when the communicator settles
    void* handle = nullptr;
  };
  void forget(void* data) noexcept;
  void take_back(const Registration& registration) noexcept;

  const NcclApiPtr api_;
  const std::shared_ptr<NcclComm> comm_;
  const int device_;
  const bool are_symmetric_;
  mutable std::mutex mutex_;  // guards what follows
  std::map<std::uintptr_t, std::unique_ptr<Registration>> registrations_;
  std::uint64_t last_number_ = 0;
};

}  // namespace trireme::collectives
