#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "fake_nccl_state.h"

// CUDA's streams, events and memory, and the clock.
namespace trireme::collectives::test {

CudaResult FakeNcclApi::get_device_count(int* count) {
  *count = devices;
  return CudaResult::kSuccess;
}

CudaResult FakeNcclApi::set_device(int) { return CudaResult::kSuccess; }

CudaResult FakeNcclApi::stream_create(CudaStreamHandle* stream) {
  const std::lock_guard lock(world_.mutex_);
  auto made = std::make_unique<World::Stream>();
  made->is_own = true;
  *stream = reinterpret_cast<CudaStreamHandle>(made.get());
  world_.streams_[*stream] = std::move(made);
  return CudaResult::kSuccess;
}

CudaResult FakeNcclApi::stream_destroy(CudaStreamHandle) { return CudaResult::kSuccess; }  // runs on, as CUDA's do

CudaResult FakeNcclApi::stream_wait_event(CudaStreamHandle stream, CudaEventHandle event) {
  const std::lock_guard lock(world_.mutex_);
  auto& waiting = world_.stream(stream);
  note(waiting.is_own ? "own stream waits" : "caller's stream waits");
  auto* awaited = reinterpret_cast<World::Event*>(event);
  waiting.steps.emplace_back([awaited, turn = awaited->recorded] { return awaited->passed >= turn; });
  world_.run();
  return CudaResult::kSuccess;
}

CudaResult FakeNcclApi::event_create(CudaEventHandle* event) {
  const std::lock_guard lock(world_.mutex_);
  auto made = std::make_unique<World::Event>();
  *event = reinterpret_cast<CudaEventHandle>(made.get());
  world_.events_[*event] = std::move(made);
  return CudaResult::kSuccess;
}

CudaResult FakeNcclApi::event_destroy(CudaEventHandle) { return CudaResult::kSuccess; }  // streams may still pass it

CudaResult FakeNcclApi::event_record(CudaEventHandle event, CudaStreamHandle stream) {
  const std::lock_guard lock(world_.mutex_);
  auto* recorded = reinterpret_cast<World::Event*>(event);
  world_.stream(stream).steps.emplace_back([recorded, turn = ++recorded->recorded] {
    recorded->passed = std::max(recorded->passed, turn);
    return true;
  });
  world_.run();
  return CudaResult::kSuccess;
}

CudaResult FakeNcclApi::event_query(CudaEventHandle event) {
  const std::lock_guard lock(world_.mutex_);
  world_.run();
  const auto& asked = *reinterpret_cast<World::Event*>(event);
  return asked.passed >= asked.recorded ? CudaResult::kSuccess : CudaResult::kNotReady;
}

CudaResult FakeNcclApi::memory_alloc(void** data, std::size_t bytes, CudaStreamHandle) {
  const std::lock_guard lock(world_.mutex_);
  *data = std::malloc(std::max<std::size_t>(bytes, 1));
  world_.allocations_.insert(*data);
  return CudaResult::kSuccess;
}

CudaResult FakeNcclApi::memory_free(void* data, CudaStreamHandle stream) {
  const std::lock_guard lock(world_.mutex_);
  world_.stream(stream).steps.emplace_back([this, data] {
    world_.allocations_.erase(data);
    std::free(data);
    return true;
  });
  world_.run();
  return CudaResult::kSuccess;
}

CudaResult FakeNcclApi::memory_copy(void* to, const void* from, std::size_t bytes, CudaStreamHandle stream) {
  const std::lock_guard lock(world_.mutex_);
  world_.stream(stream).steps.emplace_back([=] {
    copy_bytes(to, from, bytes);
    return true;
  });
  world_.run();
  return CudaResult::kSuccess;
}

CudaResult FakeNcclApi::memory_clear(void* data, std::size_t bytes) {
  std::memset(data, 0, bytes);
  return CudaResult::kSuccess;
}

const char* FakeNcclApi::get_error_string(CudaResult) { return "a CUDA error"; }

std::chrono::steady_clock::time_point FakeNcclApi::now() {
  if (!has_manual_clock) return std::chrono::steady_clock::now();
  const std::lock_guard lock(world_.mutex_);
  return time_;
}

void FakeNcclApi::pause() {
  if (!has_manual_clock) return std::this_thread::sleep_for(std::chrono::microseconds(20));
  const std::lock_guard lock(world_.mutex_);
  time_ += std::chrono::milliseconds(10);
}

}  // namespace trireme::collectives::test
