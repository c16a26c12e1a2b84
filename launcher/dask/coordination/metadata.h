#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>

#include "dask/wire/bytes.h"
#include "dask/wire/key.h"
#include "dask/wire/message.h"

namespace trireme::launcher::dask {

class MessageWriter;

// Client.set_metadata() and get_metadata(): a tree of maps with msgpack values at its leaves.
//
// A value that is a map becomes a part of the tree. Not thread-safe.
class Metadata {
 public:
  // Makes the maps on the path; a value that is in the way is replaced by one. Throws CallerError for an empty path and
  // MessageError when the value is no msgpack.
  void set(std::span<const Key> path, const Bytes& value);
  // The msgpack of the value or the map at the end of the path. Throws CallerError (KeyError) when there is none and
  // no default was given.
  [[nodiscard]] Bytes get(std::span<const Key> path, const std::optional<Bytes>& fallback) const;

 private:
  struct Node {
    std::optional<std::string> value;  // msgpack; nullopt: a map
    std::map<Key, Node> entries;
  };

  [[nodiscard]] static Node node_of(const Object& value);
  static void pack(const Node& node, MessageWriter& writer);

  Node root_;
};

}  // namespace trireme::launcher::dask
