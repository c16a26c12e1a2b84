#include "fake_nccl_world.h"

#include <algorithm>
#include <cstdlib>

#include "fake_nccl_state.h"

// What the ranks' fakes share, and what a test tells them and asks of them.
namespace trireme::collectives::test {

FakeNcclWorld::FakeNcclWorld() = default;
FakeNcclWorld::~FakeNcclWorld() {
  for (void* data : allocations_) std::free(data);
}

std::shared_ptr<FakeNcclApi> FakeNcclWorld::add_rank() { return std::make_shared<FakeNcclApi>(*this); }

void FakeNcclWorld::hold(bool is_held) {
  const std::lock_guard lock(mutex_);
  is_held_ = is_held;
  run();
}

int FakeNcclWorld::mixed_operations() const {
  const std::lock_guard lock(mutex_);
  return mixed_operations_;
}

int FakeNcclWorld::live_allocations() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(allocations_.size());
}

void FakeNcclWorld::run() {
  for (bool has_moved = true; has_moved;) {
    has_moved = false;
    for (const auto& [handle, stream] : streams_) {
      while (!stream->steps.empty() && stream->steps.front()()) {
        stream->steps.pop_front();
        has_moved = true;
      }
    }
  }
}

FakeNcclWorld::Stream& FakeNcclWorld::stream(void* handle) {
  auto& stream = streams_[handle];
  if (!stream) stream = std::make_unique<Stream>();
  return *stream;
}

FakeNcclWorld::Comm* FakeNcclWorld::make_comm(const std::shared_ptr<Clique>& clique, int rank) {
  comms_.push_back(std::make_unique<Comm>());
  comms_.back()->clique = clique;
  comms_.back()->rank = rank;
  return comms_.back().get();
}

std::vector<std::string> FakeNcclApi::calls() const {
  const std::lock_guard lock(world_.mutex_);
  return calls_;
}

void FakeNcclApi::forget_calls() {
  const std::lock_guard lock(world_.mutex_);
  calls_.clear();
}

void FakeNcclApi::wait_for_call(const std::string& beginning) const {
  std::unique_lock lock(world_.mutex_);
  world_.called_.wait(lock, [&] {
    return std::ranges::any_of(calls_, [&](const std::string& call) { return call.starts_with(beginning); });
  });
}

void FakeNcclApi::set_async_error(NcclResult error) {
  const std::lock_guard lock(world_.mutex_);
  async_error_ = error;
}

void FakeNcclApi::set_result_of_operations(NcclResult result) {
  const std::lock_guard lock(world_.mutex_);
  result_of_operations_ = result;
}

void FakeNcclApi::set_settles(bool settles) {
  const std::lock_guard lock(world_.mutex_);
  settles_ = settles;
}

void FakeNcclApi::note(std::string call) {
  calls_.push_back(std::move(call));
  world_.called_.notify_all();
}

}  // namespace trireme::collectives::test
