#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "fake_nccl_world.h"
#include "nccl/nccl_group.h"
#include "support/thread_ranks.h"
#include "support/thrown_text.h"
#include "trireme/base/store.h"

// Ranks of nccl over the fake, each with a store that knows what the test tells it.
namespace trireme::collectives::test {

using trireme::test::text_thrown_by;

// A store of which tests see the keys, and that knows of lost ranks once told. Thread-safe.
class WatchedStore final : public Store {
 public:
  void set(std::string_view key, std::string_view value) override {
    remember(key);
    keys_.set(key, value);
  }
  std::string get(std::string_view key, std::chrono::milliseconds timeout) override { return keys_.get(key, timeout); }
  std::optional<std::string> try_get(std::string_view key) override { return keys_.try_get(key); }
  std::int64_t add(std::string_view key, std::int64_t amount) override {
    remember(key);
    return keys_.add(key, amount);
  }
  bool remove(std::string_view key) override {
    const std::lock_guard lock(mutex_);
    names_.erase(std::string(key));
    return keys_.remove(key);
  }
  [[nodiscard]] std::vector<LostRank> lost() const override {
    const std::lock_guard lock(mutex_);
    return lost_;
  }
  [[nodiscard]] std::uint64_t lost_generation() const noexcept override {
    const std::lock_guard lock(mutex_);
    return generation_;
  }

  // Adds a lost rank, or says more of the one at `known`.
  void lose(const LostRank& rank, std::size_t known = SIZE_MAX) {
    const std::lock_guard lock(mutex_);
    if (known < lost_.size()) lost_[known] = rank;
    if (known >= lost_.size()) lost_.push_back(rank);
    ++generation_;
  }
  [[nodiscard]] std::set<std::string> keys() const {
    const std::lock_guard lock(mutex_);
    return names_;
  }

  // Those that were ever set and contain `part`.
  [[nodiscard]] std::vector<std::string> keys_ever(const std::string& part) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> found;
    for (const auto& name : names_ever_) {
      if (name.find(part) != std::string::npos) found.push_back(name);
    }
    return found;
  }

 private:
  void remember(std::string_view key) {
    const std::lock_guard lock(mutex_);
    names_.emplace(key);
    names_ever_.emplace(key);
  }
  InMemoryStore keys_;
  mutable std::mutex mutex_;  // guards what follows
  std::set<std::string> names_;
  std::set<std::string> names_ever_;
  std::vector<LostRank> lost_;
  std::uint64_t generation_ = 0;
};

inline constexpr Device kGpu{Device::Kind::kCuda, 0};

// Memory that the backend takes for the GPU's: what the fake gives is ordinary memory.
[[nodiscard]] inline Buffer on_gpu(std::vector<float>& values) {
  return {values.data(), static_cast<std::int64_t>(values.size()), Dtype::kFloat32, kGpu};
}

struct NcclRank {
  int rank;
  FakeNcclApi& api;
  NcclApiPtr shared_api;
  Communicator& communicator;
  Store& store;
};

// Runs `body` on every rank, each a thread with a communicator made with `options` (rank and size are filled in).
inline void run_nccl_ranks(FakeNcclWorld& nccl, Store& store, int size, NcclOptions options,
                           const std::function<void(const NcclRank&)>& body) {
  trireme::test::run_thread_ranks(size, [&](const trireme::test::ThreadRank& rank) {
    auto own = options;
    own.rank = rank.rank;
    own.size = size;
    const auto api = nccl.add_rank();
    const auto communicator = make_nccl_over(api, store, own);
    body({rank.rank, *api, api, *communicator, store});
  });
}

}  // namespace trireme::collectives::test
