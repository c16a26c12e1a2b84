#include "dask/wire/pickle_writer.h"

#include <array>
#include <bit>
#include <cstring>

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
constexpr char kEmptyDict = '}';
constexpr char kSetItem = 's';
constexpr char kBuild = 'b';
constexpr char kEmptyTuple = ')';
constexpr char kTuple = 't';
constexpr char kTuple2 = '\x86';
constexpr char kReduce = 'R';
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
  Pickle& integer(std::int32_t value) {
    out_ += kBinInt;
    return size(value);
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
};

}  // namespace

std::string pickled_exception(std::string_view builtin_class, std::string_view text) {
  return Pickle().global("builtins", builtin_class).op(kMark).text(text).op(kTuple).op(kReduce).stop();
}

std::string pickled_killed_worker(std::string_view task, std::string_view worker_address,
                                  std::uint32_t allowed_failures) {
  Pickle pickle;
  pickle.global("distributed.scheduler", "KilledWorker").op(kMark).text(task);
  pickle.global("types", "SimpleNamespace").op(kEmptyTuple).op(kReduce);
  pickle.op(kEmptyDict).text("address").text(worker_address).op(kSetItem).op(kBuild);
  return pickle.integer(static_cast<std::int32_t>(allowed_failures)).op(kTuple).op(kReduce).stop();
}

std::string pickled_eval(std::string_view expression) {
  return Pickle().global("builtins", "eval").op(kMark).text(expression).op(kTuple).op(kReduce).stop();
}

std::string pickled_text_and_bytes(std::string_view text, std::string_view bytes) {
  return Pickle().text(text).bytes(bytes).op(kTuple2).stop();
}

std::string pickled_empty_map() { return Pickle().op(kEmptyDict).stop(); }

}  // namespace trireme::launcher::dask
