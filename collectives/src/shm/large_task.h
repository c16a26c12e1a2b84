#pragma once

#include <memory>

#include "../transport.h"
#include "arena_table.h"
#include "direct_reduce.h"
#include "group.h"

namespace trireme::collectives {

// What a rank says of its buffers when it enters a large collective.
struct Whereabouts {
  ArenaRef input;
  ArenaRef output;
  std::uint8_t has_shown = 0;  // the first chunk lies in its staging memory already
};
static_assert(sizeof(Whereabouts) <= Entry::kPayload);

// How the ranks go on once all have entered. A pure function of what all ranks said and know, so all decide alike.
enum class Path : std::uint8_t {
  kDirect,     // every rank maps what it needs of the others
  kAsk,        // whether all map some arena is not known yet: first agree on it
  kStaged,     // through staging memory
  kShowFirst,  // the same, but some rank has not shown its first chunk
};
[[nodiscard]] Path choose_path(const Signature& signature, std::span<const Whereabouts> by_rank,
                               const ArenaTable& arenas);

// A large collective: enters, finds out which way all ranks can go, and goes it.
class LargeTask final : public Task {
 public:
  LargeTask(Group& group, ArenaTable& arenas, const Operation& operation);
  Step advance() override;
  [[nodiscard]] std::vector<int> missing() const override { return way_ ? way_->missing() : group_.missing(); }

 private:
  enum class Phase : std::uint8_t { kEntered, kAsked, kShown, kUnderWay };

  [[nodiscard]] Whereabouts own_whereabouts();
  [[nodiscard]] std::unique_ptr<Task> show() const;
  void decide();
  void ask();
  void learn();
  void go_direct();

  Group& group_;
  ArenaTable& arenas_;
  const Operation operation_;
  Phase phase_ = Phase::kEntered;
  std::unique_ptr<Task> way_;
  std::vector<Whereabouts> by_rank_;
  std::vector<std::uint64_t> asked_;  // arenas, in the same order on all ranks
  std::vector<ArenaPtr> mapped_;      // of each, what this process has
  Places inputs_;
  Places outputs_;
};

}  // namespace trireme::collectives
