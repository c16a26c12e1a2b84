#include "dask/wire/pickle_writer.h"

#include <array>
#include <bit>
#include <cstring>
#include <map>

#include "dask/wire/message.h"

namespace trireme::launcher::dask {

namespace {

static_assert(std::endian::native == std::endian::little, "pickles hold little-endian integers");

// Opcodes of pickle's protocol 4, by pickletools' names.
constexpr std::string_view kProto4 = "\x80\x04";
constexpr char kGlobal = 'c';
constexpr char kMark = '(';
constexpr char kBinUnicode = 'X';
constexpr char kBinBytes8 = '\x8e';
constexpr char kBinInt = 'J';
constexpr std::string_view kLong1Of8 = "\x8a\x08";
constexpr char kEmptyDict = '}';
constexpr char kSetItem = 's';
constexpr char kSetItems = 'u';
constexpr char kBuild = 'b';
constexpr char kEmptyTuple = ')';
constexpr char kTuple = 't';
constexpr char kTuple2 = '\x86';
constexpr char kReduce = 'R';
constexpr char kNewObject = '\x81';
constexpr char kNone = 'N';
constexpr char kMemoize = '\x94';
constexpr char kLongBinGet = 'j';
constexpr char kStop = '.';

class Pickle {
 public:
  Pickle& op(char opcode) {
    out_ += opcode;
    return *this;
  }
  Pickle& global(std::string_view module, std::string_view name) {
    out_ += kGlobal;
    out_.append(module).append("\n").append(name).append("\n");
    return *this;
  }
  Pickle& text(std::string_view text) {
    out_ += kBinUnicode;
    return size(static_cast<std::uint32_t>(text.size())).raw(text);
  }
  Pickle& bytes(std::string_view bytes) {
    out_ += kBinBytes8;
    return size(static_cast<std::uint64_t>(bytes.size())).raw(bytes);
  }
  Pickle& integer(std::int64_t value) {
    if (value == static_cast<std::int32_t>(value)) return op(kBinInt).size(static_cast<std::int32_t>(value));
    return raw(kLong1Of8).size(value);
  }
  // What a text that may come again looks like from the second time on.
  Pickle& shared_text(const std::string& value) {
    const auto [found, is_new] = memo_.try_emplace(value, static_cast<std::uint32_t>(memo_.size()));
    return is_new ? text(value).op(kMemoize) : op(kLongBinGet).size(found->second);
  }
  // An integer, or a tuple of integers.
  Pickle& partition(const Object& value) {
    if (value.type == msgpack::type::ARRAY) {
      op(kMark);
      for (const Object& each : elements(value)) partition(each);
      return op(kTuple);
    }
    if (value.type == msgpack::type::NEGATIVE_INTEGER) return integer(value.via.i64);
    if (value.type != msgpack::type::POSITIVE_INTEGER) throw MessageError("a partition that is no integer");
    return integer(static_cast<std::int64_t>(value.via.u64));
  }
  [[nodiscard]] std::string stop() { return std::move(op(kStop).out_); }

 private:
  template <class Integer>
  Pickle& size(Integer value) {
    std::array<char, sizeof value> bytes;
    std::memcpy(bytes.data(), &value, sizeof value);
    return raw({bytes.data(), bytes.size()});
  }
  Pickle& raw(std::string_view bytes) {
    out_ += bytes;
    return *this;
  }

  std::string out_{kProto4};
  std::map<std::string, std::uint32_t> memo_;
};

}  // namespace

std::string pickled_exception(std::string_view builtin_class, std::string_view text) {
  return pickled_exception("builtins", builtin_class, text);
}

std::string pickled_exception(std::string_view module, std::string_view name, std::string_view text) {
  return Pickle().global(module, name).op(kMark).text(text).op(kTuple).op(kReduce).stop();
}

std::string pickled_killed_worker(std::string_view task, std::string_view worker_address,
                                  std::uint32_t allowed_failures) {
  Pickle pickle;
  pickle.global("distributed.scheduler", "KilledWorker").op(kMark).text(task);
  pickle.global("types", "SimpleNamespace").op(kEmptyTuple).op(kReduce);
  pickle.op(kEmptyDict).text("address").text(worker_address).op(kSetItem).op(kBuild);
  return pickle.integer(allowed_failures).op(kTuple).op(kReduce).stop();
}

std::string pickled_eval(std::string_view expression) {
  return Pickle().global("builtins", "eval").op(kMark).text(expression).op(kTuple).op(kReduce).stop();
}

std::string pickled_text_and_bytes(std::string_view text, std::string_view bytes) {
  return Pickle().text(text).bytes(bytes).op(kTuple2).stop();
}

std::string pickled_empty_map() { return Pickle().op(kEmptyDict).stop(); }

std::string pickled_instance(std::string_view module, std::string_view name) {
  return Pickle().global(module, name).op(kEmptyTuple).op(kReduce).stop();
}

std::string pickled_shuffle_run(std::int64_t run, std::string_view spec, std::span<const Key> partitions,
                                std::span<const std::string> workers) {
  Pickle pickle;
  pickle.global("distributed.shuffle._core", "ShuffleRunSpec").op(kEmptyTuple).op(kNewObject);
  pickle.op(kEmptyDict).op(kMark).text("run_id").integer(run).text("span_id").op(kNone);
  pickle.text("spec").global("pickle", "loads").op(kMark).bytes(spec).op(kTuple).op(kReduce);
  pickle.text("worker_for").op(kEmptyDict).op(kMark);
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    pickle.partition(Message::decode(std::string(partitions[i].packed())).root()).shared_text(workers[i]);
  }
  return pickle.op(kSetItems).op(kSetItems).op(kBuild).stop();
}

}  // namespace trireme::launcher::dask
