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
  (void)dask::find_text(message.root(), "op");
  look_at(message, message.root());
  // As it is passed on to another peer, who must understand it too.
  dask::MessageWriter writer;
  const auto again = dask::Message::decode(writer.value(message).take_frames());
  TRIREME_CHECK(dask::key_of(again.root()) == dask::key_of(message.root()) || again.frames().size() > 1,
                "a message is passed on as another one");
}

// The messages of a stream that comes in pieces, as long as `handle_message` returns true.
template <class HandleMessage>
void read_stream(const dask::FrameLimits& limits, std::string_view stream, std::size_t piece,
                 HandleMessage handle_message) {
  dask::FrameReader reader(limits);
  while (!stream.empty()) {
    const auto room = reader.room();
    const std::size_t count = std::min({room.size(), piece, stream.size()});
    std::memcpy(room.data(), stream.data(), count);
    stream.remove_prefix(count);
    reader.filled(count);
    while (auto frames = reader.next()) {
      if (!handle_message(dask::Message::decode(std::move(*frames)))) return;
    }
  }
}

std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// What the server answers by closing the connection is no failure.
template <class Read>
void expect_refusal_at_worst(Read read) {
  try {
    read();
  } catch (const dask::FrameError&) {
  } catch (const dask::MessageError&) {
  }
}

}  // namespace

void dask_messages(Bytes bytes) {
  if (bytes.empty()) return;
  expect_refusal_at_worst([&] {
    read_stream(kLimits, text_of(bytes.subspan(1)), bytes[0] + std::size_t{1}, [](const dask::Message& message) {
      handle(message);
      return true;
    });
  });
}

void dask_bodies(Bytes bytes) {
  expect_refusal_at_worst([&] { handle(dask::Message::decode({dask::Bytes(std::string(text_of(bytes)))})); });
}

void dask_handshakes(Bytes bytes) {
  if (bytes.empty()) return;
  expect_refusal_at_worst([&] {
    read_stream(dask::kHandshakeLimits, text_of(bytes.subspan(1)), bytes[0] + std::size_t{1},
                [](const dask::Message& first) {
                  TRIREME_CHECK(first.frames()[0].size() <= dask::kHandshakeLimits.message_bytes, "a long handshake");
                  if (!dask::is_handshake(first.root())) return false;
                  for (const std::string_view name : {"compression", "pickle-protocol"})
                    TRIREME_CHECK(dask::find(first.root(), name) != nullptr, "a handshake without {}", name);
                  return false;  // what follows has other limits
                });
  });
}

void dask_graphs(Bytes bytes) {
  const dask::Bytes response{std::string(text_of(bytes))};
  (void)dask::decode_graph(response);
  (void)dask::decode_upload(response);
  (void)dask::decode_call(response);
}

}  // namespace trireme::fuzz
