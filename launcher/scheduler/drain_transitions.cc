#include <algorithm>

#include "scheduler/step.h"
#include "trireme/base/message.h"

// Taking nodes out of use and back.
namespace trireme::launcher::detail {

void Step::on(const DrainRequested& event) {
  Node* drained = node(event.node);
  if (drained == nullptr) return;
  if (!drained->is_draining) note("node_draining", *drained);
  drained->is_draining = true;
  drained->cancel_at.reset();
  if (event.cancel_after) drained->cancel_at = now_ + *event.cancel_after;
  effects_.emplace_back(RecordDrain{event.node});
}

void Step::on(const UndrainRequested& event) {
  Node* drained = node(event.node);
  if (drained == nullptr || !drained->is_draining) return;
  drained->is_draining = false;
  drained->cancel_at.reset();
  note("node_undrained", *drained);
  effects_.emplace_back(RecordDrain{event.node});
  place_queued();
}

void Step::cancel_runs_on(const std::string& node) {
  std::vector<std::string> there;
  for (const Run& run : state_.runs) {
    const bool has_part =
        std::any_of(run.shares.begin(), run.shares.end(), [&](const Share& share) { return share.node == node; });
    if (has_part && !has_ended(run.status)) there.push_back(run.id);
  }
  for (const std::string& run_id : there) on(CancelRequested{run_id, false, message("{} is drained", node)});
}

}  // namespace trireme::launcher::detail
