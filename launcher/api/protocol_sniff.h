#pragma once

#include <string_view>

namespace trireme::launcher {

enum class Protocol {
  kUndecided,  // so far the beginning of HTTP/2's preface: look again when more has come
  kGrpc,       // HTTP/2 with prior knowledge
  kHttp,       // looks like an HTTP/1 request line
  kTls,        // a handshake record, such as a ClientHello comes in
  kUnknown,    // binary garbage
};

// HTTP/2's connection preface, which every gRPC client sends first.
inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Tells from a connection's first bytes what speaks on it. Pure; looks at no more than the preface's length.
[[nodiscard]] Protocol sniff(std::string_view first_bytes);

}  // namespace trireme::launcher
