// What the simulation's clients do.
#include <algorithm>

#include <fmt/format.h>

#include "launcher/dask/tasks/simulation.h"
#include "launcher/dask/tasks/text_key.h"

namespace trireme::launcher::dask::simulation {

void Simulation::act_as_client() {
  if (clients_.size() < 3 && chance(0.2)) {
    const std::string name = fmt::format("client-{}", next_name_++);
    clients_[name];
    return tell("meet " + name, [&] { scheduler_.add_client(name); });
  }
  if (clients_.empty()) return;
  auto client = clients_.begin();
  std::advance(client, static_cast<std::ptrdiff_t>(below(clients_.size())));
  const std::string name = client->first;
  const std::size_t dice = below(1000);
  if (dice < 330) return submit(name);
  if (dice < 400) return scatter(name);
  if (dice < 700) return release(name);
  if (dice < 760) return cancel(name);
  if (dice < 860) return retry(name);
  if (dice < 970) return desire(name);
  if (dice < 985) return leave(name);
  if (dice < 990) return restart();
}

// Half of the graphs come again, as they do when people run a cell twice: some of it may still be there.
void Simulation::submit(const std::string& client) {
  constexpr std::size_t kRemembered = 6;
  if (submitted_.size() < kRemembered || chance(0.5)) {
    submitted_.push_back(random_graph(client));
    if (submitted_.size() > kRemembered) submitted_.pop_front();
  }
  Graph graph = submitted_[below(submitted_.size())];
  graph.client = client;
  FakeClient& fake = clients_[client];
  // A client that lacks a future of what it names is told so.
  if (chance(0.03)) add_task(graph, fmt::format("lost-{}", next_name_++), {text_key("nowhere")});
  for (const Key& key : graph.wanted) fake.wants.insert(key);
  for (const Key& key : graph.wanted) fake.erred.erase(key);
  tell(fmt::format("graph of {} tasks by {}", graph.tasks.size(), client),
       [&] { scheduler_.update_graph(graph, now_); });
}

// A shape, from a few keys that are known already, with most of its ends wanted.
Graph Simulation::random_graph(const std::string& client) {
  Graph graph{.client = client, .fifo_seconds = 0.1};
  if (chance(0.1)) {
    if (const auto key = any_key(clients_[client].wants)) graph.submitting_task = *key;
  }
  const std::uint64_t number = next_name_++;
  std::vector<Key> layer;
  for (std::size_t i = 0; i < below(3); ++i) {
    if (const auto key = any_key(clients_[client].wants)) layer.push_back(*key);
  }
  const std::size_t depth = 1 + below(4);
  for (std::size_t level = 0; level < depth; ++level) {
    const std::size_t width = chance(0.2) ? 20 : 1 + below(5);
    std::vector<Key> next;
    for (std::size_t i = 0; i < width; ++i) {
      std::vector<Key> inputs;
      for (const Key& key : layer) {
        if (chance(level == 0 ? 0.3 : 0.6)) inputs.push_back(key);
      }
      add_task(graph, fmt::format("kind{}-{}-{}", level, number, i), inputs);
      next.push_back(graph.tasks.back().key);
    }
    layer = std::move(next);
    if (chance(0.15)) layer = add_shuffles(graph, fmt::format("{}-{}", number, level), layer);
  }
  graph.wanted = layer;
  for (const TaskSpec& task : graph.tasks) {
    if (chance(0.1)) graph.wanted.push_back(task.key);
  }
  return graph;
}

// One, or the two of a join, behind these tasks; their barriers.
std::vector<Key> Simulation::add_shuffles(Graph& graph, const std::string& id, const std::vector<Key>& transfers) {
  std::vector<Key> barriers{add_shuffle(graph, id + "-left", transfers)};
  if (chance(0.5)) barriers.push_back(add_shuffle(graph, id + "-right", transfers));
  return barriers;
}

Key Simulation::add_shuffle(Graph& graph, const std::string& id, const std::vector<Key>& transfers) {
  add_task(graph, "barrier-" + id, transfers);
  const Key barrier = graph.tasks.back().key;
  graph.tasks.back().actor = false;
  graph.shuffles.push_back({.id = id, .barrier = barrier, .pickled = Bytes(std::string("shuffle")), .partitions = {}});
  for (std::size_t i = 0; i < 1 + below(6); ++i)
    graph.shuffles.back().partitions.push_back(text_key(fmt::format("{}", i)));
  for (const Key& transfer : transfers) barriers_[transfer] = barrier;
  return barrier;
}

void Simulation::add_task(Graph& graph, const std::string& name, std::vector<Key> dependencies) {
  TaskSpec spec{.key = text_key(name),
                .dependencies = std::move(dependencies),
                .run_spec = Bytes(std::string("spec")),
                .order = static_cast<std::int64_t>(graph.tasks.size()),
                .annotations = random_annotations(),
                .actor = chance(0.02)};
  for (const ShuffleSpec& shuffle : graph.shuffles) {
    const bool is_output = std::count(spec.dependencies.begin(), spec.dependencies.end(), shuffle.barrier) != 0;
    if (is_output) barriers_[spec.key] = shuffle.barrier;
  }
  if (spec.actor) behaviour_of(spec.key).failures = 0;
  graph.tasks.push_back(std::move(spec));
}

std::shared_ptr<const Annotations> Simulation::random_annotations() {
  if (chance(0.7)) return nullptr;
  auto annotations = std::make_shared<Annotations>();
  annotations->priority = static_cast<double>(below(3));
  annotations->retries = static_cast<std::uint32_t>(below(3));
  if (chance(0.2)) annotations->resources["GPU"] = 1;
  if (chance(0.3)) {
    annotations->workers = {fmt::format("w{}", below(8))};
    if (chance(0.5)) annotations->workers.push_back(fmt::format("10.0.0.{}", below(3)));
    annotations->allow_other_workers = chance(0.5);
  }
  return annotations;
}

void Simulation::scatter(const std::string& client) {
  std::vector<std::string> holders;
  const Key key = text_key(fmt::format("data-{}", next_name_++));
  for (const auto& worker : workers_) {
    if (!chance(0.4)) continue;
    worker->give_data(key);
    holders.push_back(worker->address());
  }
  clients_[client].wants.insert(key);
  tell("scatter by " + client, [&] { scheduler_.data_scattered(client, key, 100, Bytes(), holders, now_); });
}

void Simulation::release(const std::string& client) {
  FakeClient& fake = clients_[client];
  std::vector<Key> keys;
  for (std::size_t i = 0; i < 1 + below(6); ++i) {
    const auto key = any_key(fake.wants);
    if (!key) break;
    keys.push_back(*key);
    fake.wants.erase(*key);
  }
  tell("release by " + client, [&] { scheduler_.release_keys(client, keys, now_); });
}

void Simulation::cancel(const std::string& client) {
  const auto key = any_key(clients_[client].wants);
  if (!key) return;
  clients_[client].wants.erase(*key);
  const std::vector<Key> keys{*key};
  const bool force = chance(0.3);
  tell("cancel by " + client, [&] { scheduler_.cancel_keys(client, keys, force, "requested", now_); });
}

void Simulation::retry(const std::string& client) {
  FakeClient& fake = clients_[client];
  const auto key = any_key(fake.erred);
  if (!key) return;
  const std::vector<Key> keys{*key};
  if (chance(0.5)) behaviour_of(*key).failures = 0;
  tell("retry by " + client, [&] { (void)scheduler_.retry(keys, now_); });
}

void Simulation::desire(const std::string& client) {
  std::set<Key> known;
  for (const auto& [name, fake] : clients_) known.insert(fake.wants.begin(), fake.wants.end());
  const auto key = any_key(known);
  if (!key || !scheduler_.state_of(*key)) return;
  const std::vector<Key> keys{*key};
  if (chance(0.2)) {
    return tell("report to " + client, [&] {
      if (clients_[client].wants.count(*key) != 0) scheduler_.report_key(client, *key);
    });
  }
  if (chance(0.3)) {
    const std::string holder = chance(0.5) ? "fire-and-forget" : fmt::format("variable-{}", below(3));
    if (chance(0.5)) {
      holders_[holder].wants.insert(*key);
      return tell("hold by " + holder, [&] { scheduler_.desire_keys(holder, keys, now_); });
    }
    const std::vector<Key> held(holders_[holder].wants.begin(), holders_[holder].wants.end());
    holders_[holder].wants.clear();
    return tell("drop by " + holder, [&] { scheduler_.release_keys(holder, held, now_); });
  }
  clients_[client].wants.insert(*key);
  tell("desire by " + client, [&] { scheduler_.desire_keys(client, keys, now_); });
}

void Simulation::leave(const std::string& client) {
  clients_.erase(client);
  tell("leave " + client, [&] { scheduler_.remove_client(client); });
}

void Simulation::restart() {
  for (auto& [name, fake] : clients_) fake = {};
  holders_.clear();
  tell("restart", [&] { scheduler_.forget_everything(now_); });
  if (scheduler_.counts() != TaskCounts{}) fail("tasks are known after a restart");
}

std::optional<Key> Simulation::any_key(const std::set<Key>& keys) {
  if (keys.empty()) return std::nullopt;
  auto key = keys.begin();
  std::advance(key, static_cast<std::ptrdiff_t>(below(keys.size())));
  return *key;
}

}  // namespace trireme::launcher::dask::simulation
