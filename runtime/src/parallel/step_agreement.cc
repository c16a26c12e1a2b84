#include "parallel/step_agreement.h"

namespace trireme {

StepAgreement agree_on_step(collectives::Communicator& world, const StepAgreement& own, collectives::Timeout timeout) {
  std::vector<double> numbers{own.squares};
  for (const bool is_used : own.used) numbers.push_back(is_used ? 1 : 0);
  world
      .all_reduce({numbers.data(), static_cast<std::int64_t>(numbers.size()), collectives::Dtype::kFloat64, {}},
                  {.timeout = timeout})
      ->wait();
  StepAgreement agreed{.squares = numbers.front()};
  for (std::size_t i = 1; i < numbers.size(); ++i) agreed.used.push_back(numbers[i] > 0);
  return agreed;
}

}  // namespace trireme
