#include <algorithm>
#include <array>

#include "trireme/collectives/communicator.h"
#include "trireme/runtime/token_loader.h"

namespace trireme {

double validation_loss(collectives::Communicator& communicator, const TokenLoader& loader,
                       const std::function<double(const Batch&)>& mean_loss) {
  constexpr std::int64_t kTokensPerBatch = 4096;  // bounds the memory of the logits
  const std::int64_t rows = std::max<std::int64_t>(1, kTokensPerBatch / loader.length());
  const std::int64_t own = loader.validation_batches(rows);
  std::int64_t passes = own;
  communicator.all_reduce(collectives::view(&passes, 1), {.op = collectives::ReduceOp::kMax})->wait();
  std::array<double, 2> sums{};  // of losses and of tokens
  for (std::int64_t i = 0; i < passes; ++i) {
    const Batch batch = i < own ? loader.validation_batch(i, rows) : loader.spare_batch();
    const double loss = mean_loss(batch);
    if (i >= own) continue;
    const auto tokens = static_cast<double>(batch.targets.numel());
    sums[0] += loss * tokens;
    sums[1] += tokens;
  }
  communicator.all_reduce(collectives::view(sums.data(), sums.size()))->wait();
  return sums[0] / sums[1];
}

}  // namespace trireme
