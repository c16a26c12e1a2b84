#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#include "support/thread_ranks.h"
#include "trireme/collectives/shm.h"
#include "trireme/collectives/tcp.h"

// More elements than 32 bits can count, at two ranks: 4.3 GB in all.
namespace trireme::collectives::test {
namespace {

using trireme::test::run_thread_ranks;
using trireme::test::ThreadRank;

constexpr std::int64_t kElements = (std::int64_t{1} << 31) + 4099;
constexpr std::int64_t kPiece = 1 << 20;
constexpr Timeout kPatience = std::chrono::minutes(5);

// Pages come with the first write.
class HugeBytes {
 public:
  HugeBytes()
      : data_(::mmap(nullptr, kElements, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    if (data_ == MAP_FAILED) throw std::bad_alloc();
    ::madvise(data_, kElements, MADV_HUGEPAGE);
  }
  ~HugeBytes() { ::munmap(data_, kElements); }
  HugeBytes(const HugeBytes&) = delete;
  HugeBytes& operator=(const HugeBytes&) = delete;

  [[nodiscard]] Buffer view() { return collectives::view(bytes(), kElements); }
  // Every piece gets a byte of its own, so that a piece in the wrong place shows.
  void fill(int factor) {
    for (std::int64_t at = 0; at < kElements; at += kPiece)
      std::memset(bytes() + at, byte_of(at, factor), length_of(at));
  }
  // The first byte that is not as fill(factor) would have it; -1 when there is none.
  [[nodiscard]] std::int64_t find_wrong(int factor) {
    for (std::int64_t at = 0; at < kElements; at += kPiece) {
      const auto* piece = bytes() + at;
      const auto length = length_of(at);
      if (piece[0] != byte_of(at, factor) || std::memcmp(piece, piece + 1, length - 1) != 0) return at;
    }
    return -1;
  }

 private:
  [[nodiscard]] std::uint8_t* bytes() { return static_cast<std::uint8_t*>(data_); }
  static std::uint8_t byte_of(std::int64_t at, int factor) {
    return static_cast<std::uint8_t>((at / kPiece % 61 + 1) * factor);
  }
  static std::size_t length_of(std::int64_t at) { return static_cast<std::size_t>(std::min(kPiece, kElements - at)); }

  void* data_;
};

template <typename MakeGroup>
void broadcast_and_reduce(MakeGroup&& make_group) {
  run_thread_ranks(
      2,
      [&](const ThreadRank& rank) {
        const auto c = make_group(rank);
        HugeBytes bytes;
        if (rank.rank == 1) bytes.fill(1);
        c->broadcast(bytes.view(), 1, {.timeout = kPatience})->wait();
        EXPECT_EQ(bytes.find_wrong(1), -1) << "broadcast";
        c->all_reduce(bytes.view(), {.timeout = kPatience})->wait();
        EXPECT_EQ(bytes.find_wrong(2), -1) << "all_reduce";
      },
      std::chrono::minutes(6));
}

TEST(HugeBuffers, ShmMovesAndReducesMoreThanTwoToThe31Elements) {
  broadcast_and_reduce([](const ThreadRank& rank) { return make_shm(rank.store, {.rank = rank.rank, .size = 2}); });
}

TEST(HugeBuffers, TcpMovesAndReducesMoreThanTwoToThe31Elements) {
  broadcast_and_reduce([](const ThreadRank& rank) { return make_tcp(rank.store, {.rank = rank.rank, .size = 2}); });
}

}  // namespace
}  // namespace trireme::collectives::test
