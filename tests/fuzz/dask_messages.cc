#include <algorithm>
#include <cstring>
#include <string>

#include "dask/materializer/materializer_codec.h"
#include "dask/wire/frame_reader.h"
#include "dask/wire/handshake.h"
#include "dask/wire/message.h"
#include "dask/wire/message_writer.h"
#include "targets.h"
#include "trireme/base/check.h"

namespace trireme::fuzz {

namespace {

namespace dask = launcher::dask;

constexpr dask::FrameLimits kLimits{.message_bytes = 1U << 16, .payload_bytes = 1U << 18, .frames = 1U << 10};

// What the server does with any value of a message.
void look_at(const dask::Message& message, const dask::Object& value) {
  const auto key = dask::key_of(value);
  TRIREME_CHECK(dask::key_of(dask::Message::decode(std::string(key.packed())).root()) == key,
                "a key is not the key of what it is written as");
  (void)dask::text_of(key);
  if (dask::reference_of(value).kind != dask::Opaque::Kind::kNil) (void)message.opaque(value);
  for (const auto& element : dask::elements(value)) look_at(message, element);
  for (const auto& [name, inner] : dask::pairs(value)) {
    look_at(message, name);
    look_at(message, inner);
  }
}

void handle(const dask::Message& message) {
  (void)dask::is_handshake(message.root());
  (void)dask::find_text(message.root(), "op");
  look_at(message, message.root());
  // As it is passed on to another peer, who must understand it too.
  dask::MessageWriter writer;
  const auto again = dask::Message::decode(writer.value(message).take_frames());
  TRIREME_CHECK(dask::key_of(again.root()) == dask::key_of(message.root()) || again.frames().size() > 1,
                "a message is passed on as another one");
}

void read_stream(std::string_view stream, std::size_t piece) {
  dask::FrameReader reader(kLimits);
  while (!stream.empty()) {
    const auto room = reader.room();
    const std::size_t count = std::min({room.size(), piece, stream.size()});
    std::memcpy(room.data(), stream.data(), count);
    stream.remove_prefix(count);
    reader.filled(count);
    while (auto frames = reader.next()) handle(dask::Message::decode(std::move(*frames)));
  }
}

}  // namespace

void dask_messages(Bytes bytes) {
  if (bytes.empty()) return;
  const std::string_view stream(reinterpret_cast<const char*>(bytes.data()) + 1, bytes.size() - 1);
  try {
    read_stream(stream, bytes[0] + std::size_t{1});
  } catch (const dask::FrameError&) {
    // What the server answers by closing the connection; so with the next.
  } catch (const dask::MessageError&) {
  }
}

void dask_graphs(Bytes bytes) {
  const dask::Bytes response(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  (void)dask::decode_graph(response);
  (void)dask::decode_upload(response);
  (void)dask::decode_call(response);
}

}  // namespace trireme::fuzz
