#include "memory.h"

namespace trireme::soak {

namespace {

constexpr std::size_t kAlignment = 64;

}  // namespace

CallMemory::CallMemory(collectives::Communicator& world, std::size_t arena_bytes)
    : arena_(world.allocate(arena_bytes)) {}

std::byte* CallMemory::take(std::size_t bytes, int offset, bool from_arena) {
  const auto wanted = (bytes + static_cast<std::size_t>(offset) + kAlignment - 1) / kAlignment * kAlignment;
  if (from_arena && used_ + wanted <= arena_->bytes()) {
    auto* begin = static_cast<std::byte*>(arena_->data()) + used_;
    used_ += wanted;
    return begin + offset;
  }
  return foreign_.emplace_back(wanted + kAlignment).data() + offset;
}

void CallMemory::release_all() {
  used_ = 0;
  foreign_.clear();
}

}  // namespace trireme::soak
