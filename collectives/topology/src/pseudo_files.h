#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Reading of /proc and /sys files, which vanish, tear and refuse at any time: nothing here throws for that.
namespace trireme::topology {

// The lines of a file; empty when it cannot be read. Reads at most 1 MiB.
[[nodiscard]] std::vector<std::string> read_lines(const std::filesystem::path& file);
// The first line without surrounding blanks; empty when there is none.
[[nodiscard]] std::string read_line(const std::filesystem::path& file);
// The entries of a folder, sorted by name; empty when it cannot be read.
[[nodiscard]] std::vector<std::filesystem::path> list_folder(const std::filesystem::path& folder);

// "  32594 kB" gives 32594. nullopt when no decimal number leads.
[[nodiscard]] std::optional<std::int64_t> leading_number(std::string_view text);
// The kernel's list format: "0-3,8" gives 0 1 2 3 8. Stops at the first thing that is not such a list.
[[nodiscard]] std::vector<int> parse_core_list(std::string_view text);
// "0x15b3\n" gives 0x15b3. nullopt when no such number leads.
[[nodiscard]] std::optional<std::uint32_t> hex_number(std::string_view text);
// The last part of what a symbolic link points to; empty when it is none.
[[nodiscard]] std::string link_name(const std::filesystem::path& link);
// Without leading and trailing blanks.
[[nodiscard]] std::string_view trimmed(std::string_view text);

}  // namespace trireme::topology
