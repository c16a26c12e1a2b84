#include <condition_variable>
#include <mutex>

#include "store/deadline.h"
#include "store/key_table.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/base/store.h"

namespace trireme {

struct InMemoryStore::State {
  std::mutex mutex;  // guards table
  std::condition_variable changed;
  detail::KeyTable table;
};

InMemoryStore::InMemoryStore() : state_(std::make_unique<State>()) {}
InMemoryStore::~InMemoryStore() = default;

void InMemoryStore::set(std::string_view key, std::string_view value) {
  detail::check_entry(key, value);
  {
    const std::lock_guard lock(state_->mutex);
    state_->table.set(key, value);
  }
  state_->changed.notify_all();
}

std::string InMemoryStore::get(std::string_view key, std::chrono::milliseconds timeout) {
  detail::check_key(key);
  std::unique_lock lock(state_->mutex);
  std::optional<std::string> value;
  const auto arrived = [&] { return (value = state_->table.find(key)).has_value(); };
  if (state_->changed.wait_until(lock, detail::deadline_after(timeout), arrived)) return *std::move(value);
  throw TimeoutError(message("store get: key '{}' was not set within {} ms.", key, timeout.count()));
}

std::optional<std::string> InMemoryStore::try_get(std::string_view key) {
  detail::check_key(key);
  const std::lock_guard lock(state_->mutex);
  return state_->table.find(key);
}

std::int64_t InMemoryStore::add(std::string_view key, std::int64_t amount) {
  detail::check_key(key);
  std::int64_t value = 0;
  {
    const std::lock_guard lock(state_->mutex);
    value = state_->table.add(key, amount);
  }
  state_->changed.notify_all();
  return value;
}

bool InMemoryStore::remove(std::string_view key) {
  detail::check_key(key);
  const std::lock_guard lock(state_->mutex);
  return state_->table.remove(key);
}

}  // namespace trireme
