#include "support/thread_ranks.h"

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "trireme/base/message.h"

namespace trireme::test {

namespace {

// What the ranks' threads tell the one that waits for them.
struct Progress {
  std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  std::vector<bool> is_running;
  std::exception_ptr first_failure;
};

std::exception_ptr failure_of(const ThreadRank& rank, const std::function<void(const ThreadRank&)>& body) {
  try {
    try {
      body(rank);
    } catch (const std::exception& error) {
      throw RankFailure(message("rank {} of {}: {}", rank.rank, rank.size, error.what()));
    }
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

void run_rank(Progress& progress, const ThreadRank& rank, const std::function<void(const ThreadRank&)>& body) {
  auto failure = failure_of(rank, body);
  const std::lock_guard lock(progress.mutex);
  progress.is_running[static_cast<std::size_t>(rank.rank)] = false;
  if (!progress.first_failure) progress.first_failure = std::move(failure);
  progress.changed.notify_one();
}

[[noreturn]] void abort_naming_ranks(const Progress& progress, std::chrono::seconds deadline) {
  std::string running;
  for (std::size_t rank = 0; rank < progress.is_running.size(); ++rank) {
    if (progress.is_running[rank]) running += " " + std::to_string(rank);
  }
  std::fprintf(stderr, "run_thread_ranks: after %lld s these ranks still run:%s\n",
               static_cast<long long>(deadline.count()), running.c_str());
  std::abort();
}

}  // namespace

void run_thread_ranks(int size, const std::function<void(const ThreadRank&)>& body, std::chrono::seconds deadline) {
  InMemoryStore store;
  Progress progress;
  progress.is_running.assign(static_cast<std::size_t>(size), true);
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] { run_rank(progress, {.rank = rank, .size = size, .store = store}, body); });
  }
  {
    std::unique_lock lock(progress.mutex);
    const auto all_done = [&] {
      return std::ranges::none_of(progress.is_running, [](bool running) { return running; });
    };
    if (!progress.changed.wait_for(lock, deadline, all_done)) abort_naming_ranks(progress, deadline);
  }
  threads.clear();
  if (progress.first_failure) std::rethrow_exception(progress.first_failure);
}

}  // namespace trireme::test
