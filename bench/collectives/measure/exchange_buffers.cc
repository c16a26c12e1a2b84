#include "exchange_buffers.h"

#include <stdexcept>
#include <string>

#include "pattern.h"

namespace trireme::bench {

Exchange lay_out(Operation operation, std::int64_t count, int rank, int ranks, float* first, float* second) {
  Exchange exchange{operation, count, first, second != nullptr ? second : first};
  if (second != nullptr) return exchange;
  const std::int64_t own_block = rank * (count / ranks);
  if (operation == Operation::kReduceScatter) exchange.output = first + own_block;
  if (operation == Operation::kAllGather) exchange.input = first + own_block;
  return exchange;
}

ExchangeBuffers::ExchangeBuffers(System& system, const Request& request, int rank, int ranks)
    : rank_(rank), ranks_(ranks) {
  const Operation operation = request.operation;
  const auto count = request.bytes / static_cast<std::int64_t>(sizeof(float));
  if (request.bytes % static_cast<std::int64_t>(sizeof(float)) != 0 ||
      (is_blockwise(operation) && count % ranks != 0)) {
    throw std::invalid_argument(std::to_string(request.bytes) + " bytes cannot be cut into " + std::to_string(ranks) +
                                " blocks of floats");
  }
  const Extents sizes = extents(operation, count, ranks, system.prefers_in_place(operation));
  if (sizes.input > 0) first_ = system.allocate(sizes.input, request.kind);
  if (sizes.output > 0) second_ = system.allocate(sizes.output, request.kind);
  exchange_ = lay_out(operation, count, rank, ranks, first_.get(), second_.get());
}

void ExchangeBuffers::produce(std::int64_t iteration) {
  const std::int64_t block = exchange_.count / ranks_;
  switch (exchange_.operation) {
    case Operation::kAllReduce:
    case Operation::kReduce:
    case Operation::kReduceScatter:
    case Operation::kAllToAll:
    case Operation::kSendReceive:
      write_pattern(exchange_.input, 0, exchange_.count, {rank_, iteration});
      return;
    case Operation::kAllGather:
    case Operation::kGather:
      write_pattern(exchange_.input, 0, block, {rank_, iteration});
      return;
    case Operation::kBroadcast:
    case Operation::kScatter:
      if (rank_ == kRoot) write_pattern(exchange_.input, 0, exchange_.count, {rank_, iteration});
      return;
    case Operation::kBarrier:
      return;
  }
}

// Block s of the output holds rank s's elements from `first`.
std::int64_t ExchangeBuffers::count_wrong_blocks(std::int64_t first, std::int64_t iteration) const {
  const std::int64_t block = exchange_.count / ranks_;
  std::int64_t wrong = 0;
  for (int source = 0; source < ranks_; ++source) {
    wrong += count_wrong_copies(exchange_.output + source * block, first, block, {source, iteration});
  }
  return wrong;
}

std::int64_t ExchangeBuffers::count_wrong(std::int64_t iteration) const {
  const std::int64_t count = exchange_.count;
  const std::int64_t block = count / ranks_;
  switch (exchange_.operation) {
    case Operation::kAllReduce:
      return count_wrong_sums(exchange_.output, 0, count, ranks_, iteration);
    case Operation::kReduce:
      return rank_ == kRoot ? count_wrong_sums(exchange_.output, 0, count, ranks_, iteration) : 0;
    case Operation::kReduceScatter:
      return count_wrong_sums(exchange_.output, rank_ * block, block, ranks_, iteration);
    case Operation::kAllGather:
      return count_wrong_blocks(0, iteration);
    case Operation::kGather:
      return rank_ == kRoot ? count_wrong_blocks(0, iteration) : 0;
    case Operation::kBroadcast:
      return count_wrong_copies(exchange_.output, 0, count, {kRoot, iteration});
    case Operation::kScatter:
      return count_wrong_copies(exchange_.output, rank_ * block, block, {kRoot, iteration});
    case Operation::kAllToAll:
      return count_wrong_blocks(rank_ * block, iteration);
    case Operation::kSendReceive:
      return count_wrong_copies(exchange_.output, 0, count, {(rank_ + ranks_ - 1) % ranks_, iteration});
    case Operation::kBarrier:
      return 0;
  }
  return 0;
}

}  // namespace trireme::bench
