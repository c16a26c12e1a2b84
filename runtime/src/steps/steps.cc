#include "trireme/runtime/steps.h"

#include "steps/step_loop.h"

namespace trireme {

std::int64_t Step::index() const noexcept { return loop_->finished(); }
const Batch& Step::batch() const noexcept { return loop_->batch(); }
void Step::backward(const at::Tensor& loss) { loop_->backward(loss, loop_->batch().samples); }
void Step::backward(const at::Tensor& loss, std::int64_t samples) { loop_->backward(loss, samples); }
const StepReport& Step::update() { return loop_->update(); }

Steps::Steps(TrainContext& context, ParallelModule& parallel, Optimizer& optimizer, BatchSource& batches,
             StateKeeper* keeper, StepsOptions options)
    : loop_(std::make_unique<StepLoop>(context, parallel, optimizer, batches, keeper, std::move(options))),
      step_(*loop_) {}

Steps::~Steps() = default;
Steps::Steps(Steps&&) noexcept = default;

Steps::Iterator Steps::begin() {
  loop_->start();
  return Iterator(this);
}

const StepReport& Steps::last() const noexcept { return loop_->report(); }

Step& Steps::Iterator::operator*() const { return steps_->step_; }

Steps::Iterator& Steps::Iterator::operator++() {
  steps_->loop_->move_on();
  return *this;
}

bool Steps::Iterator::operator==(std::default_sentinel_t) const noexcept { return steps_->loop_->is_done(); }

}  // namespace trireme
