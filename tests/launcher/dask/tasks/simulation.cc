#include "launcher/dask/tasks/simulation.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "launcher/dask/tasks/text_key.h"

namespace trireme::launcher::dask::simulation {

namespace {

constexpr std::size_t kRecent = 60;
constexpr std::size_t kMostWorkers = 6;
constexpr std::size_t kMostTasks = 250;  // clients wait while there are more

PlacementSettings settings_for(Random& random) {
  PlacementSettings settings;
  settings.fewest_in_flight = 1 + static_cast<std::int64_t>(random() % 3);
  settings.most_in_flight = settings.fewest_in_flight + static_cast<std::int64_t>(random() % 10);
  settings.stealing = random() % 8 != 0;
  return settings;
}

ExceptionWriters writers() {
  const auto bin = [](std::string text) {
    return Opaque{.kind = Opaque::Kind::kBin, .header = Bytes(std::move(text))};
  };
  return {.killed_worker = [bin](const Key&, std::string_view, std::uint32_t) { return bin("KilledWorker"); },
          .actor_lost = [bin](const Key&) { return bin("actor lost"); }};
}

}  // namespace

Simulation::Simulation(std::uint64_t seed)
    : random_(seed), seed_(seed), is_wild_(seed % 3 != 0), scheduler_(*this, settings_for(random_), writers()) {}

Simulation::~Simulation() = default;

void Simulation::run(std::uint64_t events) {
  while (events_ < events && !failure_) step();
  if (!failure_) drain();
}

void Simulation::run_with_death(std::uint64_t events, std::uint64_t death, std::size_t worker) {
  while (events_ < death && !failure_) step();
  if (!failure_ && !workers_.empty()) kill_worker(*workers_[worker % workers_.size()], false);
  run(events);
}

void Simulation::step() {
  now_ += 0.0005 * static_cast<double>(below(10));
  const std::size_t dice = below(1000);
  if (dice < 330) return deliver_to_worker();
  if (dice < 660) return deliver_to_scheduler();
  if (dice < 930) return work();
  if (dice < 960) {
    if (known_tasks() < kMostTasks || chance(0.3)) act_as_client();
    return;
  }
  if (dice < 970) return beat_heart();
  if (dice < 980) return change_worker();
  if (dice < 990) return take_part_in_shuffle();
  now_ += 0.1;
  tell("tick", [this] { scheduler_.tick(now_); });
}

std::size_t Simulation::known_tasks() const {
  const TaskCounts counts = scheduler_.counts();
  return counts.released + counts.waiting + counts.queued + counts.processing + counts.memory + counts.erred;
}

// One event of the scheduler, and the look at everything after it.
void Simulation::tell(const std::string& what, const std::function<void()>& event) {
  if (failure_) return;
  if (recent_.size() < kRecent) {
    recent_.push_back(what);
  } else {
    recent_[events_ % kRecent] = what;
  }
  ++events_;
  ++counts_[what.substr(0, what.find(' '))];
  event();
  const std::vector<std::string> broken = scheduler_.broken_invariants();
  check_tasks_have_one_worker();
  if (!broken.empty()) fail(fmt::format("{} after '{}'", broken.front(), what));
}

void Simulation::fail(const std::string& what) {
  if (failure_) return;
  std::string text = fmt::format("seed {}, event {}: {}\n", seed_, events_, what);
  for (std::uint64_t i = events_ < kRecent ? 0 : events_ - kRecent; i < events_; ++i) {
    if (recent_.size() > i % kRecent) text += fmt::format("  {}\n", recent_[i % kRecent]);
  }
  for (const auto& worker : workers_) text += fmt::format("  {}\n", worker->describe());
  failure_ = text;
}

void Simulation::deliver_to_worker() {
  if (ModelWorker* worker = any_worker()) worker->read_one();
}

void Simulation::deliver_to_scheduler() {
  ModelWorker* worker = any_worker();
  if (worker == nullptr || worker->outbox.empty()) return;
  const FromWorker message = std::move(worker->outbox.front());
  worker->outbox.pop_front();
  tell("heard " + worker->address(), [&] { message(scheduler_, now_); });
}

void Simulation::work() {
  ModelWorker* worker = any_worker();
  if (worker == nullptr) return;
  const std::size_t dice = below(1000);
  if (dice < 350) {
    worker->fetch_one(random_, [this](const std::string& address, const Key& key) {
      const ModelWorker* holder = find_worker(address);
      return holder != nullptr && holder->has_data(key);
    });
  } else if (dice < 650) {
    worker->begin_one(random_);
  } else if (dice < 970) {
    worker->end_one(random_);
  } else if (dice < 985 && is_wild_) {
    worker->repeat_finish(random_);
  } else if (dice < 990 && is_wild_) {
    worker->drop_data(random_);
  }
}

// What a task says while it runs: a transfer begins its shuffle, an output finds that it is on the wrong worker.
void Simulation::take_part_in_shuffle() {
  ModelWorker* worker = any_worker();
  if (worker == nullptr) return;
  const std::string& address = worker->address();
  for (const Key& key : worker->executing()) {
    const auto found = barriers_.find(key);
    if (found == barriers_.end()) continue;
    const Key& barrier = found->second;
    tell("shuffle by " + address, [&] { (void)scheduler_.begin_shuffle(barrier, address, key); });
    const Shuffle* shuffle = scheduler_.find_shuffle(barrier);
    if (shuffle == nullptr || !shuffle->run) continue;
    const std::int64_t run = shuffle->run->number;
    const std::string chosen = shuffle->run->workers[below(shuffle->run->workers.size())];
    if (is_wild_ && chance(0.05)) tell("shuffle anew", [&] { scheduler_.restart_shuffle(barrier, run, now_); });
    tell("pin by " + address, [&] {
      if (scheduler_.pin_output(barrier, run, key, chosen, now_)) behaviour_of(key).reschedules_once = true;
    });
  }
}

void Simulation::change_worker() {
  ModelWorker* worker = any_worker();
  const std::size_t dice = below(100);
  if (worker == nullptr || dice < 30) {
    if (workers_.size() < kMostWorkers) add_worker();
  } else if (dice < 45 && is_wild_) {
    kill_worker(*worker, chance(0.3));
  } else if (dice < 65) {
    worker->set_status(WorkerStatus::kPaused);
  } else if (dice < 70) {
    const WorkerStatus status = WorkerStatus::kClosingGracefully;
    tell("retire " + worker->address(), [&] { scheduler_.set_worker_status(worker->address(), status, now_); });
  } else if (dice < 78) {
    tell("resources " + worker->address(), [&] {
      scheduler_.set_worker_resources(worker->address(), {{"GPU", static_cast<double>(below(3))}}, now_);
    });
  } else {
    worker->set_status(WorkerStatus::kRunning);
  }
}

void Simulation::add_worker(bool can_run_all) {
  const std::uint64_t number = next_name_++;
  WorkerInfo info{.address = fmt::format("tcp://10.0.0.{}:{}", number % 3, 4000 + number),
                  .name = fmt::format("w{}", number % 8),
                  .host = fmt::format("10.0.0.{}", number % 3),
                  .threads = 1 + static_cast<std::int64_t>(below(3)),
                  .memory_limit = chance(0.5) ? 1'000'000 : 0};
  if (can_run_all || chance(0.4)) info.resources["GPU"] = 1 + static_cast<double>(below(2));
  workers_.push_back(
      std::make_unique<ModelWorker>(info, [this](const Key& key) -> Behaviour& { return behaviour_of(key); }));
  tell("join " + info.address, [&] { scheduler_.add_worker(info, now_); });
  workers_.back()->set_status(WorkerStatus::kRunning);
}

void Simulation::kill_worker(ModelWorker& worker, bool expected) {
  const std::string address = worker.address();
  std::erase_if(workers_, [&](const auto& each) { return each.get() == &worker; });
  tell("die " + address, [&] { scheduler_.remove_worker(address, expected, now_); });
}

void Simulation::beat_heart() {
  ModelWorker* worker = any_worker();
  if (worker == nullptr) return;
  const WorkerLoad load{.memory = static_cast<std::int64_t>(below(1'000'000)),
                        .bandwidth = chance(0.5) ? 1e6 * static_cast<double>(1 + below(1000)) : 0,
                        .executing = worker->executing()};
  tell("heartbeat " + worker->address(), [&] { scheduler_.update_load(worker->address(), load, now_); });
  const std::vector<std::string> closable = scheduler_.workers_to_close(std::nullopt);
  if (closable.size() > workers_.size()) fail("more workers are to be closed than there are");
  const double target = 0.001 * static_cast<double>(1 + below(1000));
  if (scheduler_.wanted_workers(target) > known_tasks() + 2 * workers_.size()) fail("too many workers are wanted");
}

ModelWorker* Simulation::any_worker() { return workers_.empty() ? nullptr : workers_[below(workers_.size())].get(); }

ModelWorker* Simulation::find_worker(std::string_view address) {
  for (const auto& worker : workers_) {
    if (worker->address() == address) return worker.get();
  }
  return nullptr;
}

bool Simulation::chance(double probability) { return static_cast<double>(random_() >> 11) * 0x1.0p-53 < probability; }

std::size_t Simulation::below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }

Behaviour& Simulation::behaviour_of(const Key& key) {
  const auto [found, is_new] = behaviours_.try_emplace(key);
  if (is_new) {
    found->second.seconds = 0.0001 * std::pow(10.0, static_cast<double>(below(4)));
    found->second.failures = chance(0.85) ? 0 : chance(0.5) ? 1 : 1000;
    found->second.secedes = chance(0.05);
    found->second.reschedules_once = chance(0.05);
  }
  return found->second;
}

std::string Simulation::summary() const {
  std::string text = fmt::format("seed {}: {} events", seed_, events_);
  for (const auto& [what, count] : counts_) text += fmt::format(", {} {}", count, what);
  return text;
}

}  // namespace trireme::launcher::dask::simulation
