#pragma once

#include <vector>

#include "../transport.h"
#include "direct_reduce.h"
#include "group.h"

namespace trireme::collectives {

// The other collectives where every rank maps the inputs that it needs: each copies, or reduces, out of them what goes
// into its own output; then all say that they have read.
class DirectCopy final : public Task {
 public:
  // All ranks have entered. `inputs` outlives the task.
  DirectCopy(Group& group, const Operation& operation, const Places& inputs);
  Step advance() override;
  [[nodiscard]] std::vector<int> missing() const override { return group_.missing(); }

 private:
  [[nodiscard]] int sources() const;
  void take_piece();
  void reduce_piece(std::int64_t length);
  void copy_piece(std::int64_t length);

  Group& group_;
  const Operation operation_;
  const Places& inputs_;
  const OpKind kind_;
  const std::int64_t element_;  // bytes of one
  const std::int64_t block_;    // elements
  const std::int64_t piece_;    // elements
  std::vector<const void*> from_;
  int source_ = 0;          // ordinal of the rank that is read
  std::int64_t first_ = 0;  // next element of its block
  bool has_read_ = false;
};

}  // namespace trireme::collectives
