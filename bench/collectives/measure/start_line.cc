#include "start_line.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <system_error>
#include <utility>

namespace trireme::bench {
namespace {

struct alignas(64) Arrival {
  std::atomic<std::uint64_t> round;
};

void sleep_while(std::atomic<std::uint32_t>& word, std::uint32_t value) {
  syscall(SYS_futex, &word, FUTEX_WAIT, value, nullptr, nullptr, 0);
}

void wake_all(std::atomic<std::uint32_t>& word) { syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0); }

int online_cores() { return static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)); }

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

// Plain memory of the page is ordered by the arrivals around it.
struct StartLine::Page {
  alignas(64) std::atomic<std::uint32_t> present;
  alignas(64) std::atomic<std::uint32_t> generation;  // grows when all are present
  std::array<Arrival, kMaxRanks> arrivals;
  std::array<std::int64_t, kMaxRanks> counts;
  std::array<std::array<double, kMaxSamples>, kMaxRanks> samples;
};

std::size_t StartLine::page_bytes() { return sizeof(Page); }

StartLine::StartLine(void* page, int rank, int ranks)
    : page_(static_cast<Page*>(page)), rank_(rank), ranks_(ranks), may_spin_(ranks <= online_cores()) {}

StartLine::StartLine(const std::string& path, int rank, int ranks) : StartLine(nullptr, rank, ranks) {
  const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) throw std::system_error(errno, std::generic_category(), "open " + path);
  void* address = mmap(nullptr, page_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  const int error = errno;
  close(file);
  if (address == MAP_FAILED) throw std::system_error(error, std::generic_category(), "map " + path);
  page_ = static_cast<Page*>(address);
  is_mapped_ = true;
}

StartLine::~StartLine() {
  if (is_mapped_) munmap(page_, page_bytes());
}

void StartLine::wait() {
  wait_for_last();
  meet();
}

void StartLine::wait_for_last() {
  const int spins = may_spin_ ? 2000 : 0;  // tens of microseconds
  const std::uint32_t generation = page_->generation.load(std::memory_order_acquire);
  if (page_->present.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<std::uint32_t>(ranks_)) {
    page_->present.store(0, std::memory_order_relaxed);
    page_->generation.store(generation + 1, std::memory_order_release);
    wake_all(page_->generation);
    return;
  }
  for (int i = 0; i < spins; ++i) {
    if (page_->generation.load(std::memory_order_acquire) != generation) return;
    pause_briefly();
  }
  while (page_->generation.load(std::memory_order_acquire) == generation) sleep_while(page_->generation, generation);
}

void StartLine::meet() {
  constexpr int kSpinsBeforeYield = 20000;
  page_->arrivals[static_cast<std::size_t>(rank_)].round.store(++round_, std::memory_order_release);
  for (int other = 0; other < ranks_; ++other) {
    const auto& arrival = page_->arrivals[static_cast<std::size_t>(other)].round;
    int spins = may_spin_ ? 0 : kSpinsBeforeYield;
    while (arrival.load(std::memory_order_acquire) < round_) {
      if (spins < kSpinsBeforeYield) {
        ++spins;
        pause_briefly();
      } else {
        sched_yield();
      }
    }
  }
}

std::vector<double> StartLine::largest_of_each(const std::vector<double>& samples) {
  auto& own = page_->samples[static_cast<std::size_t>(rank_)];
  std::copy(samples.begin(), samples.end(), own.begin());
  wait();
  std::vector<double> largest(samples);
  for (int other = 0; other < ranks_; ++other) {
    const auto& theirs = page_->samples[static_cast<std::size_t>(other)];
    std::transform(largest.begin(), largest.end(), theirs.begin(), largest.begin(),
                   [](double a, double b) { return std::max(a, b); });
  }
  wait();  // nobody writes the next values before all have read these
  return largest;
}

double StartLine::largest(double value) { return largest_of_each({value}).front(); }

std::int64_t StartLine::sum(std::int64_t value) {
  page_->counts[static_cast<std::size_t>(rank_)] = value;
  wait();
  std::int64_t total = 0;
  for (int other = 0; other < ranks_; ++other) total += page_->counts[static_cast<std::size_t>(other)];
  wait();
  return total;
}

void pin_to_core(int rank, int ranks) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  std::vector<int> cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &allowed)) cores.push_back(core);
  }
  if (std::cmp_greater(ranks, cores.size())) return;
  cpu_set_t own;
  CPU_ZERO(&own);
  CPU_SET(cores[static_cast<std::size_t>(rank)], &own);
  if (sched_setaffinity(0, sizeof own, &own) != 0) {
    throw std::system_error(errno, std::generic_category(), "pin rank " + std::to_string(rank) + " to a core");
  }
}

}  // namespace trireme::bench
