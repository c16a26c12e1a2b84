#pragma once

#include <chrono>
#include <functional>

#include "trireme/base/error.h"
#include "trireme/base/store.h"

namespace trireme::test {

// What a rank that is a thread gets: who it is and the store it shares with the others.
struct ThreadRank {
  int rank = 0;
  int size = 1;
  Store& store;
};

// A rank's body threw. what() is "rank 2 of 4: " and the text; rethrow_nested() gives the exception itself.
class RankFailure : public Error, public std::nested_exception {
 public:
  using Error::Error;
};

// Runs `body` once per rank, each in a thread of its own, and waits for all.
//
// Throws RankFailure for the failure that came first in time: the others are often only its consequence. Threads cannot
// be ended from outside, so when `deadline` passes the process names the ranks that are still running and aborts.
void run_thread_ranks(int size, const std::function<void(const ThreadRank&)>& body,
                      std::chrono::seconds deadline = std::chrono::seconds(60));

}  // namespace trireme::test
