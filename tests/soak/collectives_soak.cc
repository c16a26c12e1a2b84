// Ranks that are killed, that hang, and that call something else, at random but repeatable: each round must end in the
// promised error on every survivor within the promised time, after which the survivors go on in a new group.
#include <sys/mman.h>
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <map>
#include <new>
#include <thread>

#include <nlohmann/json.hpp>

#include "groups.h"
#include "plan.h"
#include "rank.h"
#include "trireme/base/message.h"
#include "verdict.h"

namespace trireme::soak {
namespace {

constexpr std::uint64_t kProgress = 100;  // rounds between two lines

using std::chrono::seconds;
using std::chrono::steady_clock;

struct Options {
  std::uint64_t count = 1000;
  std::uint64_t seed = 1;
  int seconds = 0;
  std::vector<std::string> backends = {"shm", "tcp"};
  std::string json;
  bool verbose = false;
};

// Rounds of one backend and one injection.
struct Tally {
  int rounds = 0;
  int failed = 0;
  double slowest_ms = 0;
};
using Tallies = std::map<std::pair<std::string, std::string>, Tally>;

// Memory that children of fork() share with this process.
class SharedPage {
 public:
  SharedPage()
      : page_(::mmap(nullptr, sizeof(SharedMoments), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (page_ == MAP_FAILED) throw std::bad_alloc();
    new (page_) SharedMoments;
  }
  ~SharedPage() { ::munmap(page_, sizeof(SharedMoments)); }
  SharedPage(const SharedPage&) = delete;
  SharedPage& operator=(const SharedPage&) = delete;
  [[nodiscard]] SharedMoments& moments() const { return *static_cast<SharedMoments*>(page_); }

 private:
  void* page_;
};

void kill_anytime(const Plan& plan, trireme::test::ProcessRanks& world, SharedMoments& moments) {
  for (int rank = 0; rank < plan.ranks; ++rank) (void)world.wait_for_report(rank, "ready");
  std::this_thread::sleep_for(plan.delay);
  moments.injected.store(now_ns());
  world.signal(plan.victim, SIGKILL);
}

// A stopped rank would wait for good.
void end_stopped_rank(const Plan& plan, trireme::test::ProcessRanks& world) {
  for (int rank = 0; rank < plan.ranks; ++rank) {
    if (rank != plan.victim) (void)world.wait_for_report(rank, "done\n");
  }
  world.signal(plan.victim, SIGKILL);
}

Verdict play(const Plan& plan) {
  const SharedPage page;
  std::vector<trireme::test::RankResult> results;
  {
    trireme::test::ProcessRanks world({.size = plan.ranks, .deadline = seconds(45)},
                                      [&](const auto& rank) { return run_rank(plan, rank, page.moments()); });
    if (plan.injection == Injection::kKilledAnytime) kill_anytime(plan, world, page.moments());
    if (plan.injection == Injection::kStopped) end_stopped_rank(plan, world);
    results = world.wait();
  }
  auto verdict = judge(plan, results, page.moments().injected.load());
  if (::waitpid(-1, nullptr, WNOHANG) >= 0) verdict.problems.push_back("a process is left");
  return verdict;
}

bool play_round(std::uint64_t seed, const Options& options, Tallies& tallies) {
  const Plan plan = make_plan(seed, options.backends);
  const auto begin = steady_clock::now();
  const Verdict verdict = play(plan);
  const std::chrono::duration<double> took = steady_clock::now() - begin;
  auto& tally = tallies[{plan.backend, to_string(plan.injection)}];
  ++tally.rounds;
  tally.slowest_ms = std::max(tally.slowest_ms, verdict.slowest_ms);
  if (options.verbose || !verdict.problems.empty()) {
    std::cout << (verdict.problems.empty() ? "ok   " : "FAIL ") << describe(plan)
              << message(" error_after_ms={} took_s={}", verdict.slowest_ms, took.count()) << '\n';
  }
  for (const auto& problem : verdict.problems) std::cout << "     " << problem << '\n';
  std::cout << std::flush;
  if (!verdict.problems.empty()) ++tally.failed;
  return verdict.problems.empty();
}

void print(const Tallies& tallies) {
  std::cout << message("{}\n", "backend  injection       rounds  failed  slowest error, ms");
  for (const auto& [key, tally] : tallies) {
    std::printf("%-8s %-15s %6d  %6d  %.0f\n", key.first.c_str(), key.second.c_str(), tally.rounds, tally.failed,
                tally.slowest_ms);
  }
  std::fflush(stdout);
}

void write_json(const std::string& file, const Tallies& tallies) {
  nlohmann::json rows = nlohmann::json::array();
  for (const auto& [key, tally] : tallies) {
    rows.push_back({{"backend", key.first},
                    {"injection", key.second},
                    {"rounds", tally.rounds},
                    {"failed", tally.failed},
                    {"slowest_error_ms", tally.slowest_ms}});
  }
  std::ofstream(file) << rows.dump(1) << '\n';
}

int play_all(const Options& options) {
  Tallies tallies;
  std::uint64_t failed = 0;
  std::uint64_t played = 0;
  const auto begin = steady_clock::now();
  for (; played < options.count; ++played) {
    if (options.seconds > 0 && steady_clock::now() - begin > seconds(options.seconds)) break;
    if (!play_round(options.seed + played, options, tallies)) ++failed;
    if ((played + 1) % kProgress == 0) std::cout << message("{} rounds, {} failed", played + 1, failed) << std::endl;
  }
  print(tallies);
  if (!options.json.empty()) write_json(options.json, tallies);
  std::cout << message("{} rounds from seed {}, {} failed\n", played, options.seed, failed);
  return failed == 0 && played > 0 ? 0 : 1;
}

}  // namespace
}  // namespace trireme::soak

int main(int argc, char** argv) {
  trireme::soak::Options options;
  CLI::App app("Kills, hangs and mismatches injected into ranks; see scripts/soak collectives", "collectives_soak");
  app.add_option("--count", options.count, "Rounds")->capture_default_str();
  app.add_option("--seed", options.seed, "Of the first round; the next has the next number")->capture_default_str();
  app.add_option("--seconds", options.seconds, "Stop after this time, when above 0")->capture_default_str();
  app.add_option("--backends", options.backends, "Those to choose from")
      ->delimiter(',')
      ->check(CLI::IsMember(trireme::soak::known_backends()))
      ->capture_default_str();
  app.add_option("--json", options.json, "Also write the table")->type_name("FILE");
  app.add_flag("--verbose", options.verbose, "A line a round, not only for those that failed");
  app.footer("Example, to repeat one round: collectives_soak --count 1 --seed 17");
  CLI11_PARSE(app, argc, argv);
  return trireme::soak::play_all(options);
}
