#include "pattern.h"

namespace trireme::bench {
namespace {

// 16 bits, so that 255 ranks' sums stay below 2^24.
std::int32_t position_part(std::uint32_t element) {
  return static_cast<std::int32_t>((element ^ (element >> 16)) & 0xFFFFU);
}

std::int32_t contribution_part(int rank, std::int64_t iteration) {
  return static_cast<std::int32_t>((rank * 5 + iteration * 3) & 63);
}

// Compares with scale * position + offset.
std::int64_t count_wrong(const float* data, std::int64_t first, std::int64_t count, std::int32_t scale,
                         std::int32_t offset) {
  constexpr std::int64_t kChunk = 1 << 20;  // a 32-bit counter vectorises
  std::int64_t wrong = 0;
  for (std::int64_t begin = 0; begin < count; begin += kChunk) {
    const std::int64_t end = begin + kChunk < count ? begin + kChunk : count;
    std::int32_t wrong_in_chunk = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      const auto expected = static_cast<float>(scale * position_part(static_cast<std::uint32_t>(first + i)) + offset);
      wrong_in_chunk += data[i] == expected ? 0 : 1;
    }
    wrong += wrong_in_chunk;
  }
  return wrong;
}

}  // namespace

void write_pattern(float* data, std::int64_t first, std::int64_t count, const Contribution& contribution) {
  const std::int32_t offset = contribution_part(contribution.rank, contribution.iteration);
  for (std::int64_t i = 0; i < count; ++i) {
    data[i] = static_cast<float>(position_part(static_cast<std::uint32_t>(first + i)) + offset);
  }
}

std::int64_t count_wrong_copies(const float* data, std::int64_t first, std::int64_t count,
                                const Contribution& contribution) {
  return count_wrong(data, first, count, 1, contribution_part(contribution.rank, contribution.iteration));
}

std::int64_t count_wrong_sums(const float* data, std::int64_t first, std::int64_t count, int ranks,
                              std::int64_t iteration) {
  std::int32_t offset = 0;
  for (int rank = 0; rank < ranks; ++rank) offset += contribution_part(rank, iteration);
  return count_wrong(data, first, count, ranks, offset);
}

}  // namespace trireme::bench
