#include "dask/server/operations/operation.h"

#include <map>

#include <fmt/format.h>

#include "dask/server/seconds.h"
#include "dask/wire/pickle_writer.h"

namespace trireme::launcher::dask {

namespace {

using Table = std::map<std::string_view, const Operation*>;

Table make_table() {
  Table table;
  for (const auto& group :
       {query_operations(), data_operations(), replica_operations(), broadcast_operations(), membership_operations(),
        restart_operations(), plugin_operations(), named_operations(), lock_operations(), publish_operations(),
        shuffle_operations(), progress_operations(), refused_operations()}) {
    for (const Operation& operation : group) table.emplace(operation.name, &operation);
  }
  return table;
}

}  // namespace

const Object& Request::value(std::string_view name) const {
  const Object* found = find(root(), name);
  if (!found) throw CallerError("TypeError", fmt::format("missing a required argument: '{}'", name));
  return *found;
}

std::string Request::text(std::string_view name) const {
  const auto found = as_text(value(name));
  if (!found) throw CallerError("TypeError", fmt::format("'{}' must be a text", name));
  return std::string(*found);
}

Key Request::key(std::string_view name) const { return key_of(value(name)); }

std::optional<double> Request::seconds(std::string_view name) const { return find_seconds(root(), name); }

std::optional<std::vector<std::string>> Request::texts(std::string_view name) const {
  const Object* found = find_value(root(), name);
  if (!found) return std::nullopt;
  std::vector<std::string> texts;
  for (const Object& element : elements(*found)) texts.push_back(name_of(key_of(element)));
  return texts;
}

const Operation* find_operation(std::string_view name) {
  static const Table table = make_table();
  const auto found = table.find(name);
  return found == table.end() ? nullptr : found->second;
}

void write_error(MessageWriter& reply, std::string_view python_class, std::string_view text) {
  reply.map(5).text("status").text("uncaught-error");
  reply.text("exception").bytes(pickled_exception(python_class, text)).text("traceback").nil();
  reply.text("exception_text").text(fmt::format("{}: {}", python_class, text)).text("traceback_text").text("");
}

void refuse(const std::string& text) { throw CallerError("RuntimeError", text); }

}  // namespace trireme::launcher::dask
