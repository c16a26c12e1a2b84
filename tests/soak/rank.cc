#include "rank.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <deque>
#include <fstream>
#include <memory>
#include <string>

#include "groups.h"
#include "memory.h"
#include "posted_call.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::soak {

namespace {

using collectives::Communicator;
using std::chrono::milliseconds;

constexpr milliseconds kPatience{30'000};
constexpr std::size_t kArenaBytes = std::size_t{6} << 20;

std::string kind_of(const CommError& error) {
  if (dynamic_cast<const TimeoutError*>(&error) != nullptr) return "timeout";
  if (dynamic_cast<const MismatchError*>(&error) != nullptr) return "mismatch";
  if (const auto* lost = dynamic_cast<const PeerLostError*>(&error)) return message("lost{}", lost->rank());
  return "communication";
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  while (folder != nullptr && ::readdir(folder) != nullptr) ++count;
  if (folder != nullptr) ::closedir(folder);
  return count;
}

// Mappings of segments and arenas, by memfd or by name.
std::string shared_mapping() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("memfd:trireme") != std::string::npos || line.find("/dev/shm/") != std::string::npos) return line;
  }
  return {};
}

class Round {
 public:
  Round(const Plan& plan, const trireme::test::ProcessRank& rank, SharedMoments& moments)
      : plan_(plan), rank_(rank), moments_(moments), store_(rank.connect()) {}

  int run() {
    const auto descriptors = open_descriptors();
    {
      call_until_failure();
      if (is_victim() && !is_mismatch(plan_.injection)) return 0;
      go_on_with_survivors();
      memory_.reset();
    }
    if (const auto mapping = shared_mapping(); !mapping.empty()) rank_.report("left mapping " + mapping);
    if (open_descriptors() != descriptors) {
      rank_.report(message("left {} descriptors where {} were", open_descriptors(), descriptors));
    }
    rank_.report("done");
    return 0;
  }

 private:
  [[nodiscard]] bool is_victim() const { return rank_.rank() == plan_.victim; }

  void form() {
    const auto die_at_stage = [&](std::size_t stage) {
      if (plan_.injection == Injection::kKilledForming && is_victim() && plan_.at % 3 == stage) die();
    };
    die_at_stage(0);
    world_ = make_group(*store_, {plan_.backend, "world", rank_.rank(), rank_.size(), -1, plan_.staging_bytes});
    die_at_stage(1);
    half_ = world_->split(rank_.rank() % 2, rank_.rank());
    die_at_stage(2);
    memory_ = std::make_unique<CallMemory>(*world_, kArenaBytes);
    rank_.report("ready");
  }

  void call_until_failure() {
    try {
      form();
      call_all();
      rank_.report("wrong: every call ended well");
    } catch (const CommError& error) {
      give_up(error, now_ns());
    }
    pending_.clear();
    // Whoever leaves early would be the reason that others see.
    leave_together(is_hang(plan_.injection) ? plan_.ranks - 1 : plan_.ranks - (is_kill(plan_.injection) ? 1 : 0));
    half_.reset();
    world_.reset();
  }

  // A post on a communicator that just died says only that; the works that it killed say why. Who failed in one
  // communicator aborts the other: members of the same half may wait there for a rank that gave up on the world.
  void give_up(const CommError& error, std::int64_t time) {
    for (const auto& call : pending_) {
      try {
        if (const auto cause = call.error()) std::rethrow_exception(cause);
      } catch (const CommError& cause) {
        return report_failure(cause, time);
      }
    }
    report_failure(error, time);
  }
  void report_failure(const CommError& error, std::int64_t time) {
    rank_.report(message("failed {} {} {}", kind_of(error), time, error.what()));
    if (half_) half_->abort(error.what());
    if (world_) world_->abort(error.what());
  }

  void call_all() {
    do {
      for (std::size_t index = 0; index < plan_.calls.size(); ++index) {
        if (index == plan_.at && is_victim()) inject();
        post(index);
        if (index == plan_.at && is_victim() && plan_.injection == Injection::kKilledInside) die();
        while (std::cmp_greater_equal(pending_.size(), plan_.in_flight)) wait_for_oldest();
      }
      while (!pending_.empty()) wait_for_oldest();
      // Everybody meets whoever is missing here at the latest.
      world_->barrier({.timeout = timeout()});
    } while (plan_.injection == Injection::kKilledAnytime);
  }

  // Long where nothing may time out, so that a busy machine does not look like a rank that hangs.
  [[nodiscard]] milliseconds timeout() const { return is_hang(plan_.injection) ? plan_.timeout : kPatience; }

  [[nodiscard]] const Call& call_at(std::size_t index) const {
    if (!is_victim() || !is_mismatch(plan_.injection)) return plan_.calls[index];
    if (index == plan_.at) return plan_.instead;
    const bool is_swapped = plan_.injection == Injection::kOtherOrder && index == plan_.at + 1;
    return plan_.calls[is_swapped ? plan_.at : index];
  }

  void post(std::size_t index) {
    const auto& call = call_at(index);
    auto& group = call.on_half ? *half_ : *world_;
    const std::uint64_t salt = call.on_half ? 1000 + static_cast<std::uint64_t>(rank_.rank() % 2) : 0;
    const bool is_before = index + static_cast<std::size_t>(plan_.in_flight) < plan_.at;
    pending_.emplace_back(group, *memory_, call, salt, is_before ? kPatience : timeout());
  }

  void wait_for_oldest() {
    pending_.front().wait();
    pending_.pop_front();
    if (pending_.empty()) memory_->release_all();
  }

  void inject() {
    if (plan_.injection == Injection::kKilled) die();
    if (plan_.injection == Injection::kStopped) stop();
    if (plan_.injection == Injection::kSilent) stay_away();
  }
  [[noreturn]] void die() {
    moments_.injected.store(now_ns());
    std::raise(SIGKILL);
    std::abort();
  }
  void stop() {
    moments_.injected.store(now_ns());
    std::raise(SIGSTOP);
  }
  // Comes when all others have given up: the call must fail then, not hang.
  void stay_away() {
    moments_.injected.store(now_ns());
    (void)store_->get("everybody gave up", kPatience);
  }

  void leave_together(int survivors) {
    if (is_victim() && !is_mismatch(plan_.injection)) return;
    if (store_->add("gave up", 1) == survivors) store_->set("everybody gave up", "");
    (void)store_->get("everybody gave up", kPatience);
  }

  void go_on_with_survivors() {
    const bool is_victim_gone = !is_mismatch(plan_.injection);
    const int rank = rank_.rank() - (is_victim_gone && rank_.rank() > plan_.victim ? 1 : 0);
    const int size = plan_.ranks - (is_victim_gone ? 1 : 0);
    const auto group =
        make_group(*store_, {plan_.backend, "afterwards", rank, size, rank_.rank(), plan_.staging_bytes});
    rank_.report("rebuilt");
    if (!memory_) memory_ = std::make_unique<CallMemory>(*group, kArenaBytes);
    memory_->release_all();
    for (Call call : plan_.afterwards) {
      call.on_half = false;
      PostedCall(*group, *memory_, call, 0, kPatience).wait();
    }
    group->barrier({.timeout = kPatience});
  }

  const Plan& plan_;
  const trireme::test::ProcessRank& rank_;
  SharedMoments& moments_;
  const std::unique_ptr<TcpStore> store_;
  std::unique_ptr<Communicator> world_;
  std::unique_ptr<Communicator> half_;
  std::unique_ptr<CallMemory> memory_;
  std::deque<PostedCall> pending_;
};

}  // namespace

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int run_rank(const Plan& plan, const trireme::test::ProcessRank& rank, SharedMoments& moments) try {
  return Round(plan, rank, moments).run();
} catch (const std::exception& error) {
  rank.report(std::string("wrong: ") + error.what());
  return 1;
}

}  // namespace trireme::soak
