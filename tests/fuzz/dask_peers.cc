#include <string_view>

#include "dask_scheduler.h"
#include "targets.h"

namespace trireme::fuzz {

namespace {

// The only address that peers may name, as msgpack has it: nobody listens there, and nobody outside is called.
constexpr std::string_view kNobody = "\xb1tcp://127.0.0.1:1";

// The byte before the text is the last one of a longer length.
bool is_longer_text(std::string_view before) {
  const auto is = [&](std::size_t back, char type) {
    return before.size() >= back && before[before.size() - back] == type;
  };
  return is(1, '\xd9') || is(2, '\xda') || is(4, '\xdb');
}

bool calls_nobody(std::string_view stream) {
  constexpr std::string_view kScheme = "://";
  constexpr std::size_t kBefore = kNobody.find(kScheme);
  for (std::size_t at = stream.find(kScheme); at != std::string_view::npos; at = stream.find(kScheme, at + 1)) {
    if (at < kBefore || !stream.substr(at - kBefore).starts_with(kNobody)) return false;
    if (is_longer_text(stream.substr(0, at - kBefore))) return false;
  }
  return true;
}

// {peer, length as two bytes, frame 0}; the last may be cut off.
struct Record {
  std::size_t peer;
  std::string_view body;
};

Record take_record(std::string_view& rest) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(rest[at]); };
  const std::size_t length = byte(1) + 256U * byte(2);
  const Record record{byte(0) % DaskScheduler::kPeers, rest.substr(3, length)};
  rest.remove_prefix(3 + record.body.size());
  return record;
}

}  // namespace

void dask_peers(Bytes bytes) {
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!calls_nobody(rest)) return;
  DaskScheduler scheduler;
  while (rest.size() > 3) {
    const Record record = take_record(rest);
    scheduler.send(record.peer, record.body);
    scheduler.check();
  }
}

}  // namespace trireme::fuzz
