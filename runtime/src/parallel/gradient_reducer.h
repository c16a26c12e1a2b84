#pragma once

#include <torch/csrc/autograd/function.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "parallel/bucket_plan.h"
#include "trireme/runtime/parallel.h"

namespace trireme {

// Collects gradients into buckets and reduces each bucket as soon as it is full.
//
// Note [bucket order]. Every rank posts buckets 0, 1, 2, … in this order, because collectives match by order. Gradients
// may become ready in another order, so a full bucket waits until all before it are posted; a parameter that backward
// does not reach is only known at its end, where finish() counts it as zero and posts what is left.
//
// Note [used parameters]. Behind the gradients of the last bucket lies one number a parameter: 1 where this rank has a
// gradient. Its sum tells every rank which parameters nobody used; those get no gradient, since a zero gradient would
// still decay and move them. The last bucket is posted last, so all of it is known by then.
//
// Not thread-safe: autograd hooks, begin() and finish() must run on one thread at a time.
// If any reduction fails, the reducer is unusable and the hook or finish() throws.
class GradientReducer {
 public:
  // Collective: allocates from `communicator`.
  GradientReducer(std::vector<NamedParameter> parameters, collectives::Communicator& communicator,
                  const ParallelOptions& options);
  ~GradientReducer();
  GradientReducer(const GradientReducer&) = delete;
  GradientReducer& operator=(const GradientReducer&) = delete;

  // What a gradient that arrives means.
  enum class Mode {
    kRejected,    // outside of ParallelModule::backward(): an error
    kAccumulate,  // stays on this rank
    kReduce,      // its bucket is reduced once full
  };
  // Starts a backward pass. For kReduce, finish() ends it.
  void begin(Mode mode);
  // The backward pass is over: posts what is left, waits for everything, hands out the sums.
  void finish();
  // The backward pass ended without finish(): accumulation, or an exception.
  void end() noexcept { mode_ = Mode::kRejected; }
  void drop_gradients();
  // Reduced gradients are still in place.
  [[nodiscard]] bool holds_sums() const;

  [[nodiscard]] const std::vector<NamedParameter>& parameters() const noexcept { return parameters_; }
  [[nodiscard]] const BackwardTimes& times() const noexcept { return times_; }
  [[nodiscard]] const CollectiveStatus& last_collective() const noexcept { return last_collective_; }
  // This rank's own gradients, before the last reduction, had a value that is not finite.
  [[nodiscard]] bool had_nonfinite_input() const;
  void record_trace(std::vector<TraceEntry>* trace) noexcept { trace_ = trace; }

 private:
  struct Bucket {
    at::Tensor values;  // gradients with padding; in the last bucket the used numbers follow
    std::vector<std::size_t> parameters;
    std::size_t missing = 0;  // parameters whose gradient is not there yet
    at::Tensor input_sum;     // of this rank's values, not finite when one of them is not
    collectives::WorkPtr work;
  };
  struct Place {
    std::size_t bucket = 0;
    at::Tensor gradient;  // view of the bucket, shaped like the parameter
    bool ready = false;
  };
  struct Hook {
    std::shared_ptr<torch::autograd::Node> accumulator;  // tensors hold it weakly; it must live for the hook to fire
    std::uintptr_t key = 0;
  };

  void lay_out(const ParallelOptions& options);
  void make_views(const std::vector<BucketLayout>& layouts);
  void install_hooks();
  void on_gradient(std::size_t parameter);
  void take_into_bucket(std::size_t parameter);
  void mark_ready(std::size_t parameter);
  void post_full_buckets();
  void post(Bucket& bucket);
  void write_used();
  void wait_for_all();
  void hand_out_sums();
  void note(TraceEvent event, std::size_t index);

  std::vector<NamedParameter> parameters_;
  collectives::Communicator& communicator_;
  collectives::Timeout timeout_;
  std::vector<Bucket> buckets_;
  std::vector<Place> places_;
  at::Tensor used_;  // the tail of the last bucket
  std::vector<Hook> hooks_;
  Mode mode_ = Mode::kRejected;
  std::size_t posted_ = 0;  // buckets posted in this pass
  bool reduced_ = false;
  BackwardTimes times_;
  CollectiveStatus last_collective_;
  std::vector<TraceEntry>* trace_ = nullptr;
};

}  // namespace trireme
