#include "dask_scheduler.h"

#include <csignal>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "dask/server/session.h"
#include "dask/wire/handshake.h"
#include "trireme/base/check.h"

namespace trireme::fuzz {

namespace {

namespace asio = boost::asio;
namespace dask = launcher::dask;
using asio::ip::tcp;

class NoCluster final : public launcher::SnapshotSource {
 public:
  launcher::ClusterSnapshot snapshot() const override { return {}; }
  std::optional<launcher::RunView> run(const std::string&) const override { return std::nullopt; }
  std::vector<launcher::MetricPoint> history(const std::string&, std::size_t) const override { return {}; }
  std::vector<std::string> log_tail(const std::string&, std::size_t) const override { return {}; }
  std::shared_ptr<void> subscribe(std::function<void(std::uint64_t)>) override { return nullptr; }
};

bool is_barrier(const dask::Key& key) { return dask::name_of(key) == "shuffle-barrier-s"; }

class ChainMaterializer final : public dask::Materializer {
 public:
  explicit ChainMaterializer(asio::io_context& context) : context_(context) {}

  void materialize(dask::MaterializeRequest request, GraphDone done) override {
    dask::MaterializedGraph graph;
    const auto annotations = std::make_shared<dask::Annotations>();
    for (const dask::Key& key : request.wanted) {
      std::vector<dask::Key> needs;
      if (!graph.tasks.empty() && !(graph.tasks.back().key == key)) needs.push_back(graph.tasks.back().key);
      if (is_barrier(key)) graph.shuffles.push_back({.id = "s", .barrier = key, .partitions = {dask::Key()}});
      graph.tasks.push_back({.key = key, .dependencies = std::move(needs), .annotations = annotations});
    }
    asio::post(context_, [done = std::move(done), graph = std::move(graph)]() mutable { done(std::move(graph)); });
  }
  void upload_file(dask::Bytes, UploadDone done) override {
    asio::post(context_, [done = std::move(done)] {
      done(std::vector<dask::ForwardedPlugin>{{.name = "w", .plugin = dask::Bytes("p")},
                                              {.name = "n", .plugin = dask::Bytes("p"), .to_nannies = true}});
    });
  }
  void read_progress_bar(dask::Bytes, ProgressBarDone done) override {
    asio::post(context_, [done = std::move(done)] {
      done(dask::ProgressBar{.keys = {dask::Key("\xa1"
                                                "a"),
                                      dask::Key("\xa1"
                                                "b")},
                             .by_kind = true});
    });
  }
  void run_function(dask::FunctionCall, FunctionDone done) override {
    asio::post(context_, [done = std::move(done)] { done(dask::MaterializeError{.text = "nothing runs here"}); });
  }

 private:
  asio::io_context& context_;
};

// What is logged as an error is an exception that the server did not expect. One thread logs here.
class UnexpectedErrors final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  std::string newest;

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (message.level >= spdlog::level::err) newest.assign(message.payload.begin(), message.payload.end());
  }
  void flush_() override {}
};

std::shared_ptr<UnexpectedErrors> watch_log() {
  static const auto sink = [] {
    auto made = std::make_shared<UnexpectedErrors>();
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("fuzz", made));
    return made;
  }();
  return sink;
}

std::string_view value_header() {
  static const std::string packed = dask::MessageWriter().map(1).text("num-sub-frames").integer(1).take();
  return packed;
}

void append_u64(std::string& out, std::uint64_t value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

std::string framed(std::string_view body) {
  const std::string_view frames[] = {body, value_header(), "x"};
  std::string message;
  std::uint64_t block = 8 + 8 * std::size(frames);
  for (const auto frame : frames) block += frame.size();
  append_u64(message, block);
  append_u64(message, std::size(frames));
  for (const auto frame : frames) append_u64(message, frame.size());
  for (const auto frame : frames) message += frame;
  return message;
}

// The fuzzer's alarm must not interrupt a connect().
class WithoutSignals {
 public:
  WithoutSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~WithoutSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  WithoutSignals(const WithoutSignals&) = delete;
  WithoutSignals& operator=(const WithoutSignals&) = delete;

 private:
  sigset_t before_;
};

// Takes what has come, so that the other end can go on writing.
void drain(tcp::socket& socket) {
  char bytes[4096];
  boost::system::error_code error;
  while (!error) socket.read_some(asio::buffer(bytes), error);
}

}  // namespace

DaskScheduler::DaskScheduler() : acceptor_(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
  static NoCluster nothing;
  watch_log()->newest.clear();
  hub_ = std::make_unique<dask::Hub>(context_, dask::HubSettings{}, nullptr, nothing,
                                     [](dask::Hub& hub) { return std::make_unique<ChainMaterializer>(hub.context); });
}

DaskScheduler::~DaskScheduler() {
  for (auto& peer : peers_) peer.reset();
  turn();
}

std::unique_ptr<DaskScheduler::Peer> DaskScheduler::connect() {
  const WithoutSignals quiet;
  auto peer = std::make_unique<Peer>(Peer{tcp::socket(context_), nullptr});
  peer->socket.connect(acceptor_.local_endpoint());
  peer->connection =
      std::make_shared<dask::Connection>(dask::Transport(acceptor_.accept(), nullptr), hub_->settings.limits);
  asio::co_spawn(context_, dask::serve(*hub_, peer->connection), asio::detached);
  boost::system::error_code ignored;
  asio::write(peer->socket, asio::buffer(dask::handshake().joined()), ignored);
  peer->socket.non_blocking(true);
  turn();
  return peer;
}

void DaskScheduler::send(std::size_t peer, std::string_view body) {
  auto& sender = peers_.at(peer);
  if (!sender || !sender->connection->is_open()) sender = connect();
  boost::system::error_code ignored;
  asio::write(sender->socket, asio::buffer(framed(body)), ignored);
  turn();
  drain(sender->socket);
}

void DaskScheduler::turn() {
  context_.restart();
  context_.poll();
}

void DaskScheduler::check() const {
  const std::string& error = watch_log()->newest;
  TRIREME_CHECK(error.empty(), "{}", error);
  const std::vector<std::string> broken = hub_->tasks.broken_invariants();
  TRIREME_CHECK(broken.empty(), "{}", broken.front());
}

}  // namespace trireme::fuzz
