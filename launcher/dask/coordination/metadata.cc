#include "dask/coordination/metadata.h"

#include "dask/coordination/caller_error.h"
#include "dask/wire/message.h"
#include "dask/wire/message_writer.h"

namespace trireme::launcher::dask {

Metadata::Node Metadata::node_of(const Object& value) {
  Node node;
  if (value.type == msgpack::type::MAP) {
    for (const auto& [name, entry] : pairs(value)) node.entries.insert_or_assign(key_of(name), node_of(entry));
  } else {
    MessageWriter writer;
    node.value = writer.value(value).take();
  }
  return node;
}

void Metadata::pack(const Node& node, MessageWriter& writer) {
  if (node.value) {
    writer.packed(*node.value);
    return;
  }
  writer.map(node.entries.size());
  for (const auto& [name, entry] : node.entries) {
    writer.key(name);
    pack(entry, writer);
  }
}

void Metadata::set(std::span<const Key> path, const Bytes& value) {
  if (path.empty()) throw CallerError("IndexError", "metadata needs at least one key");
  Node entry = node_of(Message::decode(Frames{value}).root());
  Node* node = &root_;
  for (const Key& key : path) {
    node->value.reset();
    node = &node->entries[key];
  }
  *node = std::move(entry);
}

Bytes Metadata::get(std::span<const Key> path, const std::optional<Bytes>& fallback) const {
  const Node* node = &root_;
  for (const Key& key : path) {
    const auto found = node->entries.find(key);
    if (found != node->entries.end()) {
      node = &found->second;
    } else if (fallback) {
      return *fallback;
    } else {
      throw CallerError("KeyError", name_of(key));
    }
  }
  MessageWriter writer;
  pack(*node, writer);
  return Bytes(writer.take());
}

}  // namespace trireme::launcher::dask
