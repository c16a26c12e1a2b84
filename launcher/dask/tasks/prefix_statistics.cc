#include "dask/tasks/prefix_statistics.h"

#include <algorithm>
#include <optional>

namespace trireme::launcher::dask::tasks {

namespace {

constexpr std::string_view kOther = "Other";

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) > 127;
}
bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

std::string_view take_sized(std::string_view packed, std::size_t size_bytes) {
  if (packed.size() < 1 + size_bytes) return {};
  std::size_t size = 0;
  for (std::size_t i = 1; i <= size_bytes; ++i) size = size << 8 | static_cast<unsigned char>(packed[i]);
  return packed.substr(1 + size_bytes, size);
}

std::size_t array_header_bytes(unsigned char first) {
  if ((first & 0xf0) == 0x90) return 1;
  return first == 0xdc ? 3 : first == 0xdd ? 5 : 0;
}

// The text or bytes of a key, of a tuple those of its first element; nothing for numbers.
std::string_view text_of(std::string_view packed) {
  while (!packed.empty()) {
    const auto first = static_cast<unsigned char>(packed[0]);
    if (const std::size_t header = array_header_bytes(first); header != 0) {
      packed.remove_prefix(std::min(header, packed.size()));
      continue;
    }
    if ((first & 0xe0) == 0xa0) return packed.substr(1, first & 0x1f);
    if (first == 0xd9 || first == 0xc4) return take_sized(packed, 1);
    if (first == 0xda || first == 0xc5) return take_sized(packed, 2);
    if (first == 0xdb || first == 0xc6) return take_sized(packed, 4);
    break;
  }
  return {};
}

// A word names the kind of task; an eight digit hexadecimal number that happens to have no digits does not.
bool is_word(std::string_view word) {
  if (word.empty() || !std::all_of(word.begin(), word.end(), is_letter)) return false;
  return word.size() != 8 || !std::all_of(word.begin(), word.end(), is_hex);
}

// "('x" of a tuple that was made text is x.
std::string_view stripped(std::string_view word) {
  constexpr std::string_view kUnpleasant = "_'()\"";
  word = word.substr(0, word.find(','));
  const std::size_t begin = word.find_first_not_of(kUnpleasant);
  if (begin == std::string_view::npos) return {};
  return word.substr(begin, word.find_last_not_of(kUnpleasant) - begin + 1);
}

// "<module.Class object at 0x…>" is Class.
std::string_view class_of(std::string_view text) {
  text.remove_prefix(1);
  text = text.substr(0, text.find_first_of(" >"));
  const std::size_t dot = text.rfind('.');
  return dot == std::string_view::npos ? text : text.substr(dot + 1);
}

}  // namespace

void Prefix::add_run(double took) {
  took = std::max(took, 0.0);
  seconds = seconds < 0 ? took : 0.5 * (took + seconds);
}

std::string prefix_name(std::string_view packed) {
  const std::string_view text = text_of(packed);
  std::size_t end = std::min(text.find('-'), text.size());
  std::string name(text.substr(0, end));
  if (name.empty()) return std::string(kOther);
  if (!is_letter(name[0])) name = stripped(name);
  while (end < text.size()) {
    const std::size_t next = std::min(text.find('-', end + 1), text.size());
    const std::string_view word = text.substr(end + 1, next - end - 1);
    if (!is_word(word)) break;
    name.append("-").append(word);
    end = next;
  }
  if (name.empty()) return std::string(kOther);
  if (name.size() == 32 && std::all_of(name.begin(), name.end(), is_hex)) return "data";
  if (name[0] == '<') name = class_of(name);
  return name.empty() ? std::string(kOther) : name;
}

Prefix& PrefixTable::add_task(const Key& key) {
  const auto [found, is_new] = prefixes_.try_emplace(prefix_name(key.packed()));
  Prefix& prefix = found->second;
  if (is_new) prefix.name = found->first;
  if (!is_new && prefix.tasks == 0) --unused_;
  ++prefix.tasks;
  return prefix;
}

void PrefixTable::remove_task(Prefix& prefix) {
  if (--prefix.tasks == 0 && ++unused_ > kMostUnused) drop_unused();
}

double PrefixTable::processing_seconds() const {
  double seconds = 0;
  for (const auto& [name, prefix] : prefixes_) {
    seconds += static_cast<double>(prefix.processing) * prefix.expected_seconds();
  }
  return seconds;
}

void PrefixTable::drop_unused() {
  std::erase_if(prefixes_, [](const auto& each) { return each.second.tasks == 0; });
  unused_ = 0;
}

}  // namespace trireme::launcher::dask::tasks
