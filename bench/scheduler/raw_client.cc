#include "raw_client.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace trireme::bench {

namespace dask = launcher::dask;

namespace {

constexpr std::string_view kClient = "raw-client";
constexpr std::size_t kDigits = 7;

}  // namespace

RawClient::RawClient(boost::asio::io_context& io, OnReady on_ready)
    : on_ready_(std::move(on_ready)),
      stream_(std::make_shared<PeerConnection>(io, [this](const dask::Message& message) { on_stream(message); })) {}

void RawClient::connect(const boost::asio::ip::tcp::endpoint& scheduler) {
  stream_->connect(scheduler);
  dask::MessageWriter out;
  out.map(4).text("op").text("register-client").text("client").text(kClient).text("reply").boolean(false);
  out.text("versions").map(2).text("host").map(0).text("packages").map(0);
  stream_->send(out.finish());
}

void RawClient::expect(std::string name, std::size_t count, std::function<void()> on_all) {
  name_ = std::move(name);
  seen_.assign(count, false);
  in_memory_ = 0;
  on_all_ = std::move(on_all);
}

void RawClient::release() {
  dask::MessageWriter out;
  out.map(3).text("op").text("client-releases-keys").text("client").text(kClient).text("keys").array(seen_.size());
  for (std::size_t number = 0; number < seen_.size(); ++number) out.text(numbered_key(name_, number));
  stream_->send(out.finish_array(1));
}

void RawClient::on_stream(const dask::Message& message) {
  for (const auto& operation : dask::elements(message.root())) on_operation(operation);
}

void RawClient::on_operation(const dask::Object& operation) {
  const auto op = dask::find_text(operation, "op").value_or("");
  if (op == "stream-start") return on_ready_();
  if (op == "task-erred" || op == "cancelled-keys" || op == "lost-data") {
    std::fprintf(stderr, "the scheduler said %.*s\n", static_cast<int>(op.size()), op.data());
    std::exit(1);
  }
  if (op != "key-in-memory") return;
  const std::int64_t number = number_in(dask::find_text(operation, "key").value_or(""), name_);
  if (number < 0 || static_cast<std::size_t>(number) >= seen_.size() || seen_[static_cast<std::size_t>(number)]) return;
  seen_[static_cast<std::size_t>(number)] = true;
  if (++in_memory_ == seen_.size()) std::exchange(on_all_, {})();
}

std::string numbered_key(std::string_view name, std::size_t number) {
  const std::string digits = std::to_string(number);
  return std::string(name) + "-" + std::string(kDigits - digits.size(), '0') + digits;
}

std::int64_t number_in(std::string_view key, std::string_view name) {
  if (key.size() != name.size() + 1 + kDigits || !key.starts_with(name)) return -1;
  std::int64_t number = -1;
  std::from_chars(key.data() + name.size() + 1, key.data() + key.size(), number);
  return number;
}

}  // namespace trireme::bench
