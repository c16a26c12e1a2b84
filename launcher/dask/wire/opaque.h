#pragma once

#include <vector>

#include "dask/wire/bytes.h"

namespace trireme::launcher::dask {

// A value that peers made for each other and nobody here opens: results, exceptions, pickled functions.
//
// In a message it stands as {"__Serialized__": k} or {"__Pickled__": k}; frame k is `header`, the next ones are
// `frames`. It goes out byte for byte as it came in. A plain pickle in a msgpack bin (`kBin`) is held here too, so that
// an exception is one thing, whoever wrote it. See PROTOCOL.md.
struct Opaque {
  enum class Kind { kNil, kSerialized, kPickled, kBin };

  Kind kind = Kind::kNil;
  Bytes header;               // kBin: the bytes themselves
  std::vector<Bytes> frames;  // kBin: none
};

// The same value, which keeps no larger buffer alive.
[[nodiscard]] inline Opaque detached(const Opaque& value) {
  Opaque own{value.kind, value.header.detached(), {}};
  for (const Bytes& frame : value.frames) own.frames.push_back(frame.detached());
  return own;
}

}  // namespace trireme::launcher::dask
