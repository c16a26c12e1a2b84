#pragma once

#include <span>
#include <string_view>

namespace trireme::launcher {

// One file of the dashboard, embedded by embed_assets.cmake; lives as long as the program.
struct Asset {
  std::string_view path;  // of the URL: "/assets/charts.js"
  std::string_view content_type;
  std::string_view etag;  // quoted, a digest of the bytes
  std::string_view bytes;
};

[[nodiscard]] std::span<const Asset> assets();
// nullptr when no asset has this path.
[[nodiscard]] const Asset* find_asset(std::string_view path);

}  // namespace trireme::launcher
