#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "../transport.h"
#include "levels.h"
#include "parts.h"

namespace trireme::collectives {

// A collective, part by part, through three levels: up within the node to a leader, across between the leaders, down
// within the node. While one part is on the wire, others are at work in the nodes.
//
// All ranks of a node post the same operations to it in the same order: part k goes down right after part k + kAhead -
// 1 has gone up. Parts take turns among the leaders.
class LevelTask final : public Task {
 public:
  // `is_new`: the ranks first agree on the operation, before any memory is touched.
  LevelTask(Levels& levels, const Operation& operation, std::int64_t part_bytes, bool is_new);
  Step advance() override;
  [[nodiscard]] std::vector<int> missing() const override;
  // Ranks that wait for what their own node has not done give up first: they see who is missing. Leaders that wait for
  // other nodes come later, and last those who wait for their leader.
  [[nodiscard]] Timeout grace(Timeout timeout) const override;

 private:
  // A part that has gone up.
  struct UnderWay {
    Part part;
    int leader = 0;              // its local rank
    Buffer partial = {};         // on the leader: what it holds of a reduction
    std::vector<std::byte> own;  // memory of `partial`, where the output cannot hold it
    WorkPtr up = {};
    WorkPtr across = {};
    WorkPtr down = {};
    bool has_crossed = false;
    bool has_gone_down = false;
  };

  [[nodiscard]] std::int64_t count() const noexcept { return agreements_ + parts_.count(); }
  [[nodiscard]] std::int64_t ahead() const noexcept;
  bool progress();
  bool send_up();
  bool send_across();
  bool send_down();
  bool retire();
  void go_up(UnderWay& way);
  void go_across(UnderWay& way);
  void go_down(UnderWay& way);
  [[nodiscard]] bool may_go_down(const UnderWay& way);
  void place_partial(UnderWay& way) const;
  [[nodiscard]] bool is_leader(const UnderWay& way) const { return levels_.local_rank() == way.leader; }
  [[nodiscard]] bool is_roots_node(const UnderWay& way) const;
  [[nodiscard]] int local_root(const UnderWay& way) const { return levels_.layout.local_of(way.part.root); }
  [[nodiscard]] WorkPtr post(PostingCommunicator& group, OpKind kind, Buffer input, Buffer output, int root);
  [[nodiscard]] static bool is_done(const WorkPtr& work);

  Levels& levels_;
  const Operation operation_;
  const Parts parts_;
  const std::int64_t agreements_;   // parts before the first one, which carry nothing
  std::deque<UnderWay> under_way_;  // parts [retired_, up_)
  std::int64_t up_ = 0;
  std::int64_t down_ = 0;
  std::int64_t retired_ = 0;
};

}  // namespace trireme::collectives
