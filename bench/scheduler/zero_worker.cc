#include "zero_worker.h"

#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>

namespace trireme::bench {

namespace asio = boost::asio;
namespace dask = launcher::dask;

namespace {

// pickle.dumps(int), which a worker sends as a result's type.
constexpr std::string_view kIntType(
    "\x80\x05\x95\x14\0\0\0\0\0\0\0\x8c\x08"
    "builtins\x94\x8c\x03int\x94\x93\x94.",
    31);

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

// `write_key` writes what stands under "key".
template <class WriteKey>
void write_finished(dask::MessageWriter& out, WriteKey write_key, std::int64_t run_id) {
  const double time = now();
  out.map(11).text("op").text("task-finished").text("status").text("OK").text("key");
  write_key();
  out.text("run_id").integer(run_id).text("nbytes").integer(28).text("type").bytes(kIntType);
  out.text("typename").text("int").text("metadata").map(0).text("thread").integer(1).text("startstops").array(1);
  out.map(3).text("action").text("compute").text("start").number(time).text("stop").number(time + 1e-6);
  out.text("stimulus_id").text("zero");
}

}  // namespace

ZeroWorker::ZeroWorker(asio::io_context& io, const ZeroWorkerOptions& options, int number, OnTask on_task,
                       OnRunning on_running)
    : options_(options),
      address_("tcp://127.0.0.1:" + std::to_string(10'000 + number)),
      name_("zero-" + std::to_string(number)),
      on_task_(std::move(on_task)),
      on_running_(std::move(on_running)),
      beat_(io),
      stream_(std::make_shared<PeerConnection>(io, [this](const dask::Message& message) { on_stream(message); })),
      calls_(std::make_shared<PeerConnection>(io, [](const dask::Message&) {})) {}

void ZeroWorker::start() {
  stream_->connect(options_.scheduler);
  calls_->connect(options_.scheduler);
  register_worker();
  beat_later();
}

void ZeroWorker::write_metrics(dask::MessageWriter& out) const {
  out.map(10).text("task_counts").map(0).text("bandwidth").map(3).text("total").integer(100'000'000);
  out.text("workers").map(0).text("types").map(0).text("digests_total_since_heartbeat").map(0);
  out.text("managed_bytes").integer(0).text("spilled_bytes").map(2).text("memory").integer(0).text("disk").integer(0);
  out.text("event_loop_interval").number(0.02).text("cpu").number(0).text("memory").integer(1'000'000);
  out.text("time").number(now()).text("num_fds").integer(8);
}

void ZeroWorker::register_worker() {
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

void ZeroWorker::on_stream(const dask::Message& message) {
  if (!std::exchange(is_registered_, true)) return say_running(message);
  dask::MessageWriter out;
  std::size_t count = 0;
  for (const auto& operation : dask::elements(message.root())) count += answer(operation, out);
  if (count > 0) stream_->send(out.finish_array(count));
}

void ZeroWorker::say_running(const dask::Message& reply) {
  if (dask::find_text(reply.root(), "status") != "OK") {
    std::fprintf(stderr, "%s was not taken by the scheduler\n", name_.c_str());
    std::exit(1);
  }
  dask::MessageWriter out;
  out.map(3).text("op").text("worker-status-change").text("status").text("running").text("stimulus_id").text("zero");
  stream_->send(out.finish_array(1));
  on_running_();
}

std::size_t ZeroWorker::answer(const dask::Object& operation, dask::MessageWriter& out) {
  const auto op = dask::find_text(operation, "op").value_or("");
  if (op == "compute-task") {
    if (!on_task_(*this, operation)) return 0;
    const auto write_key = [&] { out.value(*dask::find(operation, "key")); };
    return write_finished(out, write_key, dask::find_integer(operation, "run_id", 0)), 1;
  }
  if (op == "steal-request") {  // whatever it is, it is done
    out.map(4).text("op").text("steal-response").text("key").value(*dask::find(operation, "key"));
    out.text("state").text("memory").text("stimulus_id").value(*dask::find(operation, "stimulus_id"));
    return 1;
  }
  return 0;
}

void ZeroWorker::finish(std::string_view key, std::int64_t run_id) {
  dask::MessageWriter out;
  write_finished(
      out, [&] { out.text(key); }, run_id);
  stream_->send(out.finish_array(1));
}

void ZeroWorker::beat_later() {
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

double cpu_seconds() {
  rusage use{};
  ::getrusage(RUSAGE_SELF, &use);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(use.ru_utime) + seconds(use.ru_stime);
}

asio::ip::tcp::endpoint endpoint_of(const std::string& text) {
  const auto colon = text.rfind(':');
  return {asio::ip::make_address(text.substr(0, colon)), static_cast<std::uint16_t>(std::stoi(text.substr(colon + 1)))};
}

}  // namespace trireme::bench
