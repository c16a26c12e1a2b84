#include "registered_memory.h"

#include <utility>

namespace trireme::collectives {
namespace {

constexpr std::size_t kGranularity = std::size_t{2} << 20;  // of NCCL's memory; windows need 4096 bytes

std::uintptr_t address(const void* data) { return reinterpret_cast<std::uintptr_t>(data); }

}  // namespace

// Device memory that goes back to NCCL once nobody holds it; a communicator that registered it lets go of it first.
class NcclMemory final : public Memory {
 public:
  NcclMemory(NcclApiPtr api, std::size_t bytes, int device, std::weak_ptr<NcclWindows> windows)
      : api_(std::move(api)), bytes_(bytes), device_(device), windows_(std::move(windows)) {
    check_nccl(*api_, api_->mem_alloc(&data_, (bytes + kGranularity - 1) / kGranularity * kGranularity),
               "ncclMemAlloc");
    if (const auto error = api_->memory_clear(data_, bytes); error != CudaResult::kSuccess) {
      (void)api_->mem_free(data_);
      check_cuda(*api_, error, "cudaMemset");
    }
  }
  ~NcclMemory() override {
    if (const auto windows = windows_.lock()) windows->forget(data_);
    (void)api_->mem_free(data_);
  }
  NcclMemory(const NcclMemory&) = delete;
  NcclMemory& operator=(const NcclMemory&) = delete;
  [[nodiscard]] void* data() const noexcept override { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept override { return bytes_; }
  [[nodiscard]] Device device() const noexcept override { return {Device::Kind::kCuda, device_}; }

 private:
  const NcclApiPtr api_;
  const std::size_t bytes_;
  const int device_;
  const std::weak_ptr<NcclWindows> windows_;
  void* data_ = nullptr;
};

MemoryPtr NcclWindows::allocate(std::size_t bytes, const std::function<void()>& settle) {
  auto memory = std::make_shared<NcclMemory>(api_, bytes, device_, weak_from_this());
  const auto rounded = (bytes + kGranularity - 1) / kGranularity * kGranularity;
  Registration* registration = nullptr;
  {
    const std::lock_guard lock(mutex_);
    auto& slot = registrations_[address(memory->data())];
    slot = std::make_unique<Registration>(Registration{.bytes = rounded, .number = ++last_number_});
    registration = slot.get();
  }
  if (are_symmetric_) {
    comm_->use([&](NcclCommHandle comm) {
      check_nccl(*api_, api_->window_register(comm, memory->data(), rounded, &registration->window),
                 "ncclCommWindowRegister", comm);
    });
    settle();
  }
  if (registration->window == nullptr) {
    comm_->use([&](NcclCommHandle comm) {
      check_nccl(*api_, api_->comm_register(comm, memory->data(), rounded, &registration->handle), "ncclCommRegister",
                 comm);
    });
    settle();
  }
  return memory;
}

std::uint64_t NcclWindows::place(const void* data, std::size_t bytes) const {
  const std::lock_guard lock(mutex_);
  auto next = registrations_.upper_bound(address(data));
  if (next == registrations_.begin() || bytes == 0) return 0;
  const auto& [base, registration] = *std::prev(next);
  const auto offset = address(data) - base;
  if (registration->window == nullptr || offset + bytes > registration->bytes) return 0;
  return registration->number << 48 | offset;
}

void NcclWindows::take_back(const Registration& registration) noexcept {
  comm_->with_handle([&](NcclCommHandle comm) {
    if (registration.window != nullptr) (void)api_->window_deregister(comm, registration.window);
    if (registration.handle != nullptr) (void)api_->comm_deregister(comm, registration.handle);
  });
}

void NcclWindows::forget(void* data) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = registrations_.find(address(data));
  if (found == registrations_.end()) return;
  take_back(*found->second);
  registrations_.erase(found);
}

void NcclWindows::close() noexcept {
  const std::lock_guard lock(mutex_);
  for (const auto& [base, registration] : registrations_) take_back(*registration);
  registrations_.clear();
}

}  // namespace trireme::collectives
