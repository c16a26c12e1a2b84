#include "roof_system.h"

#include <stdexcept>

namespace trireme::bench {

RoofShared::RoofShared(int threads)
    : ranks(threads), start_page(StartLine::page_bytes()), end_page(StartLine::page_bytes()) {}

RoofSystem::RoofSystem(RoofShared& shared, const Kernel& kernel, int rank)
    : shared_(shared), kernel_(kernel), end_(shared.end_page.data(), rank, shared.ranks), rank_(rank) {}

Region RoofSystem::allocate(std::int64_t count, BufferKind) {
  Region memory = allocate_foreign(count);
  shared_.buffers[static_cast<std::size_t>(rank_)] = memory.get();
  end_.wait();
  return memory;
}

void RoofSystem::run(const Exchange& exchange) {
  constexpr std::int64_t kLine = 16;  // floats of a cache line: no two threads write one
  const std::int64_t ranks = shared_.ranks;
  const std::int64_t block = exchange.count / ranks;
  const auto bound = [&](std::int64_t rank) {
    return rank == ranks ? exchange.count : exchange.count * rank / ranks / kLine * kLine;
  };
  Slice slice{shared_.buffers.data(), shared_.ranks, rank_ * block, (rank_ + 1) * block};
  switch (exchange.operation) {
    case Operation::kAllReduce:
      slice.begin = bound(rank_);
      slice.end = bound(rank_ + 1);
      kernel_.sum_into_all(slice);
      break;
    case Operation::kReduceScatter:
      kernel_.sum_into_one(slice, rank_);
      break;
    case Operation::kAllGather:
      kernel_.copy_to_others(slice, rank_);
      break;
    default:
      throw std::invalid_argument("the roof probe does all_reduce, reduce_scatter and all_gather");
  }
  end_.meet();
}

bool has_roof(Operation operation) {
  return operation == Operation::kAllReduce || operation == Operation::kReduceScatter ||
         operation == Operation::kAllGather;
}

double bytes_moved(Operation operation, double bytes, int ranks) {
  switch (operation) {
    case Operation::kAllReduce:
      return 2 * bytes * ranks;
    case Operation::kReduceScatter:
      return bytes * ranks + bytes;
    default:
      return 2 * bytes * (ranks - 1);
  }
}

}  // namespace trireme::bench
