#include "parallel/step_agreement.h"

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {

StepAgreement agree_on_step(collectives::Communicator& world, const StepAgreement& own, collectives::Timeout timeout) {
  const double passes = own.passes;
  std::vector<double> numbers{own.squares, passes, passes * passes};
  for (const bool is_used : own.used) numbers.push_back(is_used ? 1 : 0);
  world
      .all_reduce({numbers.data(), static_cast<std::int64_t>(numbers.size()), collectives::Dtype::kFloat64, {}},
                  {.timeout = timeout})
      ->wait();
  // Equal numbers, and only those, have a variance of zero. All of this is exact: the sums are below 2^53.
  if (world.size() * numbers[2] != numbers[1] * numbers[1]) {
    throw MismatchError(
        "The ranks ran the model's units in unlike order or number in this step, so parameters of one unit were taken "
        "for another's. Under Zero::kParameters every rank must run the same units, forward and backward.");
  }
  StepAgreement agreed{.squares = numbers.front(), .passes = own.passes};
  for (std::size_t i = 3; i < numbers.size(); ++i) agreed.used.push_back(numbers[i] > 0);
  return agreed;
}

}  // namespace trireme
