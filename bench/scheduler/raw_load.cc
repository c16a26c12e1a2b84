// Load on a Dask scheduler that no Python limits: a client that sends recorded graphs and zero workers, in one process.
//
//   bench_raw_load --scheduler 127.0.0.1:8786 --workers 16 --many FILE --tasks 50000 --one FILE --single 2000
//
// Three phases: `sustained`, tasks of one graph behind a gate, from the gate's end until all are in memory; `submit`,
// graphs of one task each as fast as they are taken; `half_load`, the same at fixed times, half as often. Before and
// after each phase it prints a line of JSON and waits for one on standard input. The clock of half_load runs from the
// time at which a graph should be sent to the time at which a worker is given the task.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "raw_client.h"
#include "zero_worker.h"

namespace trireme::bench {
namespace {

namespace asio = boost::asio;
namespace dask = launcher::dask;

constexpr std::string_view kGate = "gate";
constexpr double kHalfLoadSeconds = 5;
constexpr std::chrono::minutes kPatience{2};  // for a phase

struct Options {
  ZeroWorkerOptions worker;
  int workers = 16;
  std::string many;  // files
  std::string one;
  std::size_t tasks = 50'000;
  std::size_t single = 2'000;
};

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

double at_share(const std::vector<double>& sorted, double share) {
  return sorted.at(std::min(sorted.size() - 1, static_cast<std::size_t>(share * static_cast<double>(sorted.size()))));
}

// A recorded graph of one task, whose key can be another.
class SingleGraph {
 public:
  explicit SingleGraph(std::string recorded) : bytes_(std::move(recorded)) {
    const std::string first = numbered_key("one", 0);
    for (auto at = bytes_.find(first); at != std::string::npos; at = bytes_.find(first, at + 1)) places_.push_back(at);
    if (places_.empty()) throw std::runtime_error("the recorded graph has no key " + first);
  }

  const std::string& with(std::string_view name, std::size_t number) {
    const std::string key = numbered_key(name, number);  // as long as the recorded one
    for (const std::size_t at : places_) bytes_.replace(at, key.size(), key);
    return bytes_;
  }

 private:
  std::string bytes_;
  std::vector<std::size_t> places_;
};

class RawLoad {
 public:
  explicit RawLoad(const Options& options)
      : options_(options),
        single_(content_of(options.one)),
        client_(io_, [this] { send_many(); }),
        next_(io_),
        patience_(io_) {}

  void run() {
    const auto on_task = [this](ZeroWorker& worker, const dask::Object& task) { return take(worker, task); };
    for (int number = 0; number < options_.workers; ++number) {
      workers_.push_back(std::make_unique<ZeroWorker>(io_, options_.worker, number, on_task, [this] { one_runs(); }));
      workers_.back()->start();
    }
    io_.run();
  }

 private:
  struct Gate {
    ZeroWorker* worker;
    std::int64_t run_id;
  };

  void one_runs() {
    if (++running_ == options_.workers) client_.connect(options_.worker.scheduler);
  }

  void send_many() {
    client_.expect("many", options_.tasks, [this] { end_sustained(); });
    client_.send(content_of(options_.many));
  }

  // Once the gate is given to a worker, all tasks behind it are known.
  bool take(ZeroWorker& worker, const dask::Object& task) {
    const std::string_view key = dask::find_text(task, "key").value_or("");
    if (key == kGate) {
      gate_ = {&worker, dask::find_integer(task, "run_id", 0)};
      asio::post(io_, [this] { open_gate(); });
      return false;
    }
    if (const std::int64_t number = number_in(key, "hlf"); number >= 0 && !due_.empty())
      delays_.push_back(seconds_now() - due_.at(static_cast<std::size_t>(number)));
    return true;
  }

  void open_gate() {
    begin_phase("sustained");
    gate_->worker->finish(kGate, gate_->run_id);
  }

  void end_sustained() {
    sustained_ = end_phase("");
    after_release([this] { begin_submit(); });
  }

  // What the phase before left is part of no phase: a scheduler takes a client's messages in their order.
  void after_release(std::function<void()> then) {
    client_.release();
    client_.expect("mid", 1, std::move(then));
    client_.send(single_.with("mid", 0));
  }

  void begin_submit() {
    begin_phase("submit");
    client_.expect("one", options_.single, [this] { end_submit(); });
    for (std::size_t number = 0; number < options_.single; ++number) client_.send(single_.with("one", number));
  }

  void end_submit() {
    rate_ = std::min(sustained_, end_phase("")) / 2;
    after_release([this] { begin_half_load(); });
  }

  void begin_half_load() {
    begin_phase("half_load");
    const auto count = static_cast<std::size_t>(rate_ * kHalfLoadSeconds);
    client_.expect("hlf", count, [this] { end_half_load(); });
    const double begin = seconds_now();
    for (std::size_t number = 0; number < count; ++number) due_.push_back(begin + static_cast<double>(number) / rate_);
    send_due();
  }

  void send_due() {
    while (sent_ < due_.size() && due_[sent_] <= seconds_now()) client_.send(single_.with("hlf", sent_++));
    if (sent_ == due_.size()) return;
    next_.expires_at(std::chrono::steady_clock::time_point(
        std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(due_[sent_]))));
    next_.async_wait([this](const boost::system::error_code&) { send_due(); });
  }

  void end_half_load() {
    std::sort(delays_.begin(), delays_.end());
    char more[160];
    std::snprintf(more, sizeof more,
                  ", \"rate\": %.0f, \"start_ms_p50\": %.3f, \"start_ms_p99\": %.3f, \"started\": %zu", rate_,
                  1e3 * at_share(delays_, 0.5), 1e3 * at_share(delays_, 0.99), delays_.size());
    (void)end_phase(more);
    io_.stop();
  }

  void begin_phase(const char* name) {
    patience_.expires_after(kPatience);
    patience_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      std::fprintf(stderr, "only %zu tasks are in memory\n", client_.in_memory());
      std::exit(1);
    });
    say("{\"phase\": \"" + std::string(name) + "\"}");
    cpu_ = cpu_seconds();
    began_ = seconds_now();
  }

  // Tasks a second.
  double end_phase(const std::string& more) {
    const double seconds = seconds_now() - began_;
    const double cpu = cpu_seconds() - cpu_;
    char line[400];
    std::snprintf(line, sizeof line, "{\"seconds\": %.6f, \"finished\": %zu, \"generator_cores\": %.4f%s}", seconds,
                  client_.in_memory(), cpu / seconds, more.c_str());
    say(line);
    return static_cast<double>(client_.in_memory()) / seconds;
  }

  static void say(const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
    std::string answer;
    std::getline(std::cin, answer);
  }

  const Options& options_;
  asio::io_context io_{1};
  SingleGraph single_;
  std::vector<std::unique_ptr<ZeroWorker>> workers_;
  RawClient client_;
  asio::steady_timer next_;
  asio::steady_timer patience_;
  int running_ = 0;
  std::optional<Gate> gate_;
  double sustained_ = 0;
  double rate_ = 0;
  double began_ = 0;
  double cpu_ = 0;
  std::vector<double> due_;  // of half_load's graphs
  std::size_t sent_ = 0;
  std::vector<double> delays_;
};

}  // namespace
}  // namespace trireme::bench

int main(int argc, char** argv) {
  CLI::App app("Load on a Dask scheduler from recorded graphs.");
  trireme::bench::Options options;
  std::string scheduler = "127.0.0.1:8786";
  app.add_option("--scheduler", scheduler, "HOST:PORT")->capture_default_str();
  app.add_option("--workers", options.workers, "zero workers")->capture_default_str();
  app.add_option("--many", options.many, "recorded graph with a gate")->required();
  app.add_option("--tasks", options.tasks, "behind the gate")->capture_default_str();
  app.add_option("--one", options.one, "recorded graph of one task")->required();
  app.add_option("--single", options.single, "graphs of one task, submitted at once")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    options.worker.scheduler = trireme::bench::endpoint_of(scheduler);
    trireme::bench::RawLoad(options).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
