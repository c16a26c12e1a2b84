#include "api/protocol_sniff.h"

namespace trireme::launcher {

namespace {

constexpr char kHandshakeRecord = 0x16;

bool is_letter(char byte) { return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z'); }

}  // namespace

Protocol sniff(std::string_view first_bytes) {
  if (first_bytes.starts_with(kHttp2Preface)) return Protocol::kGrpc;
  if (kHttp2Preface.starts_with(first_bytes)) return Protocol::kUndecided;
  if (first_bytes.front() == kHandshakeRecord) return Protocol::kTls;
  return is_letter(first_bytes.front()) ? Protocol::kHttp : Protocol::kUnknown;
}

}  // namespace trireme::launcher
