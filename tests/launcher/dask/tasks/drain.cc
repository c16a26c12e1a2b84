// How the simulation ends.
#include <fmt/format.h>

#include "launcher/dask/tasks/simulation.h"

namespace trireme::launcher::dask::simulation {

// With workers that can run everything, everything that is wanted is there in the end or has failed; without clients,
// nothing is.
void Simulation::drain() {
  for (int i = 0; i < 8; ++i) add_worker(true);
  for (const auto& worker : workers_) worker->set_status(WorkerStatus::kRunning);
  work_until_quiet();
  check_all_wanted_is_settled();
  while (!clients_.empty() && !failure_) leave(std::string(clients_.begin()->first));
  for (const auto& [holder, fake] : holders_) {
    const std::vector<Key> keys(fake.wants.begin(), fake.wants.end());
    tell("drop by " + holder, [&] { scheduler_.release_keys(holder, keys, now_); });
  }
  work_until_quiet();
  check_nothing_is_left();
}

void Simulation::work_until_quiet() {
  constexpr int kMostRounds = 20'000;
  int quiet_rounds = 0;
  for (int round = 0; round < kMostRounds && quiet_rounds < 3 && !failure_; ++round) {
    bool is_quiet = true;
    for (const auto& worker : workers_) {
      is_quiet &= !worker->is_busy();
      while (!worker->inbox.empty()) worker->read_one();
      worker->fetch_one(random_, [this](const std::string& address, const Key& key) {
        const ModelWorker* holder = find_worker(address);
        return holder != nullptr && holder->has_data(key);
      });
      worker->begin_one(random_);
      worker->end_one(random_);
      while (!worker->outbox.empty()) {
        const FromWorker message = std::move(worker->outbox.front());
        worker->outbox.pop_front();
        tell("heard " + worker->address(), [&] { message(scheduler_, now_); });
      }
    }
    now_ += 0.1;
    tell("tick", [this] { scheduler_.tick(now_); });
    quiet_rounds = is_quiet ? quiet_rounds + 1 : 0;
  }
  if (quiet_rounds < 3) fail("the workers never come to rest");
}

void Simulation::check_all_wanted_is_settled() {
  for (const auto& [name, fake] : clients_) {
    for (const Key& key : fake.wants) {
      const auto state = scheduler_.state_of(key);
      const std::string what =
          fmt::format("{} wants {}, which is {}", name, key.packed().substr(1), state ? name_of(*state) : "forgotten");
      const bool has_heard_of_error = fake.erred.count(key) != 0;
      if (state != TaskState::kMemory && state != TaskState::kErred) {
        fail(what);
      } else if ((state == TaskState::kErred) != has_heard_of_error) {
        fail(what + ", and has heard something else");
      }
    }
  }
}

void Simulation::check_nothing_is_left() {
  if (scheduler_.counts() != TaskCounts{}) fail("tasks are left that nobody wants");
  for (const WorkerView& view : scheduler_.workers()) {
    if (view.processing != 0 || view.in_memory != 0 || view.held_bytes != 0 || view.occupancy != 0) {
      fail(fmt::format("{} is left with something, as the scheduler sees it", view.address));
    }
  }
  for (const auto& worker : workers_) {
    if (worker->data() != 0) fail(fmt::format("{} is left with data", worker->address()));
  }
}

}  // namespace trireme::launcher::dask::simulation
