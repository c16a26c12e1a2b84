#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "deferred/deferred_values.h"
#include "parallel/finite_watch.h"
#include "parallel/gradient_reducer.h"
#include "parallel/gradient_store.h"
#include "parallel/replica.h"
#include "parallel/step_agreement.h"
#include "precision/masters.h"
#include "precision/nonfinite_policy.h"
#include "trireme/runtime/parallel.h"
#include "zero/parameter_store.h"
#include "zero/shard_groups.h"
#include "zero/shard_transfer.h"
#include "zero/unit_map.h"
#include "zero/unit_parameters.h"

namespace trireme {

// What a Parallel is made of, and what happens between its public calls.
struct ParallelModule::State {
  State(std::shared_ptr<torch::nn::Module> wrapped, TrainContext& context, const ParallelOptions& wishes);

  std::vector<BucketLayout> plan_and_convert();
  // Of gradients, in the order in which they come.
  [[nodiscard]] std::vector<BucketLayout> plan_gradients(const std::vector<std::size_t>& order) const;
  std::unique_ptr<GradientStore> make_gradients(const std::vector<BucketLayout>& layout);
  std::unique_ptr<ParameterStore> make_parameter_store();
  // What it costs that a model whose parameters are gathered has no units.
  void warn_without_units() const;
  void make_parts();
  void find_sums();
  void follow_gradient_order();
  void send_buffers();
  void sum_sparse_gradients();
  void share_parts();
  // Collective. A bucket, of this rank's block of it.
  [[nodiscard]] at::Tensor whole(const at::Tensor& block) const {
    return options.zero == Zero::kOff ? block : gather_blocks(groups, block, options.timeout);
  }
  [[nodiscard]] at::Tensor cut_out(std::size_t parameter, const BucketPlace& place, const at::Tensor& bucket) const;
  // This rank's share of the squares: of the elements that no other rank counts.
  [[nodiscard]] double own_squares() const;
  void agree();
  void hand_out_gradients();
  void run_backward(const at::Tensor& loss, double weight);
  // What the optimizers do with the sums is done.
  void end_step();
  // Makes what the model computes with from a part's master, where it has one.
  void round_master(std::size_t part) const {
    if (live[part].defined()) live[part].copy_(parts[part].values);
  }
  // Collective. Rounds what has masters, and shows it to all ranks.
  void publish_all();

  const ParallelOptions options;
  NonfinitePolicy policy;
  std::shared_ptr<torch::nn::Module> module;
  ShardGroups groups;
  Replica replica;
  std::vector<NamedParameter> parameters;           // trainable
  std::vector<NamedParameter> untrained;            // the others
  std::vector<std::shared_ptr<InitTape>> deferred;  // by parameter; null for those that came with values
  UnitMap units;
  std::optional<Masters> masters;     // where the precision is not kFloat32, or optimizers work on the host
  std::vector<bool> is_sparse;        // by parameter
  std::vector<BucketLayout> buckets;  // of parameters: never changes, because parts and what is kept by part follow
  // Of gradients. Note [gradient order]: with Zero::kOff they are laid out anew after the first step, in the order in
  // which rank 0's gradients came; the sums do not depend on it. With ZeRO a rank's shard is its block of a bucket, for
  // gradients, parameters and optimizer state alike, and the optimizer may have state by then, so the buckets stay.
  std::vector<BucketLayout> gradient_buckets;
  bool knows_order = false;
  bool buffers_are_due = true;        // no forward pass since the last step
  UnitParameters* sharded = nullptr;  // `store`, where it gathers units
  std::unique_ptr<GradientStore> gradients;
  std::unique_ptr<ParameterStore> store;
  GradientReducer reducer;

  std::vector<ParameterPart> parts;
  std::vector<at::Tensor> live;          // by part: what its master is rounded into; undefined without one
  std::vector<at::Tensor> sparse_sums;   // by parameter; of those with sparse gradients, after a step
  std::vector<at::Tensor> sums;          // by part: its gradient, whether used or not
  std::vector<std::size_t> part_bucket;  // by part, ascending
  std::vector<PartSlice> slices;
  std::vector<at::Tensor> counted;  // the sums that this rank owns
  StepAgreement agreed;
  bool holds_sums = false;
  bool has_trimmed = false;
  FiniteWatch losses;       // of the passes since the last step
  bool handed_out = false;  // some parameter has a gradient for torch::optim
  int no_sync_guards = 0;
};

}  // namespace trireme
