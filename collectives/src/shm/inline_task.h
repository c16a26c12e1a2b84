#pragma once

#include "../transport.h"
#include "group.h"

namespace trireme::collectives {

// A small collective in one step: every rank shows its whole input, in its entry or in its staging memory, and every
// rank takes or reduces what it needs. Costs p times the reading of other ways, and one wait less.
class InlineTask final : public Task {
 public:
  // True where one step beats several.
  [[nodiscard]] static bool fits(const Signature& signature, int ranks, std::size_t quarter_bytes) noexcept;
  // True where it beats even reducing in place, and where nothing is carried at all.
  [[nodiscard]] static bool is_tiny(const Signature& signature, int ranks, std::size_t quarter_bytes) noexcept;

  // Shows the input. The caller enters, or publishes a step, and calls advance() once all ranks have.
  InlineTask(Group& group, const Operation& operation);
  Step advance() override;
  [[nodiscard]] std::vector<int> missing() const override { return group_.missing(); }

 private:
  void take();
  void reduce(std::int64_t block) const;
  void copy(int from, std::int64_t block, std::int64_t target) const;
  [[nodiscard]] const std::byte* shown(int rank, std::int64_t block) const;

  Group& group_;
  const Operation operation_;
  const std::int64_t block_;  // elements
  const bool in_entry_;       // the input travels in the entry
  int quarter_ = 0;
};

// An InlineTask that enters by itself, with nothing to find out first.
class TinyTask final : public Task {
 public:
  TinyTask(Group& group, const Operation& operation)
      : group_(group), signature_(operation.signature), task_(group, operation) {
    group_.enter(signature_);
  }
  Step advance() override;
  [[nodiscard]] std::vector<int> missing() const override { return group_.missing(); }

 private:
  Group& group_;
  const Signature signature_;
  InlineTask task_;
};

}  // namespace trireme::collectives
