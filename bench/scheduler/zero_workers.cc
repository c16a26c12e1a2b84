// Many Dask workers in one process that do nothing: a task is finished when it arrives. Any scheduler that speaks
// Dask's protocol can be given as many of them as its own speed needs to be seen ("zero workers", as in Runtime vs
// Scheduler, arXiv 2010.11105).
//
//   bench_zero_workers --scheduler 127.0.0.1:8786 --workers 16 [--hold]
//
// Prints a line of JSON when standard input ends: tasks finished, and the CPU seconds of this process.
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio.hpp>

#include "dask/wire/frame_reader.h"
#include "dask/wire/handshake.h"
#include "dask/wire/message.h"
#include "dask/wire/message_writer.h"

namespace trireme::bench {
namespace {

namespace asio = boost::asio;
namespace dask = launcher::dask;
using asio::ip::tcp;

// pickle.dumps(int), which a worker sends as a result's type.
constexpr std::string_view kIntType(
    "\x80\x05\x95\x14\0\0\0\0\0\0\0\x8c\x08"
    "builtins\x94\x8c\x03int\x94\x93\x94.",
    31);

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

struct Options {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8786;
  int workers = 16;
  int threads = 1;    // that each says it has
  bool hold = false;  // tasks are taken and never finished
};

struct Counts {
  std::int64_t finished = 0;
  std::int64_t held = 0;
  int running = 0;
};

// A connection that reads messages one after the other and writes whole batches.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using OnMessage = std::function<void(const dask::Message&)>;

  Connection(asio::io_context& io, OnMessage on_message) : socket_(io), on_message_(std::move(on_message)) {}

  void connect(const tcp::endpoint& endpoint) {
    socket_.connect(endpoint);
    socket_.set_option(tcp::no_delay(true));
    send(dask::handshake());
    read();
  }
  void send(dask::Outgoing message) {
    waiting_ += message.joined();
    if (writing_.empty()) write();
  }

 private:
  void read() {
    const auto room = reader_.room();
    auto then = [self = shared_from_this()](const boost::system::error_code& error, std::size_t count) {
      if (error) return;  // the scheduler ended
      self->reader_.filled(count);
      while (auto frames = self->reader_.next()) {
        const auto message = dask::Message::decode(std::move(*frames));
        if (std::exchange(self->has_shaken_hands_, true)) self->on_message_(message);
      }
      self->read();
    };
    socket_.async_read_some(asio::buffer(room.data(), room.size()), std::move(then));
  }
  void write() {
    writing_.swap(waiting_);
    waiting_.clear();
    if (writing_.empty()) return;
    asio::async_write(socket_, asio::buffer(writing_),
                      [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                        self->writing_.clear();
                        if (!error) self->write();
                      });
  }

  tcp::socket socket_;
  const OnMessage on_message_;
  dask::FrameReader reader_;
  bool has_shaken_hands_ = false;
  std::string waiting_;
  std::string writing_;
};

class ZeroWorker {
 public:
  ZeroWorker(asio::io_context& io, const Options& options, int number, Counts& counts)
      : options_(options),
        counts_(counts),
        address_("tcp://127.0.0.1:" + std::to_string(10'000 + number)),
        name_("zero-" + std::to_string(number)),
        beat_(io),
        stream_(std::make_shared<Connection>(io, [this](const dask::Message& message) { on_stream(message); })),
        calls_(std::make_shared<Connection>(io, [](const dask::Message&) {})) {}

  void start() {
    const tcp::endpoint scheduler(asio::ip::make_address(options_.host), options_.port);
    stream_->connect(scheduler);
    calls_->connect(scheduler);
    register_worker();
    beat_later();
  }

 private:
  void write_metrics(dask::MessageWriter& out) const {
    out.map(10).text("task_counts").map(0).text("bandwidth").map(3).text("total").integer(100'000'000);
    out.text("workers").map(0).text("types").map(0).text("digests_total_since_heartbeat").map(0);
    out.text("managed_bytes").integer(0).text("spilled_bytes").map(2).text("memory").integer(0).text("disk").integer(0);
    out.text("event_loop_interval").number(0.02).text("cpu").number(0).text("memory").integer(1'000'000);
    out.text("time").number(now()).text("num_fds").integer(8);
  }

  void register_worker() {
    dask::MessageWriter out;
    out.map(18).text("op").text("register-worker").text("reply").boolean(false).text("address").text(address_);
    out.text("status").text("init").text("nthreads").integer(options_.threads).text("name").text(name_);
    out.text("now").number(now()).text("resources").map(0).text("memory_limit").integer(std::int64_t{4} << 30);
    out.text("local_directory").text("/tmp").text("services").map(0).text("nanny").nil().text("pid").integer(1);
    out.text("versions").map(2).text("host").map(0).text("packages").map(0).text("metrics");
    write_metrics(out);
    out.text("extra").map(0).text("stimulus_id").text("zero").text("server_id").text(name_);
    stream_->send(out.finish());
  }

  void on_stream(const dask::Message& message) {
    if (!std::exchange(is_registered_, true)) return say_running(message);
    dask::MessageWriter out;
    std::size_t count = 0;
    for (const auto& operation : dask::elements(message.root())) count += answer(operation, out);
    if (count > 0) stream_->send(out.finish_array(count));
  }

  void say_running(const dask::Message& reply) {
    if (dask::find_text(reply.root(), "status") != "OK") {
      std::fprintf(stderr, "%s was not taken by the scheduler\n", name_.c_str());
      std::exit(1);
    }
    dask::MessageWriter out;
    out.map(3).text("op").text("worker-status-change").text("status").text("running").text("stimulus_id").text("zero");
    stream_->send(out.finish_array(1));
    ++counts_.running;
  }

  std::size_t answer(const dask::Object& operation, dask::MessageWriter& out) {
    const auto op = dask::find_text(operation, "op").value_or("");
    if (op == "compute-task") return compute(operation, out);
    if (op == "steal-request") {  // whatever it is, it is done
      out.map(4).text("op").text("steal-response").text("key").value(*dask::find(operation, "key"));
      out.text("state").text("memory").text("stimulus_id").value(*dask::find(operation, "stimulus_id"));
      return 1;
    }
    return 0;
  }

  std::size_t compute(const dask::Object& task, dask::MessageWriter& out) {
    if (options_.hold) return ++counts_.held, 0;
    const double time = now();
    out.map(11).text("op").text("task-finished").text("status").text("OK").text("key").value(*dask::find(task, "key"));
    out.text("run_id").value(*dask::find(task, "run_id")).text("nbytes").integer(28).text("type").bytes(kIntType);
    out.text("typename").text("int").text("metadata").map(0).text("thread").integer(1).text("startstops").array(1);
    out.map(3).text("action").text("compute").text("start").number(time).text("stop").number(time + 1e-6);
    out.text("stimulus_id").text("zero");
    ++counts_.finished;
    return 1;
  }

  void beat_later() {
    beat_.expires_after(std::chrono::seconds(2));
    beat_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      dask::MessageWriter out;
      out.map(7).text("op").text("heartbeat_worker").text("reply").boolean(true).text("address").text(address_);
      out.text("now").number(now()).text("executing").map(0).text("extensions").map(0).text("metrics");
      write_metrics(out);
      calls_->send(out.finish());
      beat_later();
    });
  }

  const Options& options_;
  Counts& counts_;
  const std::string address_;
  const std::string name_;
  asio::steady_timer beat_;
  std::shared_ptr<Connection> stream_;
  std::shared_ptr<Connection> calls_;
  bool is_registered_ = false;
};

double cpu_seconds() {
  rusage use{};
  ::getrusage(RUSAGE_SELF, &use);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(use.ru_utime) + seconds(use.ru_stime);
}

int run(const Options& options) {
  asio::io_context io(1);
  Counts counts;
  std::vector<std::unique_ptr<ZeroWorker>> workers;
  for (int number = 0; number < options.workers; ++number) {
    workers.push_back(std::make_unique<ZeroWorker>(io, options, number, counts));
    workers.back()->start();
  }
  asio::posix::stream_descriptor input(io, ::dup(STDIN_FILENO));
  std::array<char, 64> ignored{};
  input.async_read_some(asio::buffer(ignored), [&](const boost::system::error_code&, std::size_t) { io.stop(); });
  io.run();
  std::printf("{\"finished\": %lld, \"held\": %lld, \"running\": %d, \"cpu_seconds\": %.6f}\n",
              static_cast<long long>(counts.finished), static_cast<long long>(counts.held), counts.running,
              cpu_seconds());
  return 0;
}

}  // namespace
}  // namespace trireme::bench

int main(int argc, char** argv) {
  CLI::App app("Dask workers that finish every task at once.");
  trireme::bench::Options options;
  std::string scheduler = "127.0.0.1:8786";
  app.add_option("--scheduler", scheduler, "HOST:PORT")->capture_default_str();
  app.add_option("--workers", options.workers, "how many")->capture_default_str();
  app.add_option("--threads", options.threads, "that each says it has")->capture_default_str();
  app.add_flag("--hold", options.hold, "take tasks and never finish them");
  CLI11_PARSE(app, argc, argv);
  const auto colon = scheduler.rfind(':');
  options.host = scheduler.substr(0, colon);
  options.port = static_cast<std::uint16_t>(std::stoi(scheduler.substr(colon + 1)));
  return trireme::bench::run(options);
}
