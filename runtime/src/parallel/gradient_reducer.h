#pragma once

#include <torch/csrc/autograd/function.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "parallel/bucket_plan.h"
#include "parallel/finite_watch.h"
#include "parallel/gradient_store.h"
#include "tensors/tensor_stream.h"
#include "trireme/runtime/parallel.h"

namespace trireme {

// Collects gradients into buckets and reduces each bucket as soon as it is full.
//
// Note [bucket order]. Every rank posts buckets 0, 1, 2, … in this order, because collectives match by order. Gradients
// may become ready in another order, so a full bucket waits until all before it are posted; a parameter that backward
// does not reach is only known at its end, where reduce_rest() counts it as zero and posts what is left.
//
// Note [used parameters]. A parameter that no rank used gets no gradient, since a zero gradient would still decay and
// move it. So after the buckets the ranks add up, in one small reduction, who used what and the squares of the
// gradients.
//
// Not thread-safe: autograd hooks, begin() and reduce_rest() must run on one thread at a time.
// If any reduction fails, the reducer is unusable and the hook or reduce_rest() throws.
class GradientReducer {
 public:
  // `buckets` places `parameters`; `store`, which must outlive this, sums them. Parameters without a place have sparse
  // gradients, which stay theirs: the caller sums them.
  GradientReducer(std::vector<NamedParameter> parameters, const std::vector<BucketLayout>& buckets,
                  GradientStore& store);
  ~GradientReducer();
  GradientReducer(const GradientReducer&) = delete;
  GradientReducer& operator=(const GradientReducer&) = delete;

  // What a gradient that arrives means.
  enum class Mode {
    kRejected,    // outside of ParallelModule::backward(): an error
    kAccumulate,  // stays on this rank
    kReduce,      // its bucket is reduced once full
    kDiscard,     // nothing: a pass that is run for its gathers only
  };
  // Starts a backward pass. For kReduce, reduce_rest() follows it, and no bucket is posted before it unless
  // `posts_early`.
  void begin(Mode mode, bool posts_early = true);
  // The backward pass is over: posts what is left and waits for everything.
  void reduce_rest();
  // The backward pass ended, also by an exception.
  void end() noexcept { mode_ = Mode::kRejected; }
  void drop_gradients();
  // Between passes: goes on with other buckets in another store, and takes what is in the old ones along. Only where
  // stores keep gradients.
  void move_to(const std::vector<BucketLayout>& buckets, GradientStore& store);

  // Gradients that this rank computed since drop_gradients(), by parameter.
  [[nodiscard]] const std::vector<bool>& used() const noexcept { return used_; }
  // Of a parameter, shaped like it, in memory that stays; only where the store keeps gradients.
  [[nodiscard]] const at::Tensor& gradient(std::size_t parameter) const { return places_[parameter].gradient; }

  // Parameters in the order in which their gradients came in the last pass for kReduce.
  [[nodiscard]] const std::vector<std::size_t>& arrived() const noexcept { return arrived_; }

  [[nodiscard]] const std::vector<NamedParameter>& parameters() const noexcept { return parameters_; }
  [[nodiscard]] const BackwardTimes& times() const noexcept { return times_; }
  // Put into reductions so far.
  [[nodiscard]] std::int64_t reduced_bytes() const noexcept { return reduced_bytes_; }
  [[nodiscard]] const CollectiveStatus& last_collective() const noexcept { return last_collective_; }
  // The first gradient in this step that had a value that is not finite, on this rank, before any reduction, by
  // parameter. On a GPU this waits for the gradients.
  [[nodiscard]] std::optional<FiniteWatch::Sight> first_nonfinite() { return watch_.first(); }
  void record_trace(std::vector<TraceEntry>* trace) noexcept { trace_ = trace; }

 private:
  static constexpr std::size_t kNone = SIZE_MAX;

  struct Bucket {
    std::vector<std::size_t> parameters;
    std::size_t missing = 0;  // parameters whose gradient is not there yet
    std::int64_t bytes = 0;
    WriterStreams writers = {};
  };
  struct Place {
    std::size_t bucket = kNone;
    std::int64_t offset = 0;  // in elements of the bucket
    at::Tensor gradient;      // view of the bucket, shaped like the parameter; only where the store keeps gradients
    bool ready = false;
  };
  struct Hook {
    std::shared_ptr<torch::autograd::Node> accumulator;  // tensors hold it weakly; it must live for the hook to fire
    std::uintptr_t key = 0;
  };

  void lay_out(const std::vector<BucketLayout>& buckets);
  void install_hooks();
  void on_gradient(std::size_t parameter);
  [[nodiscard]] at::Tensor view_in_bucket(std::size_t parameter);
  void take_into_bucket(std::size_t parameter);
  void take_sparse(std::size_t parameter);
  void mark_ready(std::size_t parameter);
  void post_full_buckets();
  void fill_missing();
  void wait_for_all();
  void note(TraceEvent event, std::size_t index);

  std::vector<NamedParameter> parameters_;
  GradientStore* store_;
  std::vector<Bucket> buckets_;
  std::vector<Place> places_;
  std::vector<bool> used_;
  std::vector<std::size_t> arrived_;
  FiniteWatch watch_;  // gradients since drop_gradients()
  std::vector<Hook> hooks_;
  Mode mode_ = Mode::kRejected;
  bool may_post_ = true;
  std::size_t posted_ = 0;  // buckets posted in this pass
  BackwardTimes times_;
  CollectiveStatus last_collective_;
  std::int64_t reduced_bytes_ = 0;
  std::vector<TraceEntry>* trace_ = nullptr;
};

}  // namespace trireme
