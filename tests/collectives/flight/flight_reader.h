#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include <nlohmann/json.hpp>

namespace trireme::collectives::test {

// FNV-1a, written apart from the library's.
inline std::string checksum_of(const std::string& bytes) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211ULL;
  std::ostringstream text;
  text << std::hex;
  text.width(16);
  text.fill('0');
  text << hash;
  return text.str();
}

// Parses a flight record and compares its checksum.
inline nlohmann::json read_flight_record(const std::filesystem::path& file) {
  std::ifstream stream(file);
  if (!stream) throw std::runtime_error("no flight record " + file.string());
  std::stringstream content;
  content << stream.rdbuf();
  const auto text = content.str();
  auto json = nlohmann::json::parse(text);
  const auto end = text.rfind(json.at("checksum").get<std::string>());
  if (checksum_of(text.substr(0, end)) != json.at("checksum")) throw std::runtime_error("checksum of " + file.string());
  return json;
}

}  // namespace trireme::collectives::test
