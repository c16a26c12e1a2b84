#include "pseudo_files.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <system_error>

namespace trireme::topology {

namespace fs = std::filesystem;

namespace {
constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;
constexpr std::int64_t kMaxCores = 65536;
constexpr std::string_view kBlanks = " \t\r\n";
}  // namespace

std::vector<std::string> read_lines(const fs::path& file) {
  std::vector<std::string> lines;
  std::ifstream in(file);
  std::size_t bytes = 0;
  for (std::string line; bytes < kMaxFileBytes && std::getline(in, line); bytes += line.size()) lines.push_back(line);
  return lines;
}

std::string read_line(const fs::path& file) {
  const auto lines = read_lines(file);
  return lines.empty() ? std::string() : std::string(trimmed(lines.front()));
}

std::vector<fs::path> list_folder(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    entries.push_back(entry->path());
  }
  std::ranges::sort(entries);
  return entries;
}

std::optional<std::int64_t> leading_number(std::string_view text) {
  text = trimmed(text);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

std::optional<std::uint32_t> hex_number(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with("0x")) text.remove_prefix(2);
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

std::string link_name(const fs::path& link) {
  std::error_code error;
  const auto target = fs::read_symlink(link, error);
  return error ? std::string() : target.filename().string();
}

std::vector<int> parse_core_list(std::string_view text) {
  std::vector<int> cores;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const auto range = text.substr(0, comma);
    const auto dash = range.find('-');
    const auto first = leading_number(range);
    const auto last = dash == std::string_view::npos ? first : leading_number(range.substr(dash + 1));
    if (!first || !last || *first < 0 || *last < *first || *last >= kMaxCores) break;
    for (auto core = *first; core <= *last; ++core) cores.push_back(static_cast<int>(core));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return cores;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace trireme::topology
